"""Hypothesis strategies of one-operator graphs: odd sizes, strides, pads, groups, formats."""

from __future__ import annotations

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from codegen.ir.graph import Graph
from codegen.ir.types import DType, TensorType
from codegen.ops import (
    Add,
    AveragePool,
    Blend,
    Conv2d,
    Dense,
    Gru,
    Lrn,
    Lstm,
    MaxPool,
    Recurrent,
    Resize,
    Rnn,
    Slice,
    Take,
)
from codegen.ops.resize import Line, reduced
from tests.ops.harness import fine_integers, int8, linear_constants, op_graph

Draw = st.DrawFn
zero_points = st.sampled_from((-128, -127, -3, 0, 5, 127))
clamps = st.sampled_from((None, None, (0.0, float("inf")), (0.0, 6.0), (-1.0, 1.0)))


@st.composite
def convolutions(draw: Draw) -> Graph:
    """Any convolution: window, stride, pads, dilation, group, interleaved, depthwise or not."""
    kind = draw(st.sampled_from(("plain", "pointwise", "depthwise", "narrow", "grouped", "deep")))
    side = st.integers(1, 9)
    height, width = draw(side), draw(side)
    group, depth, per_group = draw(st.integers(1, 3)), draw(st.integers(1, 5)), draw(side)
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    pads = tuple(draw(st.integers(0, 2)) for _ in range(4))
    dilations = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    if kind == "pointwise":
        kernel, pads, dilations, group = (1, 1), (0, 0, 0, 0), (1, 1), 1
    elif kind == "narrow":
        kernel, pads, dilations = (3, 3), tuple(min(p, 1) for p in pads), (1, 1)
    elif kind == "plain":
        group = 1
    elif kind == "deep":
        group, depth, width = 1, draw(st.integers(4, 19)), draw(st.integers(1, 14))
        dilations = (dilations[0], 1)
    if kind in ("depthwise", "narrow"):
        group, depth, per_group = draw(st.integers(2, 7)), 1, 1
    strides = (draw(st.integers(1, 2)), draw(st.integers(1, 3)))
    op = Conv2d(strides, pads, dilations, group, draw(clamps), draw(st.booleans()))
    fits = all(
        size + pads[i] + pads[i + 2] >= (kernel[i] - 1) * dilations[i] + 1
        for i, size in enumerate((height, width))
    )
    assume(fits)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weights = linear_constants(rng, (group * per_group, *kernel, depth), 0.05)
    x = int8((height, width, group * depth), 0.05, draw(zero_points))
    return op_graph(op, [x], (draw(st.sampled_from((0.02, 0.3, 5.0))), draw(zero_points)), weights)


@st.composite
def depthwise_windows(draw: Draw) -> Graph:
    """Depthwise convolutions of larger windows in rows of some length; extreme weights."""
    kernel = (draw(st.integers(1, 7)), draw(st.integers(1, 9)))
    channels, width = draw(st.integers(2, 10)), draw(st.integers(kernel[1], 26))
    pads = tuple(draw(st.integers(0, min(kernel[i % 2] - 1, 4))) for i in range(4))
    strides = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    op = Conv2d(strides, pads, group=channels, clamp=draw(clamps))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weights = linear_constants(rng, (channels, *kernel, 1), 0.05)
    weights[0][0][0] = draw(st.sampled_from((-128, 127)))
    x = int8((kernel[0] + draw(st.integers(0, 2)), width, channels), 0.05, draw(zero_points))
    return op_graph(op, [x], (draw(st.sampled_from((0.02, 0.3, 9.0))), draw(zero_points)), weights)


