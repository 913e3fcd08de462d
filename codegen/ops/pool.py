"""MaxPool and AveragePool, the global ones included. Source: ONNX operators of these names.

x is (H, W, C). Padding never enters a maximum; whether it counts in an average is an attribute.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from codegen.ir.fixed_point import INT32_MAX, Rescale, magnitude, rescale_for
from codegen.ir.op import Op, Signature, Window, has_int16
from codegen.ir.types import Array, TensorType


@dataclass(frozen=True, slots=True)
class Pool(Op):
    """A window over rows and columns; `pads` is (top, left, bottom, right)."""

    kernel_shape: tuple[int, int] = (1, 1)
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if len(x.shape) != 3:
            raise ValueError(f"expects an image, got {x}")
        size = tuple(
            (x.shape[i] + self.pads[i] + self.pads[i + 2] - self.kernel_shape[i]) // self.strides[i]
            + 1
            for i in (0, 1)
        )
        if min(size) < 1:
            raise ValueError(f"a window of {self.kernel_shape} does not fit {x}")
        if any(self.pads[i] >= self.kernel_shape[i % 2] for i in range(4)):
            raise ValueError(f"padding {self.pads} leaves windows of {self.kernel_shape} empty")
        return TensorType((*size, x.shape[2]))

    def windows(self, signature: Signature) -> tuple[Window, ...]:
        return (Window(self.kernel_shape[0], self.strides[0], 1, self.pads[0]),)

    def patches(self, x: Array, pad_value: float) -> Array:
        """Return (kH * kW, N, oH, oW, C): each tap of each window, padding as `pad_value`."""
        top, left, bottom, right = self.pads
        widths = ((0, 0), (top, bottom), (left, right), (0, 0))
        x = np.pad(x, widths, constant_values=pad_value)
        kh, kw = self.kernel_shape
        span_y, span_x = x.shape[1] - kh + 1, x.shape[2] - kw + 1
        return np.stack(
            [
                x[:, ky : ky + span_y : self.strides[0], kx : kx + span_x : self.strides[1]]
                for ky in range(kh)
                for kx in range(kw)
            ]
        )


@dataclass(frozen=True, slots=True)
class MaxPool(Pool):
    """Keep the greatest value of each window."""

    name: ClassVar[str] = "max_pool"
    keeps_quant: ClassVar[bool] = True

    def evaluate(self, *arrays: Array) -> Array:
        y: Array = self.patches(arrays[0].astype(np.float64), -np.inf).max(axis=0)
        return y

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        dtype = signature.output.dtype
        y: Array = self.patches(arrays[0], dtype.min).max(axis=0).astype(dtype.numpy)
        return y


@dataclass(frozen=True, slots=True)
class AveragePool(Pool):
    """Average each window over its values, or over its whole area with `count_include_pad`."""

    name: ClassVar[str] = "average_pool"
    mixes_widths: ClassVar[bool] = True

    count_include_pad: bool = False

    def takes_int16(self) -> bool:
        return True

    def evaluate(self, *arrays: Array) -> Array:
        total = self.patches(arrays[0].astype(np.float64), 0.0).sum(axis=0)
        y: Array = total / self.counts(arrays[0].shape[1:3])[..., None]
        return y

    def counts(self, size: tuple[int, ...]) -> Array:
        """Return (oH, oW): by how many each window's sum is divided."""
        inside = self.patches(np.ones((1, *size, 1), np.int64), 0).sum(axis=0)[0, ..., 0]
        area = self.kernel_shape[0] * self.kernel_shape[1]
        return np.full_like(inside, area) if self.count_include_pad else inside

    def ties_to_even(self, signature: Signature) -> bool:
        """Operand and result have one format: averages often lie halfway between two steps.

        Those round to the even step from the zero point, as ONNX QuantizeLinear rounds. With two
        formats, or in 16 bits, halves are rare or small, and round up as everywhere else.
        """
        return signature.inputs[0].quant == signature.output.quant and not has_int16(signature)

    def params(self, signature: Signature) -> Rescale:
        """The rescale for each count: multipliers[n] for a sum of n values, [0] unused.

        The accumulator is sum(x) - values * zero_point over the values inside the image. With
        `ties_to_even` it is four times that, and 1 more if the result's whole part is odd, 1 less
        if it is even: enough to break a tie, too little to do more.
        """
        qx, qy = signature.inputs[0].quant, signature.output.quant
        assert qx is not None and qy is not None
        area = self.kernel_shape[0] * self.kernel_shape[1]
        least = int(self.counts(signature.inputs[0].shape[:2]).min())
        fine = 4 if self.ties_to_even(signature) else 1
        ratio = qx.scale / qy.scale / fine
        scales = [ratio / max(n, least) for n in range(area + 1)]
        bound = fine * area * magnitude(signature.inputs[0]) + 1
        if bound > INT32_MAX:
            raise ValueError(f"sums of {area} values reach {bound}, over 2^31 - 1")
        return rescale_for(signature.inputs, scales, bound, signature.output)

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        p = self.params(signature)
        qx = signature.inputs[0].quant
        assert qx is not None
        acc = self.patches(arrays[0].astype(np.int64) - qx.zero_point, 0).sum(axis=0)
        counts = self.counts(signature.inputs[0].shape[:2])
        multipliers = np.asarray(p.multipliers, np.int64)[counts][..., None]
        if self.ties_to_even(signature):
            whole = (4 * acc * multipliers) >> 32
            acc = 4 * acc + np.where(whole % 2, 1, -1)
        steps = ((acc << p.shift) * multipliers + (1 << (p.down - 1))) >> p.down
        wide = steps + p.zero_point
        y: Array = np.clip(wide, p.low, p.high).astype(signature.output.dtype.numpy)
        return y
