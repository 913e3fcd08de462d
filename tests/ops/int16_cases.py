"""Hypothesis strategies of graphs that are in int16, or become so by `in_int16`."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from codegen.ir.graph import Graph
from codegen.ir.op import Op
from codegen.ir.types import DType, Quant, TensorType
from codegen.ops import (
    CumSum,
    Dense,
    Elementwise,
    Function,
    Hardmax,
    LogSoftmax,
    MatMul,
    Normalize,
    Reduce,
    Requantize,
    Softmax,
)
from codegen.ops.curve import Curve
from codegen.ops.unary16 import CLOSE, LOOSE, Octaves, Steps
from tests.ops.cases import (
    Draw,
    convolutions,
    dense_layers,
    pools,
    recurrences,
    resizes,
    slices,
    sums,
    takes,
)
from tests.ops.harness import in_int16, int8, linear_constants, op_graph

KINDS = ("add", "sub", "mul", "div", "max", "min", "mean", "prelu", "greater", "less_equal")


def int16(shape: tuple[int, ...], scale: float = 2.0**-13) -> TensorType:
    """An int16 type."""
    return TensorType(shape, DType.INT16, Quant((scale,), element=DType.INT16))


@st.composite
def long_dense_layers(draw: Draw) -> Graph:
    """Sums that 32 bits do not hold for every input."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.integers(1, 5)), draw(st.integers(600, 900))
    (weights, kind), bias = linear_constants(rng, shape, 0.05)
    weights = np.where(weights < 0, -127, 127).astype(np.int8)
    scale = draw(st.sampled_from((5.0, 40.0)))
    return in_int16(op_graph(Dense(), [int8(shape[1:])], (scale, 0), [(weights, kind), bias]))


@st.composite
def functions_of_two(draw: Draw) -> Graph:
    """Every kind, of two formats in a third."""
    op = Elementwise(draw(st.sampled_from(KINDS)))
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=3)))
    scales = [draw(st.floats(0.001, 0.5)) for _ in range(2)]
    greatest = {"mul": scales[0] * scales[1] * 128, "div": 128 * scales[0] / scales[1]}
    output = greatest.get(op.kind, max(scales)) * draw(st.floats(0.1, 3.0))
    graph = in_int16(op_graph(op, [int8(shape, scale) for scale in scales], (output, 0)))
    result = op.infer(*(graph.types[name] for name in graph.inputs))
    if result.dtype is DType.BOOL:
        return Graph(
            graph.name,
            graph.inputs,
            graph.outputs,
            graph.nodes,
            {**graph.types, "y": result},
        )
    return graph


@st.composite
def groups(draw: Draw) -> Graph:
    """Operators on groups, and those on the last dimension."""
    n, inner = draw(st.integers(1, 40)), draw(st.integers(1, 4))
    shape, scale = (draw(st.integers(1, 3)), n, inner), draw(st.sampled_from((0.003, 0.05, 0.9)))
    op, output = draw(
        st.sampled_from(
            (
                (Reduce("sum"), scale * n),
                (Reduce("mean"), scale),
                (Reduce("l1"), scale * n),
                (Reduce("log_sum_exp"), scale + 0.1),
                (Reduce("sum_square"), 128 * scale * scale * n),
                (Reduce("l2"), scale * math.sqrt(n)),
                (Reduce("log_sum"), 0.1),
                (Reduce("prod"), scale),
                (CumSum(exclusive=draw(st.booleans())), scale * n),
                (Hardmax(), 1 / 128),
                (Softmax(), 1 / 128),
                (LogSoftmax(), 2 * scale + 0.05),
                (Normalize("deviation", 1e-5, (0.5, 2.0), (0.1, -3.0)), 0.05),
                (Normalize("rms", 1e-5), 0.05),
            )
        )
    )
    return in_int16(op_graph(op, [int8(shape, scale)], (output, 0)))


@st.composite
def matrix_products(draw: Draw) -> Graph:
    """Short and long, transposed or not, by a factor of either sign."""
    batch, rows, depth, columns = (draw(st.integers(1, 5)) for _ in range(4))
    depth *= draw(st.sampled_from((1, 20)))
    op = MatMul(draw(st.booleans()), draw(st.sampled_from((1.0, -0.3))))
    b = (batch, columns, depth) if op.transposed else (batch, depth, columns)
    operands = [int8((batch, rows, depth), 0.02), int8(b, 0.03)]
    return in_int16(op_graph(op, operands, (0.05 * depth, 0)))


@st.composite
def conversions(draw: Draw) -> Graph:
    """From 8 bits to 16, and back."""
    shape = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.integers(1, 5))
    narrow, wide = int8(shape, 0.05, draw(st.integers(-128, 127))), int16(shape, 0.0003)
    x, y = (narrow, wide) if draw(st.booleans()) else (wide, narrow)
    graph = op_graph(Requantize(), [x], (0.1, 0))
    return Graph("net", graph.inputs, graph.outputs, graph.nodes, {**graph.types, "y": y})


LAYERS = st.one_of(
    convolutions(),
    dense_layers(),
    pools(),
    sums(),
    resizes(),
    slices(),
    takes(),
    recurrences(),
).map(in_int16)
OTHERS = st.one_of(
    conversions(), functions_of_two(), groups(), long_dense_layers(), matrix_products()
)

FUNCTIONS: tuple[tuple[Op, float, float, type, int], ...] = (
    (Function(("sigmoid", "x")), 8.0, 1.0, Curve, CLOSE),
    (Function(("tanh", "x")), 4.0, 1.0, Curve, CLOSE),
    (Function(("gelu", "x")), 6.0, 6.0, Curve, CLOSE),
    (Function(("exp", "x")), 3.0, math.exp(3.0), Curve, CLOSE),
    (Function(("sqrt", "x")), 9.0, 3.0, Octaves, CLOSE),
    (Function(("log", ("add", "x", 0.001))), 9.0, 7.0, Octaves, LOOSE),
    (Function(("reciprocal", ("add", ("abs", "x"), 0.01))), 5.0, 100.0, Octaves, CLOSE),
    (Function(("hard_swish", "x")), 7.0, 7.0, Octaves, LOOSE),
    (Function(("floor", "x")), 20.0, 20.0, Steps, 0),
    (Function(("greater", "x", 0.5)), 2.0, 1.0, Steps, 0),
    (Function(("mul", "x", 0.0)), 2.0, 1.0, Curve, 0),
)
"""Functions, the ends of operand and result, the form that serves, and its greatest error."""


def graph_of(op: Op, x: float, y: float) -> Graph:
    """One function of a row of int16."""
    graph = op_graph(op, [int16((257,), x / 2**15)], (0.1, 0))
    kind = op.infer(graph.types["x0"])
    kind = kind if kind.dtype is DType.BOOL else int16((257,), y / 2**15)
    return Graph("net", graph.inputs, graph.outputs, graph.nodes, {**graph.types, "y": kind})
