"""Lrn: local response normalization across channels. Source: ONNX operator LRN; AlexNet, 3.3.

y[c] = x[c] * (bias + alpha / size * sum of x[i]^2)^-beta over the `size` channels around c.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from codegen.ir.fixed_point import INT32_MAX, Int64s, Rescale, make_rescale
from codegen.ir.op import Op, Signature
from codegen.ir.types import Array, TensorType

LARGEST = 255
"""The greatest magnitude of q - zero_point."""
TOLERANCE = 0.25
"""Steps of the output by which interpolation may err before the one rounding."""
LEAST_SEGMENTS, MOST_SEGMENTS = 16, 256


@dataclass(frozen=True, slots=True, eq=False)
class LrnParams:
    """y = rescale(x - input_zero_point) by the factor of the window's sum of squares.

    Factors, in 2^-(32 - rescale.shift), stand at the sums 0, 1, 2 ... 2 * segments, then at
    `segments` sums evenly in each further octave: entry (shift * segments) + (sum >> shift),
    with the least shift for which sum >> shift is below 2 * segments. Between entries they are
    interpolated: f + ((next - f) * (sum mod 2^shift) >> shift).
    """

    factors: Int64s
    segments: int
    input_zero_point: int
    rescale: Rescale


@dataclass(frozen=True, slots=True)
class Lrn(Op):
    """Divide each channel by a power of the energy of the channels around it."""

    name: ClassVar[str] = "lrn"

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    bias: float = 1.0

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if self.size < 1 or min(self.alpha, self.beta) < 0 or self.bias <= 0:
            raise ValueError("expects size and bias above 0, alpha and beta of 0 or more")
        return TensorType(x.shape)

    @property
    def before(self) -> int:
        """Channels of a window below its center."""
        return (self.size - 1) // 2

    @property
    def after(self) -> int:
        """Channels of a window above its center."""
        return self.size // 2

    def evaluate(self, *arrays: Array) -> Array:
        x = arrays[0].astype(np.float64)
        y: Array = x * (self.bias + self.alpha / self.size * self.sums(x * x)) ** -self.beta
        return y

    def sums(self, squares: Array) -> Array:
        """Sum over each channel's window; channels beyond the ends are 0."""
        widths = [(0, 0)] * (squares.ndim - 1) + [(self.before + 1, self.after)]
        total = np.cumsum(np.pad(squares, widths), axis=-1)
        found: Array = total[..., self.size :] - total[..., : -self.size]
        return found

    def params(self, signature: Signature) -> LrnParams:
        """The table of factors; ValueError where 32 bits or 256 segments an octave do not do.

        The curve of (1 + t)^-beta makes interpolation too great by a share of at most
        beta * (beta + 1) / (8 * segments^2), and a result below saturation is 255 steps at most.
        A sum of 0 means an x of 0, whatever the factor.
        """
        (x,), y = signature.inputs, signature.output
        assert x.quant is not None and y.quant is not None
        greatest = min(self.size, x.channels) * LARGEST**2
        if greatest > INT32_MAX:
            raise ValueError(f"sums of squares over {self.size} channels exceed 2^31 - 1")
        segments = LEAST_SEGMENTS
        while LARGEST * self.curvature(segments) > TOLERANCE:
            segments *= 2
        if segments > MOST_SEGMENTS:
            raise ValueError(f"a beta of {self.beta:.3g} needs {segments} segments an octave")
        scale = x.quant.scale / y.quant.scale
        sums = grid(greatest, segments)
        sums[0] = 1
        energy = self.alpha / self.size * sums * x.quant.scale**2
        reals = scale * (self.bias + energy) ** -self.beta
        rescale = make_rescale([float(reals[0])], LARGEST, y.quant, y.dtype)
        factors = np.rint(reals * 2.0 ** (32 - rescale.shift)).astype(np.int64)
        return LrnParams(factors, segments, x.quant.zero_point, rescale)

    def curvature(self, segments: int) -> float:
        """Return the greatest relative error of interpolation between entries."""
        steep = math.pow(1 + 1 / segments, self.beta)
        return self.beta * (self.beta + 1) * steep / (8 * segments**2)

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        p = self.params(signature)
        x = arrays[0].astype(np.int64) - p.input_zero_point
        sums = self.sums(x * x)
        shift = shifts(sums, p.segments)
        entry = shift * p.segments + (sums >> shift)
        low, high = p.factors[entry], p.factors[entry + 1]
        factor = low + (((high - low) * (sums & ((1 << shift) - 1))) >> shift)
        wide = (((x << p.rescale.shift) * factor + 2**31) >> 32) + p.rescale.zero_point
        y: Array = np.clip(wide, p.rescale.low, p.rescale.high)
        return y.astype(signature.output.dtype.numpy)


def shifts(sums: Array, segments: int) -> Int64s:
    """Return the least shifts that bring each sum below 2 * segments."""
    octave = np.frexp(sums.astype(np.float64))[1].astype(np.int64)
    found: Int64s = np.maximum(octave - segments.bit_length(), 0)
    return found


def grid(greatest: int, segments: int) -> Int64s:
    """Return the sums at which entries stand: enough to interpolate up to `greatest`.

    >>> grid(40, 4).tolist()
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48]
    """
    last = int(shifts(np.asarray(greatest), segments))
    entries = np.arange(last * segments + (greatest >> last) + 2)
    shift = np.maximum(entries // segments - 1, 0)
    sums: Int64s = (entries - shift * segments) << shift
    return sums
