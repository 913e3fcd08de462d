"""Conv2d: two-dimensional convolution of any group, NHWC; depthwise is group == channels.

Source: ONNX operator Conv. Inside, x is (H, W, C), w is (M, kH, kW, C / group), b is (M,).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from codegen.ir.op import Op, Signature, Window
from codegen.ir.types import Array, TensorType
from codegen.ops.linear import Clamp, LinearParams, exact_dtype, linear_params


@dataclass(frozen=True, slots=True)
class Conv2d(Op):
    """Convolve and clamp; `pads` is (top, left, bottom, right), the other pairs are (y, x).

    With `interleave` the groups take turns in the output: channel f * group + g is filter f of
    group g. That is the channel shuffle of ShuffleNet, without moving a value.
    """

    name: ClassVar[str] = "conv2d"

    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilations: tuple[int, int] = (1, 1)
    group: int = 1
    clamp: Clamp = None
    interleave: bool = False

    def infer(self, *inputs: TensorType) -> TensorType:
        x, w, b = inputs
        if len(x.shape) != 3 or len(w.shape) != 4:
            raise ValueError(f"expects an image and four-dimensional weights, got {x} and {w}")
        (height, width, channels), (filters, *kernel, depth) = x.shape, w.shape
        if channels != depth * self.group or filters % self.group:
            raise ValueError(f"{channels} channels, {self.group} groups, weights {w} do not agree")
        if b.shape != (filters,):
            raise ValueError(f"{filters} filters need as many biases, got {b}")
        size = conv_output(self, (height, width), (kernel[0], kernel[1]))
        return TensorType((*size, filters))

    def takes_int16(self) -> bool:
        return True

    def evaluate(self, *arrays: Array) -> Array:
        x, w, b = arrays
        y = self.ordered(convolve(self, x.astype(np.float64), w.astype(np.float64)) + b)
        return y if self.clamp is None else np.clip(y, *self.clamp)

    def params(self, signature: Signature) -> LinearParams:
        """The integers of the layer; ValueError where they cannot be held."""
        return linear_params(signature, self.clamp)

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        p = self.params(signature)
        dtype = exact_dtype(p.weights, arrays[0])
        acc = convolve(self, arrays[0].astype(dtype), p.weights.astype(dtype), p.input_zero_point)
        y = p.rescale.apply(acc.astype(np.int64) + p.bias, signature.output.dtype)
        return self.ordered(y)

    def ordered(self, y: Array) -> Array:
        """Bring results in the order of the filters, (..., M), into that of the output."""
        if not self.interleave:
            return y
        return y.reshape(*y.shape[:-1], self.group, -1).swapaxes(-1, -2).reshape(y.shape)

    def macs(self, signature: Signature) -> int:
        depth = int(np.prod(signature.inputs[1].shape[1:]))
        return signature.output.elements * depth

    def windows(self, signature: Signature) -> tuple[Window, ...]:
        kernel_rows = signature.inputs[1].shape[1]
        return (Window(kernel_rows, self.strides[0], self.dilations[0], self.pads[0]),)

    def is_depthwise(self, signature: Signature) -> bool:
        """One filter for each channel, and more than one channel."""
        w = signature.inputs[1].shape
        return self.group > 1 and w[3] == 1 and w[0] == self.group


def conv_output(op: Conv2d, size: tuple[int, int], kernel: tuple[int, int]) -> tuple[int, int]:
    """Return the output's height and width; ValueError where no window fits."""
    found = []
    for axis in (0, 1):
        extent = (kernel[axis] - 1) * op.dilations[axis] + 1
        room = size[axis] + op.pads[axis] + op.pads[axis + 2] - extent
        if room < 0:
            raise ValueError(f"a window of {extent} does not fit {size[axis]} padded values")
        found.append(room // op.strides[axis] + 1)
    return found[0], found[1]


def convolve(op: Conv2d, x: Array, w: Array, pad_value: float = 0.0) -> Array:
    """Sum w * x over each window: x (N, H, W, C), w (M, kH, kW, C / group) -> (N, oH, oW, M)."""
    n, height, width, channels = x.shape
    filters, kh, kw, depth = w.shape
    out_h, out_w = conv_output(op, (height, width), (kh, kw))
    top, left, bottom, right = op.pads
    if any(op.pads):
        x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=pad_value)
    acc = np.zeros((n, out_h, out_w, filters), x.dtype)
    span_y, span_x = (out_h - 1) * op.strides[0] + 1, (out_w - 1) * op.strides[1] + 1
    for ky in range(kh):
        for kx in range(kw):
            y0, x0 = ky * op.dilations[0], kx * op.dilations[1]
            tap = x[:, y0 : y0 + span_y : op.strides[0], x0 : x0 + span_x : op.strides[1]]
            if depth == 1 and filters == channels == op.group:
                acc += tap * w[:, ky, kx, 0]
                continue
            grouped = tap.reshape(n, out_h, out_w, op.group, depth)
            for g in range(op.group):
                rows = slice(g * filters // op.group, (g + 1) * filters // op.group)
                acc[..., rows] += grouped[..., g, :] @ w[rows, ky, kx].T
    return acc
