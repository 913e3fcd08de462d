"""Inputs and outputs of every element type, moved by every operator that moves, to the last bit."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph, Node
from codegen.ir.interface import Transfer
from codegen.ir.op import Op
from codegen.ir.program import Program
from codegen.ir.rewrite import result_type
from codegen.ir.types import DType, Quant, TensorType
from codegen.ops import Concat, Pad, Reshape, Resize, Slice, Transpose
from codegen.plan.solve import schedule_and_plan
from codegen.targets import load_target
from codegen.toolchain import build_target, emulate
from codegen.toolchain.compile_check import find_warnings
from codegen.toolchain.host import build_host, run_host
from codegen.toolchain.sanitize import build_sanitized, run_sanitized
from codegen.toolchain.tools import host_compiler, list_compilers
from codegen.verify import make_inputs
from tests.ops.harness import ARM_DSP, write_c
from tests.toolchain.toy_network import needs_target_tools

INTEGERS = [dtype for dtype in DType if dtype is not DType.FLOAT32]
WIDTHS = [DType.BOOL, DType.UINT16, DType.INT32, DType.INT64]
"""A type of each size."""
IMAGE = (4, 5, 3)
WAYS = [Transfer("const", "arena"), Transfer("const", "rows"), Transfer("rows", "rows")]
SELF_TEST = """
#include "net_test.h"
static int64_t arena[(NET_ARENA_SIZE + 7) / 8];
int main(void) { return net_self_test(arena); }
"""


def moving(dtype: DType, only: str = "") -> Graph:
    """All that moves values, on integers of a type; `flag` is an input of its own type.

    With `only`, what makes that one output of the one input `x`.
    """
    plain = Quant((1.0,))
    types = {"x": TensorType(IMAGE, dtype, plain), "flag": TensorType((3,), DType.BOOL, plain)}
    nodes: list[Node] = []

    def add(name: str, op: Op, *operands: str) -> None:
        types[name] = result_type(op, tuple(types[operand] for operand in operands))
        nodes.append(Node(op, operands, name))

    add("padded", Pad((1, 0, 2), (0, 1, 0), 1.0), "x")
    add("turned", Transpose((0, 2, 1)), "padded")
    add("cut", Slice((4, 1, 0), (3, 3, 3), (-1, 1, 2)), "turned")
    add("swapped", Transpose((2, 0, 1)), "x")
    add("flat", Reshape((60,)), "swapped")
    add("framed", Pad((3,), (2,), 0.0), "flat")
    add("part", Slice((7,), (20,), (2,)), "framed")
    add("channels", Slice((0, 0, 1), (4, 5, 2), (1, 1, 1)), "x")
    add("wider", Concat(2), "channels", "x")
    add("taller", Concat(0), "x", "x")
    add("between", Concat(1), "x", "x")
    add("larger", Resize((8, 10), (1, 0, 2), (1, 0, 2)), "x")
    add("flags", Reshape((3, 1)), "flag")
    graph = Graph("net", ("x", "flag"), OUTPUTS, tuple(nodes), types, {})
    if not only:
        return graph
    kept = [node for node in nodes if node.output in ("padded", "turned", only)]
    return graph.with_nodes(kept, inputs=("x",), outputs=(only,))


OUTPUTS = ("cut", "part", "wider", "taller", "between", "larger", "flags")


def emitted(folder: Path, graph: Graph, transfer: Transfer) -> Program:
    """Emit a graph into a folder."""
    inputs = [batch[1:] for batch in make_inputs(graph, [], 2).arrays]
    return write_c(graph, ARM_DSP, folder, inputs, schedule_and_plan(graph, ARM_DSP, transfer))


@pytest.mark.parametrize("dtype", INTEGERS, ids=lambda dtype: dtype.value)
def test_host(dtype: DType, tmp_path: Path) -> None:
    graph = moving(dtype)
    program = emitted(tmp_path, graph, Transfer())
    inputs = make_inputs(graph, [], 5).arrays
    expected = evaluate(graph, inputs)
    found = run_host(build_host(tmp_path, program.interface, tmp_path), inputs)
    for name, got in zip(graph.outputs, found, strict=True):
        assert got.dtype == graph.types[name].dtype.numpy
        np.testing.assert_array_equal(got, expected[name])


@needs_target_tools
@pytest.mark.parametrize("dtype", WIDTHS, ids=lambda dtype: dtype.value)
def test_target(dtype: DType, tmp_path: Path) -> None:
    graph = moving(dtype)
    program = emitted(tmp_path, graph, Transfer())
    inputs = make_inputs(graph, [], 2).arrays
    expected = evaluate(graph, inputs)
    build = build_target(tmp_path, program.interface, load_target("cortex-m4"), tmp_path)
    for name, got in zip(graph.outputs, emulate(build, inputs).outputs, strict=True):
        np.testing.assert_array_equal(got, expected[name])


@pytest.mark.parametrize("transfer", WAYS, ids=lambda way: f"{way.inputs}-{way.outputs}")
@pytest.mark.parametrize("dtype", [DType.UINT8, DType.INT32], ids=lambda dtype: dtype.value)
def test_transfer(dtype: DType, transfer: Transfer, tmp_path: Path) -> None:
    """In every mode: right, clean as C99 and C++17, and nothing for sanitizers to find."""
    graph = moving(dtype, "cut")
    program = emitted(tmp_path, graph, transfer)
    inputs = make_inputs(graph, [], 3).arrays
    expected = evaluate(graph, inputs)["cut"]
    (on_host,) = run_host(build_host(tmp_path, program.interface, tmp_path), inputs)
    np.testing.assert_array_equal(on_host, expected)
    (checked,) = run_sanitized(build_sanitized(tmp_path, program.interface, tmp_path), inputs)
    np.testing.assert_array_equal(checked, expected)


@pytest.mark.parametrize(
    "transfer", [Transfer(), WAYS[-1]], ids=lambda w: f"{w.inputs}-{w.outputs}"
)
def test_text(transfer: Transfer, tmp_path: Path) -> None:
    """No warning of any compiler, nothing for clang-format to change, and the self-test passes."""
    only = "cut" if "rows" in (transfer.inputs, transfer.outputs) else ""
    program = emitted(tmp_path, moving(DType.INT64, only), transfer)
    for compiler in list_compilers():
        assert find_warnings(tmp_path, program.interface, compiler) == ""
        if compiler.cxx is not None:
            assert find_warnings(tmp_path, program.interface, compiler, "c++17") == ""
    if clang_format := shutil.which("clang-format"):
        style = Path(__file__).parents[2] / ".clang-format"
        for file in sorted(tmp_path.glob("net*.[ch]")):
            command = [clang_format, f"--style=file:{style}", str(file)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            assert done.stdout == file.read_text(), file.name
    (tmp_path / "main.c").write_text(SELF_TEST)
    sources = ["main.c", "net.c", "net_weights.c"]
    subprocess.run([*host_compiler().c, "-o", "main", *sources], cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "main"]).returncode == 0
