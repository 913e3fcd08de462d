"""Integer weights and biases of convolution and dense layers.

A filter's weights are symmetric in 127 steps of its largest, which is the finest format that
holds them. The scale is coarser only where 32 bits ask for it: so that the bias, in steps of
input scale times weight scale, and the accumulator of the worst input stay in int32, and
so that the multiplier to the output's scale keeps its precision.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from codegen.ir.fixed_point import INT32_MAX, Int64s, accumulator_range
from codegen.ir.graph import Graph, Node
from codegen.ir.types import Array, DType, Quant, TensorType
from codegen.ops import Conv2d, Dense
from codegen.options import Scheme
from codegen.quantize.codebook import best_codebook
from codegen.quantize.fit_weights import fit_scales
from codegen.quantize.formats import power_of_two
from codegen.quantize.round_weights import nearest
from codegen.quantize.weight_form import INT8, WeightForm

LEAST_RATIO = 2.0**-18
"""The least scale from accumulator to output: its multiplier has 14 bits or more."""
ROUNDS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A constant operand in fixed point."""

    data: Array
    type: TensorType


def quantize_weights(
    real: Array,
    bias: Array,
    x: Quant,
    y: Quant,
    scheme: Scheme = "affine",
    form: WeightForm = INT8,
    squares: Array | None = None,
) -> Constant:
    """Return int8 weights with a scale for each output (first axis); `real` and `bias` are reals.

    `x` and `y` are the formats of the layer's operand and result. Outputs whose weights are
    all zero get the scale LEAST_RATIO asks for. Scales of few levels are those of least error;
    `squares`, of the shape of `real` but for ones, are how much each weight's error counts.
    """
    levels = form.levels
    rows = real.reshape(len(real), -1)
    counts = np.broadcast_to(1.0 if squares is None else squares, real.shape).reshape(rows.shape)
    if form.bits == 8:
        scales = np.abs(rows).max(axis=1) / levels[-1]
    else:
        scales = fit_scales(rows[:, None], counts, levels)[:, 0]
    allowed = power_of_two if scheme == "pow2" else single
    scales = allowed(np.maximum(scales, least_scale(x, y)))
    for _ in range(ROUNDS):
        excess = bounds(real, bias, scales, x, y, levels) / INT32_MAX
        if excess.max() < 1:
            break
        scales = allowed(np.where(excess >= 1, scales * np.maximum(excess * 1.01, 1.01), scales))
    if form.codebook:
        per_output = scales[:, None]
        levels = best_codebook(rows / per_output, 2**form.codebook, counts * per_output**2)
    return with_scales(round_weights(real, scales, levels), scales)


def least_scale(x: Quant, y: Quant) -> float:
    """Return the finest scale of weights for which the multiplier to `y` keeps its precision."""
    return float(single(np.asarray(LEAST_RATIO * y.scale / x.scale)))


def with_scales(integers: Array, scales: Array) -> Constant:
    """Return int8 weights with a scale for each output."""
    quant = Quant(tuple(float(scale) for scale in scales), 0, 0)
    return Constant(integers.astype(np.int8), TensorType(integers.shape, DType.INT8, quant))


def coarsen_weights(weights: Constant, x: Quant, y: Quant) -> Constant:
    """Return prescribed weights, those of too fine a scale for a precise multiplier in a coarser.

    Files give scales next to nothing to filters that are zero and only pass their bias on.
    """
    quant = weights.type.quant
    assert quant is not None
    scales = np.resize(np.asarray(quant.scales), len(weights.data))
    coarse = np.maximum(scales, least_scale(x, y))
    if np.array_equal(scales, coarse):
        return weights
    dtype = weights.type.dtype
    real = weights.data * (scales.reshape(-1, *[1] * (weights.data.ndim - 1)))
    levels = np.arange(dtype.min, dtype.max + 1)
    data = round_weights(real, coarse, levels).astype(dtype.numpy)
    quant = Quant(tuple(float(scale) for scale in coarse), 0, 0)
    return Constant(data, replace(weights.type, quant=quant))


