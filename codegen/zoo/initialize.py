"""Seeded weights for the structure that `Builder` writes: random, and alive at every depth.

What keeps a random network alive is that each layer knows the statistics of its input. So a small
synthetic batch (`codegen.zoo.signals`) travels along the nodes while they get their parameters:
a batch normalization gets the true mean and variance, a layer without one is scaled and biased
to the same end, and the last layers spread their scores so that inputs tell apart.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from codegen.zoo.draw import Floats, draw_images, draw_normal, draw_uniform
from codegen.zoo.layers import EPSILON
from codegen.zoo.signals import (
    LEVELS,
    Signal,
    Window,
    channels_first,
    channels_last,
    convolve,
    interpolate,
    level,
    moments,
    pool_all,
    pool_average,
    pool_max,
    respond,
    small,
)

LEAST_BATCH = 4
LEAST_PIXELS = 2**16
"""In the batch's images together: the last, smallest maps still hold some 64 values a channel."""
PRIOR = 8
"""Values of the average variance that join those of a channel: few are no measure of its own."""
SCALE = 1.25
BIAS = 2.0
"""Middle of the deviation and of the mean that reach an activation, so that most lies between the
bends of ReLU6. Each bend in the middle of a distribution, its mean subtracted again, raises the
share of rounding errors by half; after 27 random layers nothing else would be left. Where no
activation follows, the mean lies about 0."""
SCORE_SPREAD = 4.0
"""Standard deviation of the last layers' output: a decided, unsaturated softmax."""
ACTIVATIONS = ("Relu", "Clip")
PARAMETRIC = ("Conv", "ConvTranspose", "Gemm", "BatchNormalization")


