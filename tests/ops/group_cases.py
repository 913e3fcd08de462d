"""Hypothesis strategies of one-operator graphs on groups: (outer, n, inner) along the middle."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from codegen.ir.graph import Graph
from codegen.ir.types import Array
from codegen.ops import (
    CumSum,
    Hardmax,
    InverseDeviation,
    LogSoftmax,
    MaxPoolVolume,
    Normalize,
    Reduce,
    SelectValues,
    SumPoolVolume,
)
from codegen.ops.normalize import Norm
from codegen.ops.pool_volume import Three, Volume
from codegen.ops.reduce import Kind
from tests.ops.cases import Draw, zero_points
from tests.ops.harness import int8, op_graph

scales = st.sampled_from((0.003, 0.05, 0.9))


@st.composite
def shapes(draw: Draw) -> tuple[int, int, int]:
    """A few groups, long and short, side by side and one behind the other."""
    return draw(st.integers(1, 3)), draw(st.integers(1, 40)), draw(st.integers(1, 5))


def covering(reals: Array) -> tuple[float, int]:
    """A format that covers reals and zero."""
    found = reals[np.isfinite(reals)]
    low, high = min(float(found.min()), 0.0), max(float(found.max()), 0.0)
    scale = max(high - low, 1e-6) / 255
    return scale, round(-128 - low / scale)


@st.composite
def reductions(draw: Draw) -> Graph:
    """Every kind; the output's format covers what random inputs give, up to four times finer."""
    op = Reduce(draw(st.sampled_from(get_args(Kind))), draw(st.integers(3, 7)))
    shape, scale, zero = draw(shapes()), draw(scales), draw(zero_points)
    if op.kind == "log_sum":
        zero = -128
    x = int8(shape, scale, zero)
    assert x.quant is not None
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    reals = op.evaluate(x.quant.dequantize(rng.integers(-127, 128, (20, *shape))))
    step, zero_point = covering(reals)
    return op_graph(op, [x], (step * draw(st.sampled_from((0.25, 1.0, 3.0))), zero_point))


@st.composite
def selections(draw: Draw) -> Graph:
    """The first of the greatest or least; many equal ones."""
    shape, zero_point = draw(shapes()), draw(zero_points)
    op = SelectValues(draw(st.integers(1, shape[1])), draw(st.booleans()))
    return op_graph(op, [int8(shape, 0.05, zero_point)], (0.05, zero_point))


@st.composite
def running(draw: Draw) -> Graph:
    """Running sums either way, Hardmax, LogSoftmax."""
    x = int8(draw(shapes()), draw(scales), draw(zero_points))
    assert x.quant is not None
    kind = draw(st.sampled_from(("cum_sum", "hardmax", "log_softmax")))
    if kind == "hardmax":
        return op_graph(Hardmax(), [x], (1 / 255, draw(zero_points)))
    if kind == "log_softmax":
        greatest = 255 * x.quant.scale + math.log(x.shape[2])
        return op_graph(LogSoftmax(), [x], (greatest / 255 * draw(st.floats(0.3, 2.0)), 127))
    op = CumSum(draw(st.booleans()), draw(st.booleans()))
    return op_graph(op, [x], (x.quant.scale * draw(st.floats(0.6, 40.0)), draw(zero_points)))


@st.composite
def normalized_groups(draw: Draw) -> Graph:
    """Every norm with scales and biases of some period, and the inverse deviation."""
    shape, scale = draw(shapes()), draw(scales)
    count, repeat = draw(st.integers(1, 7)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    norm = draw(st.sampled_from(get_args(Norm)))
    epsilons = (0.0, 1e-5, 0.01) if norm in ("deviation", "rms") else (0.0,)
    op: Normalize | InverseDeviation = Normalize(
        norm,
        draw(st.sampled_from(epsilons)),
        tuple(map(float, rng.normal(size=count) * draw(st.sampled_from((0.01, 1.0, 30.0))))),
        tuple(map(float, rng.normal(size=count))),
        repeat,
    )
    if draw(st.integers(0, 5)) == 0:
        op = InverseDeviation(1e-5)
    x = int8(shape, scale, draw(zero_points))
    assert x.quant is not None
    reals = op.evaluate(x.quant.dequantize(rng.integers(-127, 128, (20, *shape))))
    step, zero_point = covering(reals)
    return op_graph(op, [x], (step * draw(st.sampled_from((0.25, 1.0, 3.0))), zero_point))


@st.composite
def volume_pools(draw: Draw) -> Graph:
    """Pools over volumes: windows overhang every side, dilated, padding counted or not."""

    def three(low: int, high: int) -> Three:
        return (
            draw(st.integers(low, high)),
            draw(st.integers(low, high)),
            draw(st.integers(low, high)),
        )

    kernel, strides, dilations, size = three(1, 3), three(1, 3), three(1, 2), three(1, 6)
    begins = three(0, 1)
    shape = three(1, 4)
    op: MaxPoolVolume | SumPoolVolume = MaxPoolVolume(
        kernel, strides, dilations, begins, three(0, 1), shape
    )
    x = int8((draw(st.integers(1, 3)), *size), 0.05, draw(zero_points))
    assume(op.taps(size)[1].any(axis=1).all())
    assert x.quant is not None
    if draw(st.integers(0, 2)) == 0:
        return op_graph(op, [x], (x.quant.scale, x.quant.zero_point))
    window = kernel, strides, dilations, begins, op.ends, shape
    kind = draw(st.sampled_from(get_args(Volume)))
    op = SumPoolVolume(*window, kind, draw(st.booleans()), draw(st.integers(3, 7)))
    return op_graph(op, [x], (draw(st.sampled_from((0.03, 0.2))), draw(zero_points)))