@st.composite
def dense_layers(draw: Draw) -> Graph:
    """A dense layer of odd and even lengths."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.integers(1, 9)), draw(st.integers(1, 40))
    weights = linear_constants(rng, shape, 0.05, uniform=draw(st.booleans()))
    x = int8((weights[0][0].shape[1],), 0.05, draw(zero_points))
    return op_graph(Dense(draw(clamps)), [x], (0.3, draw(zero_points)), weights)


@st.composite
def sums(draw: Draw) -> Graph:
    """A sum of two formats in a third."""
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=3)))
    scales = [draw(st.floats(0.001, 0.5)) for _ in range(2)]
    output = max(scales) * draw(st.floats(0.1, 3.0))
    operands = [int8(shape, scale, draw(zero_points)) for scale in scales]
    return op_graph(Add(draw(clamps)), operands, (output, draw(zero_points)))


@st.composite
def pools(draw: Draw) -> Graph:
    """Both pools; windows overhang every side."""
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    pads = tuple(draw(st.integers(0, kernel[i % 2] - 1)) for i in range(4))
    strides = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    sides = [draw(st.integers(max(1, kernel[i] - pads[i] - pads[i + 2]), 8)) for i in range(2)]
    shape = (*sides, draw(st.integers(1, 9)))
    if draw(st.booleans()):
        return op_graph(MaxPool(kernel, strides, pads), [int8(shape, 0.05, 3)], (0.05, 3))
    op = AveragePool(kernel, strides, pads, draw(st.booleans()))
    zero_point = draw(zero_points)
    formats = st.just((0.05, zero_point)) | st.tuples(st.sampled_from((0.03, 0.2)), zero_points)
    return op_graph(op, [int8(shape, 0.05, zero_point)], draw(formats))


@st.composite
def normalizations(draw: Draw) -> Graph:
    """Local response normalization as AlexNet and GoogLeNet have it, and far from it.

    The output's scale is chosen for the greatest result, up to three times finer.
    """
    op = Lrn(
        draw(st.sampled_from((1, 2, 3, 4, 5, 9))),
        draw(st.sampled_from((0.0, 1e-4, 5e-4, 2e-5, 1.0))),
        draw(st.sampled_from((0.0, 0.5, 0.75, 1.0, 2.5))),
        draw(st.sampled_from((1.0, 2.0, 0.01))),
    )
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.integers(1, 11)))
    x = int8(shape, draw(st.sampled_from((0.003, 0.1, 1.0, 20.0))), draw(zero_points))
    assert x.quant is not None
    alone = x.quant.scale * np.arange(256)
    greatest = (alone * (op.bias + op.alpha / op.size * alone**2) ** -op.beta).max()
    scale = float(greatest) / 127 * draw(st.floats(0.3, 2.0))
    return op_graph(op, [x], (scale, draw(zero_points)))


@st.composite
def resizes(draw: Draw) -> Graph:
    """Another height and width along any line: forwards or backwards, and beyond the image."""
    shape = (draw(st.integers(1, 6)), draw(st.integers(1, 6)), draw(st.integers(1, 5)))

    def line() -> Line:
        divisor = draw(st.integers(1, 40))
        return reduced(draw(st.integers(-90, 90)), draw(st.integers(-60, 200)), divisor)

    size = (draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    op = Resize(size, line(), line(), draw(st.booleans()))
    zero_point = draw(zero_points)
    return op_graph(op, [int8(shape, 0.05, zero_point)], (0.05, zero_point))


@st.composite
def slices(draw: Draw) -> Graph:
    """Any range of every dimension, with any step."""
    shape = tuple(draw(st.lists(st.integers(1, 8), min_size=1, max_size=3)))
    starts, counts, steps = [], [], []
    for size in shape:
        start, step = draw(st.integers(0, size - 1)), draw(st.sampled_from((1, 1, 2, 3, -1, -2)))
        room = (size - 1 - start) // step if step > 0 else start // -step
        starts.append(start)
        steps.append(step)
        counts.append(draw(st.integers(1, room + 1)))
    op = Slice(tuple(starts), tuple(counts), tuple(steps))
    return op_graph(op, [int8(shape, 0.05, 3)], (0.05, 3))


@st.composite
def takes(draw: Draw) -> Graph:
    """Any elements of a value, some filled, in runs of any length."""
    shape = tuple(draw(st.lists(st.integers(1, 7), min_size=1, max_size=4)))
    total, run = int(np.prod(shape)), draw(st.integers(1, 4))
    starts = st.integers(-1, max(total - run, 0))
    found = np.array(draw(st.lists(starts, min_size=1, max_size=12)))[:, None]
    index = np.where(found < 0, -1, np.minimum(found + np.arange(run), total - 1)).astype(np.int32)
    kind = TensorType(index.shape, DType.INT32)
    return op_graph(Take(1.7), [int8(shape, 0.05, 3)], (0.05, 3), [(index, kind)])


@st.composite
def blends(draw: Draw) -> Graph:
    """Sums along two axes, of weights of either sign in few shares or in many."""
    outer, *sides, inner = (draw(st.integers(1, 5)) for _ in range(4))
    shape = (outer, *sides, inner)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    held, shares = [], []
    for side in sides:
        size = draw(st.integers(1, 6)), draw(st.integers(1, 4))
        total = draw(st.integers(1, 2**24))
        weights = rng.integers(-total // 4, total, size)
        weights[:, -1] += total - weights.sum(axis=1)
        shares.append(total)
        tables = rng.integers(0, side, size).astype(np.int32), weights.astype(np.int32)
        held += [(table, TensorType(size, DType.INT32)) for table in tables]
    x = int8(shape, 0.05, draw(zero_points))
    return op_graph(Blend((shares[0], shares[1])), [x], (0.07, draw(zero_points)), held)


@st.composite
def recurrences(draw: Draw) -> Graph:
    """Layers that remember: any sizes, functions, limits and peepholes; extreme weights."""
    kind = draw(st.sampled_from((Rnn, Gru, Lstm)))
    gates, states = kind.gates, kind.states
    steps, batch = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    inputs, units = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    smooth = (("sigmoid", 0.0, 0.0), ("tanh", 0.0, 0.0), ("hardsigmoid", 0.2, 0.5))
    others = (("relu", 0.0, 0.0), ("affine", 0.5, -0.25), ("scaledtanh", 1.7, 0.6))
    f, g = draw(st.sampled_from(smooth)), draw(st.sampled_from(smooth + others))
    clip = draw(st.sampled_from((float("inf"), float("inf"), 1.5)))
    op: Recurrent
    if kind is Lstm:
        op = Lstm((f, g, draw(st.sampled_from(smooth))), clip, draw(st.booleans()))
    else:
        op = Gru((f, g), clip, draw(st.booleans())) if kind is Gru else Rnn((g,), clip)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    fine = draw(st.sampled_from((0.1, 1.0, 4.0)))
    weights = [
        linear_constants(rng, (gates * units, depth), 0.05, scale=fine)[0]
        for depth in (inputs, units)
    ]
    extra = units if isinstance(op, Gru) and op.reset_after else 0
    rows = [gates * units + extra] + [3 * units] * (isinstance(op, Lstm) and draw(st.booleans()))
    constants = [*weights, *((fine_integers(rng, size, 2.0 * fine)) for size in rows)]
    start = int8((1, batch, units), 0.02, draw(zero_points))
    operands = [int8((steps, batch, inputs), draw(st.sampled_from((0.01, 0.1))), draw(zero_points))]
    if draw(st.booleans()):
        operands += [start] * states
    else:
        values = rng.integers(-128, 128, start.shape).astype(np.int8)
        constants = [(values, start)] * states + constants
    return op_graph(
        op, operands, (draw(st.sampled_from((0.008, 0.05))), draw(zero_points)), constants
    )


def by_vectors() -> list[Graph]:
    """Whole vectors of 16 and parts of one: depths, channels, windows, filters, extreme weights."""
    rng = np.random.default_rng(7)
    found = []
    for depth in (15, 16, 17, 64, 80, 96, 97, 129):
        dense = linear_constants(rng, (6, depth), 0.05)
        found.append(op_graph(Dense(), [int8((depth,))], (5.0, 3), dense))
        conv = linear_constants(rng, (4 + depth % 2, 1, 1, depth), 0.05)
        found.append(op_graph(Conv2d(), [int8((2, 3, depth))], (5.0, -3), conv))
    for channels, kernel in ((16, (3, 3)), (21, (3, 3)), (48, (1, 2)), (33, (5, 5)), (16, (1, 1))):
        taps = linear_constants(rng, (channels, *kernel, 1), 0.05)
        taps[0][0][channels // 2 :] = 127
        pads = (kernel[0] // 2, kernel[1] // 2, kernel[0] // 2, kernel[1] // 2)
        op = Conv2d(strides=(1, 1 + channels % 2), pads=pads, group=channels)
        found.append(op_graph(op, [int8((6, 6, channels), 0.05, 5)], (40.0, 3), taps))
    return found