def quantize_bias(bias: Array, weights: Constant, x: Quant) -> Constant:
    """Return the int32 bias, in steps of input scale times weight scale.

    Raises ValueError where a prescribed weight scale leaves it no room in int32.
    """
    assert weights.type.quant is not None
    scales = bias_scales(x, np.resize(np.asarray(weights.type.quant.scales), len(bias)))
    steps = np.rint(bias / scales)
    if np.abs(steps).max(initial=0) > INT32_MAX:
        worst = int(np.argmax(np.abs(steps)))
        raise ValueError(f"the bias of channel {worst} is {bias[worst]:.4g}, over 2^31 - 1 steps")
    quant = Quant(tuple(float(scale) for scale in scales), 0, 0)
    return Constant(steps.astype(np.int32), TensorType(bias.shape, DType.INT32, quant))


def single(scales: Array) -> Array:
    """Return the least float32 scales that are no finer, in float64: files hold no others."""
    near = scales.astype(np.float32)
    above: Array = np.where(near < scales, np.nextafter(near, np.float32(np.inf)), near)
    return above.astype(np.float64)


def bias_scales(x: Quant, scales: Array) -> Array:
    """Return the scales of a bias as files hold them, so that its steps can be read from one."""
    found: Array = (x.scale * scales).astype(np.float32).astype(np.float64)
    return found


def round_weights(real: Array, scales: Array, levels: Array) -> Int64s:
    """Return the nearest levels, in steps of each output's scale."""
    per_output = scales.reshape(-1, *[1] * (real.ndim - 1))
    return nearest(real / per_output, levels).astype(np.int64)


def bounds(real: Array, bias: Array, scales: Array, x: Quant, y: Quant, levels: Array) -> Array:
    """Return for each output what has to fit int32: of int16 activations only the bias."""
    if DType.INT16 in (x.element, y.element):
        return np.abs(bias) / (scales * x.scale)
    return accumulator_bounds(real, bias, scales, x, levels) * shift_factor(scales, x, y)


def accumulator_bounds(real: Array, bias: Array, scales: Array, x: Quant, levels: Array) -> Array:
    """Return the greatest magnitude that each output's accumulator, or its bias, can take."""
    weights = round_weights(real, scales, levels)
    sums = weights.reshape(len(weights), -1).sum(axis=1)
    steps = np.rint(np.clip(bias / (scales * x.scale), -(2.0**40), 2.0**40)).astype(np.int64)
    folded = steps - x.zero_point * sums
    least, greatest = accumulator_range(weights, folded)
    bounds: Array = np.maximum.reduce([np.abs(v) for v in (least, greatest, folded, steps)])
    return bounds.astype(np.float64)


def shift_factor(scales: Array, x: Quant, y: Quant) -> float:
    """Return 2**shift, by which all accumulators are scaled up before the rescale."""
    largest = float(scales.max()) * x.scale / y.scale
    return 2.0 ** max(0, math.ceil(math.log2(largest * 2)))


def own_layers(graph: Graph) -> tuple[str, ...]:
    """Return the layers whose weights and bias can be changed, by their results.

    These are constants in floats that the layer alone reads.
    """
    readers = graph.consumers()

    def is_own(name: str) -> bool:
        is_real = name in graph.constants and graph.types[name].dtype is DType.FLOAT32
        return is_real and len(readers[name]) == 1

    return tuple(
        node.output
        for node in graph.nodes
        if isinstance(node.op, Conv2d | Dense) and all(map(is_own, node.inputs[1:]))
    )


def filter_order(node: Node, channels: Array) -> Array:
    """Bring what there is for each channel of a layer's result in the order of its filters."""
    if not isinstance(node.op, Conv2d):
        return channels
    found = np.empty_like(channels)
    found[node.op.ordered(np.arange(len(channels)))] = channels
    return found
