"""Every deployable network becomes C that equals the reference, and still tells inputs apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codegen.options import Options
from codegen.pipeline import Compiled, compile_model
from codegen.quantize import graph_inputs
from codegen.targets import load_target
from codegen.verify import Subject, make_inputs, run_reference, study
from tests.zoo.small import CASES, DETECTORS, SEGMENTERS, SHUFFLENETS, Case, case_name

CORE = "cortex-m7"
HOST_INPUTS = 4
QUICK: tuple[Case, ...] = (
    ("squeezenet", {"version": "1.1", "bypass": "complex", "resolution": 48, "classes": 4}),
    SHUFFLENETS[1],
    ("cifar10_cnn", {}),
    ("resnet_cifar", {"depth": 20}),
    DETECTORS[0],
    SEGMENTERS[1],
)
"""A sample in which every operator of the zoo is met."""


def cases() -> list[object]:
    slow = pytest.mark.slow
    return [
        pytest.param(case, id=case_name(case), marks=() if case in QUICK else slow)
        for case in CASES
    ]


@pytest.mark.parametrize("case", cases())
def test_c_equals_the_reference(case: Case, tmp_path: Path) -> None:
    name, options = case
    compiled = compile_model(Options(name, CORE, network=options))
    check_outputs(compiled)
    for file, content in compiled.files.items():
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / file).write_bytes(data)
    graph = compiled.network.graph
    inputs = make_inputs(graph, graph_inputs(graph, compiled.network.samples), HOST_INPUTS)
    subject = Subject(
        tmp_path,
        compiled.program.interface,
        graph,
        compiled.network.target.kernels,
        inputs,
        run_reference(graph, inputs),
    )
    found = study(subject, [load_target(CORE)], target_inputs=1)
    assert [(check.place, check.equal) for check in found.checks] == [("host", True), (CORE, True)]
    assert found.notes == ()


def check_outputs(compiled: Compiled) -> None:
    """Outputs use a good part of their format, and differ from input to input."""
    graph = compiled.network.graph
    samples = graph_inputs(graph, compiled.network.samples)
    for output in run_reference(graph, make_inputs(graph, samples, compiled.network.samples.count)):
        assert len(np.unique(output, axis=0)) >= len(output) * 3 // 4
        assert np.ptp(output.astype(np.int32)) > 100
