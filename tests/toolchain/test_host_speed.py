"""What is emitted for the host is worth running: many inputs, far sooner than the reference."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from codegen.emit.folder import write_files
from codegen.ir.evaluate import evaluate
from codegen.ir.types import Array
from codegen.options import Options
from codegen.pipeline import compile_model
from codegen.toolchain.host import build_host, run_host

SAMPLES = 64
LEAST = 3.0
"""Below what a quiet machine shows, since others may use this one too."""

slow = pytest.mark.slow


@pytest.mark.parametrize(
    "name",
    [
        "mlperf_tiny_kws_dscnn_int8",
        pytest.param("mlperf_tiny_ic_resnet8_int8", marks=slow),
        pytest.param("mlperf_tiny_vww_mobilenetv1_025_96_int8", marks=slow),
        pytest.param("cifar10_caffe_m7_ortqdq_int8", marks=slow),
    ],
)
def test_the_host_is_faster_than_the_reference(
    name: str, shared_models: Path, tmp_path: Path
) -> None:
    compiled = compile_model(Options(model=str(shared_models / f"{name}.onnx"), target="host"))
    graph = compiled.network.graph
    rng = np.random.default_rng(0)
    inputs = [
        rng.integers(-128, 128, (SAMPLES, *graph.types[value].shape)).astype(np.int8)
        for value in graph.inputs
    ]
    write_files(tmp_path, compiled.files)
    build = build_host(tmp_path, compiled.program.interface, tmp_path, fast=True)
    reference_s, expected = best_of(lambda: tuple(evaluate(graph, inputs).values()))
    host_s, found = best_of(lambda: run_host(build, inputs))
    for right, given in zip(expected, found, strict=True):
        np.testing.assert_array_equal(given, right)
    assert reference_s / host_s >= LEAST


def best_of(
    run: Callable[[], tuple[Array, ...]], times: int = 5
) -> tuple[float, tuple[Array, ...]]:
    """Return the least seconds of some runs, and what the last of them returned."""
    least = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        found = run()
        least = min(least, time.perf_counter() - start)
    return least, found
