"""The vocabulary of the zoo: layers that write ONNX nodes with seeded, living parameters.

Weights are random; what keeps a random network alive through its depth is that each
batch normalization holds the true statistics of its input. So a small synthetic batch travels
along while the nodes are written. It is held in integers so small that every sum is exact in
floats: the same bytes come out whatever the machine, its threads and its linear algebra. For the
same reason random numbers are drawn from the raw bits of PCG64, which NumPy keeps stable, and not
from its distributions, which it does not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Floats = npt.NDArray[np.floating[Any]]

LEVELS = 63
"""The greatest magnitude of the batch's integers and of weights rounded for it."""
LEAST_BATCH = 4
LEAST_PIXELS = 2**16
"""In the batch's images together: the last, smallest maps still hold some 64 values a channel."""
LARGEST_SIDE = 224
"""Statistics hardly depend on the resolution: larger images are calibrated at this one."""
EPSILON = 1e-3
SCALE = 1.25
BIAS = 2.0
"""Middle of a batch normalization's scales and biases: what it hands to ReLU6 lies mostly between
the bends. Each bend in the middle of a distribution, its mean subtracted again, raises the share
of rounding errors by half; after 27 random layers nothing else would be left."""
LOGIT_SPREAD = 4.0
"""Standard deviation of the classifier's output over inputs: a decided, unsaturated softmax."""
OPSET = 17
IR_VERSION = 8


@dataclass(frozen=True, slots=True)
class Tensor:
    """An ONNX tensor, its shape without the batch, and its values for the synthetic batch.

    `steps` are exact integers, (N, H, W, C) or (N, C); the real values are `unit * steps`.
    """

    name: str
    shape: tuple[int, ...]
    steps: Floats
    unit: float


