"""FlipSign, and tables of uint8: every integer, rows of every length, in place and not."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph, Node
from codegen.ir.types import DType, TensorType
from codegen.ops import Clip, FlipSign
from codegen.toolchain.compile_check import find_warnings
from codegen.toolchain.tools import list_compilers
from tests.ops.harness import (
    GENERIC,
    HLS,
    assert_c_equals_reference,
    int8,
    merged,
    samples,
    write_c,
)

STYLE = Path(__file__).parents[2] / ".clang-format"


def uint8(shape: tuple[int, ...]) -> TensorType:
    return FlipSign().infer(int8(shape, 0.05, -3))


def flip(kind: TensorType) -> Graph:
    types = {"x": kind, "y": FlipSign().infer(kind)}
    return Graph("net", ("x",), ("y",), (Node(FlipSign(), ("x",), "y"),), types)


def there_and_back(kind: TensorType) -> Graph:
    """What is read twice is not flipped in place."""
    nodes = (
        Node(FlipSign(), ("x",), "a"),
        Node(FlipSign(), ("x",), "b"),
        Node(FlipSign(), ("b",), "y"),
    )
    other = FlipSign().infer(kind)
    return Graph("net", ("x",), ("a", "y"), nodes, {"x": kind, "a": other, "b": other, "y": kind})


def clip(x: TensorType, y: TensorType) -> Graph:
    return Graph("net", ("x",), ("y",), (Node(Clip(-1, 2), ("x",), "y"),), {"x": x, "y": y})


def test_rows_of_every_length() -> None:
    shapes = [(n,) for n in range(1, 10)] + [(3, n) for n in (2, 5, 8)] + [(4, 3, 7)]
    graphs = [flip(kind(shape)) for kind in (int8, uint8) for shape in shapes]
    program = assert_c_equals_reference(merged(graphs), GENERIC, np.random.default_rng(0))
    assert len({layer.function.name for layer in program.layers}) == 1
    assert_c_equals_reference(merged(graphs), HLS, np.random.default_rng(0))
    graphs = [there_and_back(kind((3, 7))) for kind in (int8, uint8)]
    assert_c_equals_reference(merged(graphs), GENERIC, np.random.default_rng(0))


@pytest.mark.parametrize("dtype", [DType.INT8, DType.UINT8])
def test_every_integer_is_the_same_real(dtype: DType) -> None:
    kind = replace(int8((256,), 0.05, -3) if dtype is DType.INT8 else uint8((256,)))
    values = np.arange(dtype.min, dtype.max + 1).astype(dtype.numpy)[None]
    graph = flip(kind)
    result = graph.types["y"].quant
    assert kind.quant is not None and result is not None
    found = evaluate(graph, [values])["y"]
    np.testing.assert_array_equal(result.dequantize(found), kind.quant.dequantize(values))


def test_tables_from_and_to_uint8() -> None:
    shape = (3, 3, 5)
    kinds = int8(shape, 0.05, -3), uint8(shape)
    graphs = [clip(x, y) for x in kinds for y in kinds]
    assert_c_equals_reference(merged(graphs), GENERIC, np.random.default_rng(0))
    values = np.arange(256)[None]
    x, y = uint8((256,)), int8((256,), 0.05, -3)
    found = evaluate(clip(x, y), [values.astype(np.uint8)])["y"]
    expected = evaluate(clip(y, x), [(values - 128).astype(np.int8)])["y"]
    np.testing.assert_array_equal(found.astype(int) + 128, expected)


def test_text(tmp_path: Path) -> None:
    """No warning of any compiler, and nothing for clang-format to change."""
    graphs = [flip(uint8((3, n))) for n in (2, 5, 8)] + [clip(uint8((3, 5)), int8((3, 5)))]
    graph = merged(graphs)
    program = write_c(graph, GENERIC, tmp_path, samples(graph, np.random.default_rng(0)))
    for compiler in list_compilers():
        assert find_warnings(tmp_path, program.interface, compiler) == ""
        if compiler.cxx is not None:
            assert find_warnings(tmp_path, program.interface, compiler, "c++17") == ""
    if clang_format := shutil.which("clang-format"):
        for file in sorted(tmp_path.glob("net*.[ch]")):
            command = [clang_format, f"--style=file:{STYLE}", str(file)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            assert done.stdout == file.read_text(), file.name
