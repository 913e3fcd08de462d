"""Products of computed matrices, and pixels spread over blocks: C equals the reference."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codegen.ir.graph import Graph
from codegen.ops import DepthToSpace, MatMul
from tests.ops.cases import Draw, zero_points
from tests.ops.harness import GENERIC, assert_c_equals_reference, int8, merged, op_graph

few = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)


@st.composite
def products(draw: Draw) -> Graph:
    """Matrices of any size, the second as it is or transposed, and any factor."""
    batch, rows, depth, columns = (draw(st.integers(1, limit)) for limit in (3, 5, 40, 5))
    transposed = draw(st.booleans())
    op = MatMul(transposed, draw(st.sampled_from((1.0, 0.125, -0.5, 3.0))))
    b = (batch, columns, depth) if transposed else (batch, depth, columns)
    operands = [
        int8((batch, rows, depth), 0.05, draw(zero_points)),
        int8(b, 0.02, draw(zero_points)),
    ]
    return op_graph(op, operands, (draw(st.sampled_from((0.05, 0.4, 9.0))), draw(zero_points)))


@st.composite
def spreads(draw: Draw) -> Graph:
    """Blocks of any size, cropped anywhere."""
    sides = st.integers(1, 4)
    block, shape = (draw(sides), draw(sides)), (draw(sides), draw(sides))
    groups, depth = draw(sides), draw(sides)
    whole = [side * part for side, part in zip(shape, block, strict=True)]
    first = tuple(draw(st.integers(0, count - 1)) for count in whole)
    size = tuple(draw(st.integers(1, n - at)) for n, at in zip(whole, first, strict=True))
    op = DepthToSpace(block, (first[0], first[1]), (size[0], size[1]), groups)
    x = int8((*shape, block[0] * block[1] * groups * depth), 0.05, 3)
    return op_graph(op, [x], (0.05, 3))


def check(graphs: list[Graph]) -> None:
    assert_c_equals_reference(merged(graphs), GENERIC, np.random.default_rng(0))


@few
@given(graphs=st.lists(products(), min_size=8, max_size=8))
def test_matmul(graphs: list[Graph]) -> None:
    check(graphs)


@few
@given(graphs=st.lists(spreads(), min_size=8, max_size=8))
def test_depth_to_space(graphs: list[Graph]) -> None:
    check(graphs)


def test_matmul_of_extremes_fills_the_accumulator() -> None:
    """255 * 255 * 33,025 is the last sum that fits 31 bits."""
    depth = (2**31 - 1) // 255**2
    operands = [int8((1, 1, depth), 0.05, -128), int8((1, depth, 1), 0.05, -128)]
    check([op_graph(MatMul(), operands, (50000.0, 3))])


def test_matmul_is_within_one_step_of_the_real_one() -> None:
    a, b = int8((2, 6, 17), 0.03, 9), int8((2, 5, 17), 0.07, -20)
    graph = op_graph(MatMul(transposed=True, factor=0.3), [a, b], (0.02, 5))
    rng = np.random.default_rng(1)
    qa, qb = (rng.integers(-128, 128, (50, *t.shape)).astype(np.int8) for t in (a, b))
    (node,) = graph.nodes
    signature = graph.signature(node)
    fixed = node.op.evaluate_fixed(signature, qa, qb).astype(int)
    assert a.quant and b.quant and signature.output.quant
    real = node.op.evaluate(a.quant.dequantize(qa), b.quant.dequantize(qb))
    exact = signature.output.quant.quantize(real, signature.output.dtype).astype(int)
    assert np.abs(fixed - exact).max() <= 1
    assert (fixed == exact).mean() > 0.99