@dataclass(slots=True)
class Builder:
    """Collects the nodes and initializers of one network; every method adds one layer.

    A node, its output tensor and its initializers share the layer's name: `pw1`, `pw1_weights`,
    `pw1_bn`, `pw1_bn_scale`, `pw1_relu6`.
    """

    seed: int
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: list[onnx.TensorProto] = field(default_factory=list)
    bits: np.random.PCG64 = field(init=False)

    def __post_init__(self) -> None:
        self.bits = np.random.PCG64(self.seed)

    def image(self, name: str, side: int) -> Tensor:
        """Start from a square RGB image scaled to [-1, 1], (3, side, side)."""
        return Tensor(name, (3, side, side), self._images(min(side, LARGEST_SIDE)), 1 / LEVELS)

    def conv(
        self, x: Tensor, name: str, filters: int, kernel: int, stride: int = 1, group: int = 1
    ) -> Tensor:
        """Convolve without bias, padded as TensorFlow's SAME, and normalize the batch."""
        channels, height, width = x.shape
        fan_in = kernel * kernel * channels // group
        weights = self._normal((filters, channels // group, kernel, kernel), math.sqrt(2 / fan_in))
        top, bottom = same_pads(height, kernel, stride)
        left, right = same_pads(width, kernel, stride)
        self._add_initializer(f"{name}_weights", weights)
        self._add_node(
            "Conv",
            name,
            x.name,
            f"{name}_weights",
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[top, left, bottom, right],
            group=group,
        )
        unit = float(np.abs(weights).max()) / LEVELS
        rounded = np.rint(weights / unit)
        sums = exact_conv(x.steps, rounded, stride, group)
        shape = (filters, -(-height // stride), -(-width // stride))
        return self._batch_norm(Tensor(name, shape, sums, unit * x.unit))

    def depthwise(self, x: Tensor, name: str, kernel: int, stride: int = 1) -> Tensor:
        """Convolve each channel with a filter of its own, and normalize the batch."""
        return self.conv(x, name, x.shape[0], kernel, stride, group=x.shape[0])

    def relu6(self, x: Tensor) -> Tensor:
        """Limit to [0, 6], the activation of the MobileNets."""
        if not any(node.name == "relu6_low" for node in self.nodes):
            for bound, value in (("relu6_low", 0.0), ("relu6_high", 6.0)):
                self._add_node("Constant", bound, value=_tensor(np.asarray(value), bound))
        name = f"{x.name.removesuffix('_bn')}_relu6"
        self._add_node("Clip", name, x.name, "relu6_low", "relu6_high")
        steps = np.floor(np.clip(x.steps * x.unit, 0, 6) * (LEVELS / 6) + 0.5)
        return Tensor(name, x.shape, steps, 6 / LEVELS)

    def global_pool(self, x: Tensor, name: str) -> Tensor:
        """Average each channel over the image, and drop the image's dimensions."""
        self._add_node("GlobalAveragePool", name, x.name)
        self._add_node("Flatten", f"{name}_flatten", name, axis=1)
        area = x.steps.shape[1] * x.steps.shape[2]
        sums = x.steps.sum(axis=(1, 2), dtype=np.float64)
        return Tensor(f"{name}_flatten", (x.shape[0],), sums, x.unit / area)

    def dense(self, x: Tensor, name: str, outputs: int) -> Tensor:
        """Map a vector to class scores: centred, and spread so that inputs tell apart."""
        weights = self._normal((outputs, x.shape[0]), 1.0)
        unit = float(np.abs(weights).max()) / LEVELS
        sums = x.steps @ np.rint(weights / unit).T.astype(np.float64)
        means, variances = moments(sums)
        factor = LOGIT_SPREAD / (math.sqrt(math.fsum(variances) / outputs) * unit * x.unit + 1e-9)
        self._add_initializer(f"{name}_weights", weights * factor)
        self._add_initializer(f"{name}_bias", -means * (unit * x.unit * factor))
        self._add_node("Gemm", name, x.name, f"{name}_weights", f"{name}_bias", transB=1)
        return Tensor(name, (outputs,), sums - means, unit * x.unit * factor)

    def softmax(self, x: Tensor, name: str) -> Tensor:
        """Turn class scores into probabilities."""
        self._add_node("Softmax", name, x.name, axis=1)
        return Tensor(name, x.shape, x.steps, x.unit)

    def model(self, name: str, x: Tensor, y: Tensor) -> onnx.ModelProto:
        """Return the network from `x` to `y`, with a free batch dimension "N"."""
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info(x.name, TensorProto.FLOAT, ["N", *x.shape])],
            [helper.make_tensor_value_info(y.name, TensorProto.FLOAT, ["N", *y.shape])],
            self.initializers,
        )
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="codegen"
        )

    def _batch_norm(self, x: Tensor) -> Tensor:
        means, variances = moments(x.steps)
        channels = x.shape[0]
        scale = SCALE + 0.5 * self._uniform(channels)
        bias = BIAS + self._uniform(channels)
        name = f"{x.name}_bn"
        parameters = {
            f"{name}_scale": scale,
            f"{name}_bias": bias,
            f"{name}_mean": means * x.unit,
            f"{name}_var": variances * x.unit**2,
        }
        for key, value in parameters.items():
            self._add_initializer(key, value)
        self._add_node("BatchNormalization", name, x.name, *parameters, epsilon=EPSILON)
        slope = scale * x.unit / np.sqrt(variances * x.unit**2 + EPSILON)
        return Tensor(name, x.shape, (x.steps - means) * slope + bias, 1.0)

    def _add_node(self, op_type: str, name: str, *inputs: str, **attributes: Any) -> None:
        self.nodes.append(helper.make_node(op_type, inputs, [name], name=name, **attributes))

    def _add_initializer(self, name: str, data: Floats) -> None:
        self.initializers.append(_tensor(data, name))

    def _words(self, count: int) -> npt.NDArray[np.uint16]:
        """Return `count` x 4 random 16-bit words, in no particular order within a row."""
        return self.bits.random_raw(count).view(np.uint16).reshape(count, 4)

    def _normal(self, shape: tuple[int, ...], deviation: float) -> Floats:
        """Draw sums of four uniform numbers: nearly normal, and never beyond 3.5 deviations."""
        sums = self._words(math.prod(shape)).sum(axis=1, dtype=np.int64) * 2 - 4 * 0xFFFF
        normal: Floats = (sums * (deviation * math.sqrt(3) / 0x20000)).reshape(shape)
        return normal.astype(np.float32)

    def _uniform(self, count: int) -> Floats:
        """Draw from [-0.5, 0.5]."""
        words = self.bits.random_raw(count) >> np.uint64(40)
        uniform: Floats = words.astype(np.float64) / (2**24 - 1) - 0.5
        return uniform

    def _images(self, side: int) -> Floats:
        """Draw a batch of images with structure at every size: blocks of 2, 4, 8 ... pixels."""
        batch = max(LEAST_BATCH, LEAST_PIXELS // side**2)
        total = np.zeros((batch, side, side, 3))
        size = 2
        while size < 2 * side:
            cells = -(-side // size)
            words = self.bits.random_raw(batch * cells * cells * 3) >> np.uint64(56)
            blocks = words.reshape(batch, cells, cells, 3).astype(np.float64) - 128
            total += blocks.repeat(size, axis=1).repeat(size, axis=2)[:, :side, :side] * size
            size *= 2
        peaks = np.abs(total).max(axis=(1, 2, 3), keepdims=True)
        images: Floats = np.rint(total / peaks * LEVELS).astype(np.float32)
        return images


def same_pads(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return the padding before and after that TensorFlow calls SAME: the odd one comes last.

    >>> same_pads(224, 3, 2), same_pads(112, 3, 1), same_pads(7, 1, 1)
    ((0, 1), (1, 1), (0, 0))
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def moments(steps: Floats) -> tuple[Floats, Floats]:
    """Return mean and variance of each channel (last axis), from exact integer sums."""
    flat = steps.reshape(-1, steps.shape[-1]).astype(np.int64)
    means = flat.sum(axis=0) / len(flat)
    centred = flat - np.rint(means).astype(np.int64)
    offsets = centred.sum(axis=0) / len(flat)
    variances: Floats = (centred**2).sum(axis=0) / len(flat) - offsets**2
    return means, variances


def exact_conv(x: Floats, w: Floats, stride: int, group: int) -> Floats:
    """Convolve integers exactly: x (N, H, W, C), w (M, C / group, k, k), SAME padding.

    `group` is 1 or C.
    """
    filters, depth, kernel, _ = w.shape
    dtype = np.float32 if depth * kernel**2 * LEVELS**2 < 2**24 else np.float64
    pads = [same_pads(size, kernel, stride) for size in x.shape[1:3]]
    x = np.pad(x.astype(dtype), ((0, 0), *pads, (0, 0)))
    w = w.astype(dtype)
    height, width = ((size - kernel) // stride + 1 for size in x.shape[1:3])
    y = np.zeros((len(x), height, width, filters), dtype)
    for ky in range(kernel):
        for kx in range(kernel):
            rows = slice(ky, ky + (height - 1) * stride + 1, stride)
            columns = slice(kx, kx + (width - 1) * stride + 1, stride)
            tap, taps = x[:, rows, columns], w[:, :, ky, kx]
            y += tap @ taps.T if group == 1 else tap * taps[:, 0]
    return y


def _tensor(data: Floats, name: str) -> onnx.TensorProto:
    return numpy_helper.from_array(np.ascontiguousarray(data, np.float32), name)
