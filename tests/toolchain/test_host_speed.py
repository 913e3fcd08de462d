"""What is emitted for the host is worth running: many inputs, far sooner than the reference."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from codegen.emit.folder import write_files
from codegen.ir.evaluate import evaluate
from codegen.ir.types import Array
from codegen.options import Options
from codegen.pipeline import compile_model
from codegen.toolchain.host import build_host, run_host

TIMES = 7

slow = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "samples", "least"),
    [
        pytest.param("mlperf_tiny_ad_autoencoder_int8", 4000, 2.0, marks=slow),
        pytest.param("mlperf_tiny_kws_dscnn_int8", 64, 3.0, marks=slow),
        pytest.param("mlperf_tiny_ic_resnet8_int8", 64, 3.0, marks=slow),
        pytest.param("mlperf_tiny_vww_mobilenetv1_025_96_int8", 64, 3.0, marks=slow),
        pytest.param("cifar10_caffe_m7_ortqdq_int8", 64, 3.0, marks=slow),
    ],
)
def test_the_host_is_faster_than_the_reference(
    name: str, samples: int, least: float, shared_models: Path, tmp_path: Path
) -> None:
    """`least` is below what a quiet machine shows, since others may use this one too.

    To the reference a dense layer of many samples is one product of matrices.
    """
    compiled = compile_model(Options(model=str(shared_models / f"{name}.onnx"), target="host"))
    graph = compiled.network.graph
    rng = np.random.default_rng(0)
    inputs = [
        rng.integers(-128, 128, (samples, *graph.types[value].shape)).astype(np.int8)
        for value in graph.inputs
    ]
    write_files(tmp_path, compiled.files)
    build = build_host(tmp_path, compiled.program.interface, tmp_path, fast=True)
    ratios = []
    for _ in range(TIMES):
        reference_s, expected = timed(lambda: tuple(evaluate(graph, inputs).values()))
        host_s, found = timed(lambda: run_host(build, inputs))
        ratios.append(reference_s / host_s)
    for right, given in zip(expected, found, strict=True):
        np.testing.assert_array_equal(given, right)
    assert median(ratios) >= least, ratios


def timed(run: Callable[[], tuple[Array, ...]]) -> tuple[float, tuple[Array, ...]]:
    """Return the seconds that a run takes of all cores, and what it returned."""
    start = time.process_time()
    found = run()
    return time.process_time() - start, found