def initialize(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return `model`, a structure of `Builder`, with data in all its parameters.

    The same structure gets the same bytes, on every machine.
    """
    filled = onnx.ModelProto()
    filled.CopyFrom(model)
    walk = Walk(filled.graph)
    for node in filled.graph.node:
        if node.op_type in PARAMETRIC or node.output[0] in walk.wanted:
            walk.run(node)
    return filled


@dataclass(frozen=True, slots=True)
class Call:
    """A node with what flows into it; `constants` are its constant operands, flat."""

    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Any]
    operands: tuple[Signal, ...]
    constants: tuple[tuple[int | float, ...], ...]

    @property
    def x(self) -> Signal:
        """The first operand."""
        return self.operands[0]

    @property
    def window(self) -> Window:
        """Where the windows of a convolution or a pool lie."""
        return Window(
            tuple(self.attributes["kernel_shape"]),
            tuple(self.attributes["strides"]),
            tuple(self.attributes["pads"]),
            tuple(self.attributes.get("dilations", (1, 1))),
            bool(self.attributes.get("ceil_mode", 0)),
        )


@dataclass(slots=True)
class Walk:
    """A batch on its way through `graph`; `run` takes it through a node."""

    graph: onnx.GraphProto
    bits: np.random.PCG64 = field(init=False)
    signals: dict[str, Signal] = field(default_factory=dict)
    constants: dict[str, tuple[int | float, ...]] = field(default_factory=dict)
    parameters: dict[str, onnx.TensorProto] = field(init=False)
    readers: dict[str, list[onnx.NodeProto]] = field(default_factory=dict)
    wanted: set[str] = field(default_factory=set)
    """Values on the way to a parameter."""
    left: Counter[str] = field(default_factory=Counter)
    """How many nodes have yet to read a value."""

    def __post_init__(self) -> None:
        self.bits = np.random.PCG64(zlib.crc32(self.graph.name.encode()))
        self.parameters = {tensor.name: tensor for tensor in self.graph.initializer}
        for node in self.graph.node:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)
        for node in reversed(self.graph.node):
            if node.op_type in PARAMETRIC or node.output[0] in self.wanted:
                self.wanted.update(node.input)
                self.left.update(node.input)
        image = self.graph.input[0]
        _, channels, height, width = (d.dim_value for d in image.type.tensor_type.shape.dim)
        batch = max(LEAST_BATCH, LEAST_PIXELS // (height * width))
        steps = draw_images(self.bits, (batch, height, width, channels), LEVELS)
        self.signals[image.name] = Signal(channels_first(steps), 1 / LEVELS)

    def run(self, node: onnx.NodeProto) -> None:
        """Set the parameters of `node`, and its output."""
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Constant":
            values = numpy_helper.to_array(attributes["value"]).ravel()
            self.constants[node.output[0]] = tuple(values.tolist())
            return
        operands = tuple(self.signals[name] for name in node.input if name in self.signals)
        constants = tuple(self.constants[name] for name in node.input if name in self.constants)
        call = Call(tuple(node.input), node.output[0], attributes, operands, constants)
        y = RUNNERS[node.op_type](self, call)
        if node.output[0] in self.wanted:
            self.signals[node.output[0]] = y
        for name in node.input:
            self.left[name] -= 1
            if self.left[name] == 0:
                self.signals.pop(name, None)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the dimensions of a parameter."""
        return tuple(self.parameters[name].dims)

    def fill(self, name: str, data: Floats) -> None:
        """Give a parameter its data."""
        assert data.shape == self.shape(name), name
        array = np.ascontiguousarray(data, np.float32)
        self.parameters[name].CopyFrom(numpy_helper.from_array(array, name))

    def follows(self, name: str, *op_types: str) -> bool:
        """Every node that reads the value is one of these."""
        readers = self.readers.get(name, [])
        return bool(readers) and all(node.op_type in op_types for node in readers)

    def is_pooled(self, name: str) -> bool:
        """The value, activated or not, is averaged over the image."""
        while self.follows(name, *ACTIVATIONS):
            name = self.readers[name][0].output[0]
        return self.follows(name, "GlobalAveragePool")

    def spread(self, name: str, y: Signal) -> tuple[Floats, Floats, Floats]:
        """Return means, factors and new means for the channels of a linear layer's output `y`."""
        if name in self.wanted:
            means, variances = steady_moments(y.steps)
            deviations, middles = self.draw_shape(name, len(means))
            return means, deviations / np.sqrt(variances * y.unit**2 + EPSILON), middles
        seen = pool_all(y) if self.is_pooled(name) else y
        means, variances = moments(seen.steps)
        deviation = math.sqrt(math.fsum(variances) / len(means)) * seen.unit
        middle = SCORE_SPREAD if self.follows(name, *ACTIVATIONS) else 0.0
        factors = np.full(len(means), SCORE_SPREAD / (deviation + EPSILON))
        return means * (seen.unit / y.unit), factors, np.full(len(means), middle)

    def draw_shape(self, y: str, count: int) -> tuple[Floats, Floats]:
        """Return deviations and means for the channels of a value."""
        middle = BIAS if self.follows(y, *ACTIVATIONS) else 0.0
        deviations = SCALE + 0.5 * draw_uniform(self.bits, count)
        return deviations, middle + draw_uniform(self.bits, count)


def run_conv(walk: Walk, call: Call) -> Signal:
    """Give a convolution its filters."""
    shape = walk.shape(call.inputs[1])
    weights = draw_normal(walk.bits, shape, math.sqrt(2 / math.prod(shape[1:])))
    x, (rounded, unit) = small(call.x), rounded_weights(weights)
    sums = convolve(x.steps, rounded, call.window, call.attributes["group"])
    return fill_linear(walk, call, weights, Signal(sums, unit * x.unit))


def run_dense(walk: Walk, call: Call) -> Signal:
    """Give a dense layer its matrix."""
    weights = draw_normal(walk.bits, walk.shape(call.inputs[1]), 1.0)
    x, (rounded, unit) = small(call.x), rounded_weights(weights)
    sums = x.steps.astype(np.float64) @ rounded.T.astype(np.float64)
    return fill_linear(walk, call, weights, Signal(sums, unit * x.unit))


def rounded_weights(weights: Floats) -> tuple[Floats, float]:
    """Return the weights as integers up to LEVELS, and their unit."""
    unit = float(np.abs(weights).max()) / LEVELS
    return np.rint(weights / unit), unit


def fill_linear(walk: Walk, call: Call, weights: Floats, y: Signal) -> Signal:
    """Fill in weights and bias so that the output `y` of the drawn weights gets a good spread."""
    count, (name, *biases) = len(weights), call.inputs[1:]
    if walk.follows(call.output, "BatchNormalization"):
        walk.fill(name, weights)
        for bias in biases:
            walk.fill(bias, np.zeros(count))
        return y
    means, factors, middles = walk.spread(call.output, y)
    walk.fill(name, weights * factors.reshape(-1, *(1,) * (weights.ndim - 1)))
    offsets = middles - means * y.unit * factors if biases else np.zeros(count)
    for bias in biases:
        walk.fill(bias, offsets)
    return affine(y, factors * y.unit, offsets)


def run_deconv(walk: Walk, call: Call) -> Signal:
    """Give a transposed convolution its filters: it convolves its input, set apart by zeros."""
    shape, factor = walk.shape(call.inputs[1]), call.attributes["strides"][0]
    weights = draw_normal(walk.bits, shape, factor * math.sqrt(2 / (math.prod(shape) / shape[1])))
    x, (rounded, unit) = small(call.x), rounded_weights(weights)
    before, after = (shape[2] - 1 - call.attributes["pads"][place] for place in (0, 2))
    window = Window((shape[2], shape[2]), pads=(before, before, after, after))
    turned = rounded[:, :, ::-1, ::-1].swapaxes(0, 1)
    y = Signal(convolve(set_apart(x.steps, factor, 1), turned, window, 1), unit * x.unit)
    _, factors, _ = walk.spread(call.output, y)
    walk.fill(call.inputs[1], weights * factors[:, np.newaxis, np.newaxis])
    return affine(y, factors * y.unit, np.zeros(len(factors)))


def run_unpool(walk: Walk, call: Call) -> Signal:
    """Put elements into larger images: into the first place of each window, whichever it was."""
    factor = call.attributes["strides"][0]
    return Signal(set_apart(call.x.steps, factor, factor), call.x.unit)


def set_apart(steps: Floats, factor: int, last: int) -> Floats:
    """Return images with `factor` - 1 zeros between neighbours, and `last` - 1 behind the last."""
    *outer, height, width = steps.shape
    sides = [factor * (size - 1) + last for size in (height, width)]
    wide = np.zeros((*outer, *sides), steps.dtype)
    wide[..., ::factor, ::factor] = steps
    return wide


def run_batch_norm(walk: Walk, call: Call) -> Signal:
    """Give a batch normalization the statistics of its input."""
    x, names = call.x, call.inputs[1:]
    means, variances = steady_moments(x.steps)
    deviations, middles = walk.draw_shape(call.output, len(means))
    values = (deviations, middles, means * x.unit, variances * x.unit**2)
    for name, data in zip(names, values, strict=True):
        walk.fill(name, data)
    slopes = deviations * x.unit / np.sqrt(variances * x.unit**2 + EPSILON)
    return affine(x, slopes, middles - means * slopes)


def steady_moments(steps: Floats) -> tuple[Floats, Floats]:
    """Return means and variances of channels; few values lend their variance to each other."""
    means, variances = moments(steps)
    count = steps.size // len(means)
    average = math.fsum(variances) / len(variances)
    return means, (variances * count + average * PRIOR) / (count + PRIOR)


def affine(x: Signal, slopes: Floats, offsets: Floats) -> Signal:
    """Return slope * steps + offset, channel by channel."""
    shape = (-1, *(1,) * (x.steps.ndim - 2))
    return level(x.steps * slopes.reshape(shape) + offsets.reshape(shape))


def run_clip(walk: Walk, call: Call) -> Signal:
    """Limit to constant bounds."""
    (low,), (high,) = call.constants
    return level(np.clip(call.x.reals, low, high))


def run_add(walk: Walk, call: Call) -> Signal:
    """Add two signals."""
    x, y = call.operands
    return level(x.reals + y.reals)


def run_concat(walk: Walk, call: Call) -> Signal:
    """Join signals."""
    joined = np.concatenate([channels_last(x.reals) for x in call.operands], axis=-1)
    return level(channels_first(joined))


def run_reshape(walk: Walk, call: Call) -> Signal:
    """Reshape behind the batch, which the constant 0 copies."""
    sizes = [int(size) for size in call.constants[0][1:]]
    return Signal(call.x.steps.reshape(len(call.x.steps), *sizes), call.x.unit)


def run_flatten(walk: Walk, call: Call) -> Signal:
    """Flatten behind the batch."""
    return Signal(call.x.steps.reshape(len(call.x.steps), -1), call.x.unit)


def run_pad(walk: Walk, call: Call) -> Signal:
    """Pad with zeros."""
    sizes = [int(size) for size in call.constants[0]]
    pads = tuple(zip(sizes[:4], sizes[4:], strict=True))
    return Signal(np.pad(call.x.steps, pads), call.x.unit)


def run_slice(walk: Walk, call: Call) -> Signal:
    """Take every so many rows and columns."""
    *_, (down, across) = (tuple(map(int, values)) for values in call.constants)
    return Signal(call.x.steps[:, :, ::down, ::across], call.x.unit)


def run_lrn(walk: Walk, call: Call) -> Signal:
    """Normalize over neighbouring channels."""
    size, alpha, bias = (call.attributes[name] for name in ("size", "alpha", "bias"))
    return respond(call.x, size, alpha, bias)


def run_resize(walk: Walk, call: Call) -> Signal:
    """Interpolate to a constant size."""
    height, width = (int(size) for size in call.constants[0])
    return interpolate(call.x, height, width)


Runner = Callable[[Walk, Call], Signal]

RUNNERS: Mapping[str, Runner] = MappingProxyType(
    {
        "Add": run_add,
        "AveragePool": lambda walk, call: pool_average(call.x, call.window),
        "BatchNormalization": run_batch_norm,
        "Clip": run_clip,
        "Concat": run_concat,
        "Conv": run_conv,
        "ConvTranspose": run_deconv,
        "Dropout": lambda walk, call: call.x,
        "Flatten": run_flatten,
        "Gemm": run_dense,
        "GlobalAveragePool": lambda walk, call: pool_all(call.x),
        "LRN": run_lrn,
        "MaxPool": lambda walk, call: pool_max(call.x, call.window),
        "MaxUnpool": run_unpool,
        "Pad": run_pad,
        "Relu": lambda walk, call: Signal(np.maximum(call.x.steps, 0), call.x.unit),
        "Reshape": run_reshape,
        "Resize": run_resize,
        "Slice": run_slice,
        "Transpose": lambda walk, call: Signal(
            call.x.steps.transpose(call.attributes["perm"]), call.x.unit
        ),
    }
)
