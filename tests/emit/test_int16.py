"""The emitted C of int16 activations: clean under every compiler, tidy, and well defined."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings

from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.program import Program
from codegen.toolchain.compile_check import Language, find_warnings
from codegen.toolchain.sanitize import build_sanitized, run_sanitized
from codegen.toolchain.tools import Compiler, list_compilers
from tests.emit.formatting import assert_formatted
from tests.ops.harness import ARM_DSP, GENERIC, merged, samples, write_c
from tests.ops.int16_cases import FUNCTIONS, LAYERS, OTHERS, graph_of

Emitted = tuple[Path, Program, Graph]


def mixture() -> Graph:
    """Random operators of every kind."""
    found = [graph_of(op, x, y) for op, x, y, _, _ in FUNCTIONS]

    @settings(max_examples=16, database=None, derandomize=True, phases=[Phase.generate])
    @given(LAYERS, OTHERS)
    def collect(layer: Graph, other: Graph) -> None:
        found.extend((layer, other))

    collect()
    return merged(found)


@pytest.fixture(scope="module", params=[GENERIC, ARM_DSP], ids=lambda families: str(families[0]))
def emitted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Emitted:
    folder, graph = tmp_path_factory.mktemp("net"), mixture()
    inputs = samples(graph, np.random.default_rng(0))
    return folder, write_c(graph, request.param, folder, inputs), graph


@pytest.mark.parametrize("language", ["c99", "c++17"])
@pytest.mark.parametrize("compiler", list_compilers(), ids=lambda c: c.name)
def test_no_warnings(emitted: Emitted, compiler: Compiler, language: Language) -> None:
    folder, program, _ = emitted
    if language == "c++17" and compiler.cxx is None:
        pytest.skip(f"{compiler.name} comes without C++")
    assert find_warnings(folder, program.interface, compiler, language) == ""


def test_sanitizers_find_nothing(emitted: Emitted, tmp_path: Path) -> None:
    folder, program, graph = emitted
    inputs = samples(graph, np.random.default_rng(0))
    outputs = run_sanitized(build_sanitized(folder, program.interface, tmp_path), inputs)
    expected = evaluate(graph, inputs)
    for name, got in zip(graph.outputs, outputs, strict=True):
        np.testing.assert_array_equal(got, expected[name])


def test_clang_format_has_nothing_to_change(emitted: Emitted) -> None:
    assert_formatted(emitted[0])
