"""Take and Blend: loops, tables, and fill values; C equals the reference bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.ir.graph import Graph
from codegen.ir.types import Array, DType, TensorType
from codegen.ops import Concat, Constant, Take, Transpose
from codegen.ops.runs import strided_loops
from codegen.schedule.kernels import variants
from tests.ops.cases import blends, takes
from tests.ops.harness import GENERIC, int8, op_graph
from tests.ops.test_kernels import check, few, several


def take_graph(shape: tuple[int, ...], index: Array, value: float = 0.0) -> Graph:
    """A graph that takes elements of a value of that shape."""
    held = (index.astype(np.int32), TensorType(index.shape, DType.INT32))
    return op_graph(Take(value), [int8(shape, 0.05, 3)], (0.05, 3), [held])


@few
@given(graphs=st.lists(takes(), **several))
def test_take(graphs: list[Graph]) -> None:
    check(graphs, GENERIC)


@few
@given(graphs=st.lists(blends(), **several))
def test_blend(graphs: list[Graph]) -> None:
    check(graphs, GENERIC)


@given(blends())
def test_a_blend_is_within_a_step_of_the_real_one(graph: Graph) -> None:
    """Where results do not saturate; weights of the kernel are coarser than those of the floats."""
    (node,) = graph.nodes
    signature = graph.signature(node)
    x, y = graph.types["x0"], graph.types["y"]
    assert x.quant is not None and y.quant is not None
    q = np.random.default_rng(0).integers(-128, 128, (8, *x.shape)).astype(np.int8)
    constants = [graph.constants[name] for name in node.inputs[1:]]
    real = node.op.evaluate(x.quant.dequantize(q), *constants) / y.quant.scale + y.quant.zero_point
    found = node.op.evaluate_fixed(signature, q, *constants)
    assert np.abs(np.clip(real, -128, 127) - found).max() <= 1.5


numbers = np.arange(120).reshape(2, 3, 4, 5)
KERNELS = {
    "take_strided": [
        numbers.transpose(3, 1, 0, 2),
        numbers[:, ::-1, 1::2],
        np.broadcast_to(numbers[:, :1], (2, 7, 4, 5)),
        numbers[1:2, 1:2, 1:2, 1:2],
    ],
    "take": [numbers.ravel()[::-1][[5, 3, 9]], numbers[:, [0, 2, 2, 1]], numbers[..., [4, 0, 3]]],
    "take_or_fill": [
        np.pad(numbers, ((0, 0), (1, 0), (0, 0), (2, 1)), constant_values=-1),
        np.where(numbers % 3, numbers, -1),
        np.full((2, 3), -1),
    ],
}


@pytest.mark.parametrize("kernel", KERNELS)
def test_an_index_has_its_kernel(kernel: str) -> None:
    graphs = [take_graph(numbers.shape, index, value=-1.5) for index in KERNELS[kernel]]
    for graph in graphs:
        (node,) = graph.nodes
        (rule,) = variants(GENERIC, node.op, graph.signature(node))
        assert rule.kernel.name == kernel
    check(graphs, GENERIC)


def test_large_tables_have_wide_indices() -> None:
    rng = np.random.default_rng(0)
    indices = [rng.integers(0, n, (40,)) for n in (256, 257, 66000)]
    check([take_graph((n,), i) for n, i in zip((256, 257, 66000), indices, strict=True)], GENERIC)


@given(st.data())
def test_loops_read_what_a_view_reads(data: st.DataObject) -> None:
    """Every transposed slice of three dimensions has loops, and they read its index."""
    shape = data.draw(st.tuples(*[st.integers(1, 5)] * 3))
    steps = data.draw(st.tuples(*[st.sampled_from((1, 2, -1))] * 3))
    perm = data.draw(st.permutations(range(3)))
    picked = np.arange(np.prod(shape)).reshape(shape)[tuple(slice(None, None, s) for s in steps)]
    index = picked.transpose(perm).ravel()
    loops = strided_loops(index)
    assert loops is not None
    read = np.array(loops.first) + np.zeros(loops.sizes, int)[..., None] + np.arange(loops.run)
    for axis, (size, stride) in enumerate(zip(loops.sizes, loops.strides, strict=True)):
        read += (stride * np.arange(size)).reshape([-1 if i == axis else 1 for i in range(5)])
    assert np.array_equal(read.ravel(), index)


def test_transposition_of_many_dimensions() -> None:
    shape = (2, 3, 2, 3, 2, 3)
    check([op_graph(Transpose((5, 3, 1, 4, 2, 0)), [int8(shape)], (0.05, 0))], GENERIC)


def test_a_constant_is_read_like_a_value() -> None:
    values = np.random.default_rng(0).integers(-128, 128, (3, 5)).astype(np.int8)
    graph = op_graph(Concat(0), [int8((2, 5)), int8((3, 5))], (0.05, 0))
    known = op_graph(Constant(), [], (0.05, 0), [(values, int8((3, 5)))])
    check([with_constant(graph, known)], GENERIC)


def with_constant(graph: Graph, known: Graph) -> Graph:
    """Put the constant of one graph in place of the second input of another."""
    (node,) = known.nodes
    return Graph(
        graph.name,
        graph.inputs[:1],
        graph.outputs,
        (type(node)(node.op, node.inputs, graph.inputs[1]), *graph.nodes),
        {**graph.types, "c0": known.types["c0"]},
        known.constants,
    )
