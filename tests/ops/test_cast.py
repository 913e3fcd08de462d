"""Cast: between all element types in C as in the reference, and exact where integers fit."""

from __future__ import annotations

import tempfile
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph, Node
from codegen.ir.types import Array, DType, Quant, TensorType
from codegen.ops import Cast
from codegen.ops.cast import steps_of
from codegen.quantize.formats import make_format, whole_steps
from codegen.toolchain.host import build_host, run_host
from tests.ops.harness import GENERIC, int8, merged, write_c

PLAIN = Quant((1.0,))
INTEGERS = [dtype for dtype in DType if dtype is not DType.FLOAT32]


def cast_graph(op: Cast, x: TensorType, y: Quant = PLAIN) -> Graph:
    dtype = y.element if op.dtype is DType.FLOAT32 else op.dtype
    types = {"x": x, "y": TensorType(x.shape, dtype, y)}
    return Graph("net", ("x",), ("y",), (Node(op, ("x",), "y"),), types, {})


def corners(dtype: DType, shape: tuple[int, ...]) -> Array:
    """Six samples: the ends of a type, what is near them and zero, and random integers."""
    rng = np.random.default_rng(0)
    near = [dtype.min, dtype.max, 0, 1, dtype.max // 2, dtype.min // 2]
    x = rng.integers(dtype.min, dtype.max, (6, *shape), dtype.numpy, endpoint=True)
    x[:3].flat[: len(near)] = near
    small = rng.integers(max(dtype.min, -40), min(dtype.max, 200), x[3:].shape, endpoint=True)
    x[3:] = small.astype(dtype.numpy)
    return x


def assert_same_in_c(graphs: list[Graph]) -> None:
    graph = merged(graphs)
    inputs = [corners(graph.types[name].dtype, graph.types[name].shape) for name in graph.inputs]
    expected = evaluate(graph, inputs)
    with tempfile.TemporaryDirectory() as scratch:
        program = write_c(graph, GENERIC, Path(scratch), inputs)
        outputs = run_host(build_host(Path(scratch), program.interface, Path(scratch)), inputs)
    for name, got in zip(graph.outputs, outputs, strict=True):
        np.testing.assert_array_equal(got, expected[name])


def test_integers_lose_bits_in_c() -> None:
    graphs = [
        cast_graph(Cast(to, exact=True), TensorType((2, 3), of, PLAIN))
        for of, to in product(INTEGERS, INTEGERS)
        if of is not to
    ]
    assert_same_in_c(graphs)


def test_reals_become_integers_in_c() -> None:
    formats = [(0.05, -3), (1.0, 0), (700.0, 127), (3e7, -128), (1e17, 0)]
    assert_same_in_c([cast_graph(Cast(to), int8((4,), *f)) for to in INTEGERS for f in formats])


def test_integers_become_reals_in_c() -> None:
    formats = [(1.0, 0), (0.5, -128), (1 / 3, 127), (0.0137, 5), (40.0, 0), (5e6, -7)]
    quants = [Quant((scale,), zero) for scale, zero in formats]
    quants += [Quant((scale,), element=DType.INT16) for scale in (1.0, 1 / 300, 0.00137, 5e4)]
    op = Cast(DType.FLOAT32, exact=True)
    kinds = [TensorType((2, 3), dtype, PLAIN) for dtype in INTEGERS]
    assert_same_in_c([cast_graph(op, x, y) for x, y in product(kinds, quants)])


def test_reals_are_truncated_and_saturate() -> None:
    x = np.array([[-300.7, -1.9, -0.3, 0.0, 0.9, 126.99, 300.2, np.inf]])
    made = Cast(DType.INT8).evaluate(x)
    np.testing.assert_array_equal(made, [[-128, -1, 0, 0, 0, 126, 127, 127]])
    made = Cast(DType.UINT64).evaluate(np.array([[-1.0, 1e30]]))
    np.testing.assert_array_equal(made, np.array([[0, 2**64 - 1]], np.uint64))
    np.testing.assert_array_equal(Cast(DType.BOOL).evaluate(x), x != 0)


@pytest.mark.parametrize("element", [DType.INT8, DType.INT16])
@pytest.mark.parametrize("found", [(0.0, 1.0), (-3.0, 9.0), (0.0, 255.0), (5.0, 100.0)])
def test_integers_of_a_small_range_are_exact(found: tuple[float, float], element: DType) -> None:
    quant = make_format(whole_steps(found, element), element)
    x = np.arange(int(found[0]), int(found[1]) + 1)[None]
    kind = TensorType(x.shape[1:], DType.INT32, PLAIN)
    graph = cast_graph(Cast(DType.FLOAT32, exact=True), kind, quant)
    made = evaluate(graph, [x.astype(np.int32)])["y"]
    np.testing.assert_allclose(quant.dequantize(made), x, rtol=1e-6)


@pytest.mark.parametrize("scale", [0.001, 0.7, 3.3, 1000.0, 2e6])
def test_others_are_rounded_once(scale: float) -> None:
    x = np.random.default_rng(1).integers(-(2**31), 2**31, (1, 4000)) // int(1 + 1e9 / 150 / scale)
    quant = Quant((scale,), 4)
    graph = cast_graph(
        Cast(DType.FLOAT32, exact=True), TensorType((4000,), DType.INT32, PLAIN), quant
    )
    made = evaluate(graph, [x.astype(np.int32)])["y"]
    exact = np.clip(x / scale + 4, -128, 127)
    assert np.abs(made - exact).max() <= 0.5 + 1e-2
    assert len(np.unique(made)) > 1


def test_what_no_multiplier_reaches_is_told() -> None:
    with pytest.raises(ValueError, match="too large for int8 in steps of"):
        steps_of(DType.INT64, Quant((1e15,)))
