"""MatMulInteger: in C as in the reference, whatever the types and whichever operand is constant."""

from __future__ import annotations

import tempfile
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph, Node
from codegen.ir.types import Array, DType, Quant, TensorType
from codegen.ops import MatMulInteger
from codegen.toolchain.host import build_host, run_host
from tests.ops.harness import GENERIC, merged, write_c

PLAIN = Quant((1.0,))
BYTES = (DType.INT8, DType.UINT8)


def extremes(kind: TensorType, count: tuple[int, ...] = ()) -> Array:
    """Random elements, among them the ends of the type."""
    rng = np.random.default_rng(kind.elements)
    shape = (*count, *kind.shape)
    low, high = max(kind.dtype.min, -255), min(kind.dtype.max, 255)
    x = rng.integers(low, high, shape, endpoint=True).astype(kind.dtype.numpy)
    x.flat[:2] = (low, high)
    if count:
        x[-1], x[-2] = low, high
    return x


def graph_of(a: DType, b: DType, held: str, zeros: tuple[int, int]) -> Graph:
    types = {"a": TensorType((2, 3, 9), a, PLAIN), "b": TensorType((2, 9, 5), b, PLAIN)}
    op = MatMulInteger(zeros)
    computed = tuple(name for name in "ab" if name != held)
    constants = {held: extremes(types[held])} if held else {}
    types["y"] = op.infer(types["a"], types["b"])
    return Graph("net", computed, ("y",), (Node(op, ("a", "b"), "y"),), types, constants)


def test_products_in_c() -> None:
    graphs = [graph_of(a, b, "", (3, -7)) for a, b in product(BYTES, BYTES)]
    graphs += [graph_of(DType.INT16, b, "a", (0, 200)) for b in BYTES]
    graphs += [graph_of(a, DType.INT8, "b", (0, 0)) for a in BYTES]
    graph = merged(graphs)
    inputs = [extremes(graph.types[name], (5,)) for name in graph.inputs]
    expected = evaluate(graph, inputs)
    with tempfile.TemporaryDirectory() as scratch:
        program = write_c(graph, GENERIC, Path(scratch), inputs)
        outputs = run_host(build_host(Path(scratch), program.interface, Path(scratch)), inputs)
    for name, got in zip(graph.outputs, outputs, strict=True):
        np.testing.assert_array_equal(got, expected[name])


def test_sums_beyond_32_bits_are_told() -> None:
    a = TensorType((1, 1, 40_000), DType.INT8, PLAIN)
    with pytest.raises(ValueError, match="may exceed 32 bits"):
        MatMulInteger().infer(a, TensorType((1, 40_000, 1), DType.INT8, PLAIN))
