"""Integer arithmetic, defined once: templates/runtime/fixed_point.h says the same in C.

Rescaling an accumulator rounds once, half up:

    y = clamp(zero_point + (((acc << shift) * multiplier + 2**31) >> 32), low, high)

with 0 < multiplier < 2**31. `shift` is 0 unless the scale is 0.5 or more. Where an activation has
16 bits accumulators may take more than 32, and the shift down is chosen instead of 32:

    y = clamp(zero_point + ((acc * multiplier + 2**(down - 1)) >> down), low, high)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from codegen.ir.types import Array, DType, Quant, TensorType

INT32_MAX = 2**31 - 1
WIDE_BITS = 62
"""Products of wide accumulators and multipliers, and their sum with a half, fit so many bits."""
LEAST_MULTIPLIER_BITS = 18
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rescale:
    """Multipliers (one, or one a channel), shifts common to all, and the output's range."""

    multipliers: tuple[int, ...]
    shift: int
    zero_point: int
    low: int
    high: int
    down: int = 32

    def apply(self, acc: Array, dtype: DType = DType.INT8) -> Array:
        """Rescale accumulators (..., channels) that keep within the bound it was made for."""
        wide = acc.astype(np.int64) << self.shift
        half = 1 << (self.down - 1)
        steps = (wide * np.asarray(self.multipliers, np.int64) + half) >> self.down
        y: Array = np.clip(steps + self.zero_point, self.low, self.high).astype(dtype.numpy)
        return y


def clamp_range(quant: Quant, dtype: DType, clamp: tuple[float, float] | None) -> tuple[int, int]:
    """Return the least and greatest integer an output may take under a real-valued clamp."""
    if clamp is None:
        return dtype.min, dtype.max
    low, high = (int(quant.quantize(bound, dtype)) for bound in clamp)
    return low, high


def make_rescale(
    scales: Sequence[float],
    acc_bound: int,
    output: Quant,
    dtype: DType = DType.INT8,
    clamp: tuple[float, float] | None = None,
) -> Rescale:
    """Return the rescale by `scales` for accumulators of at most `acc_bound` in magnitude.

    Raises ValueError where a scale of 0.5 or more would need a shift that overflows int32.

    >>> make_rescale([0.25], 1000, Quant((1.0,), 0)).multipliers == (2**30,)
    True
    """
    shift = 0
    while round(max(scales) * 2.0 ** (32 - shift)) > INT32_MAX:
        shift += 1
    if acc_bound << shift > INT32_MAX:
        raise ValueError(
            f"the output scale is {max(scales):.4g} times finer than the accumulator's, which"
            f" can reach {acc_bound}: shifting it left by {shift} overflows 32 bits"
        )
    multipliers = tuple(max(1, round(scale * 2.0 ** (32 - shift))) for scale in scales)
    low, high = clamp_range(output, dtype, clamp)
    return Rescale(multipliers, shift, output.zero_point, low, high)


def make_wide_rescale(
    scales: Sequence[float],
    acc_bound: int,
    output: Quant,
    dtype: DType,
    clamp: tuple[float, float] | None = None,
) -> Rescale:
    """Return the rescale by `scales` of accumulators of up to 64 bits, of no left shift.

    Raises ValueError where 64 bits leave the multiplier too few.

    >>> make_wide_rescale([0.25], 2**40, Quant((1.0,), 0), DType.INT16).down
    21
    """
    exponent = math.frexp(max(scales))[1]
    bits = min(31, WIDE_BITS - 1 - int(acc_bound).bit_length())
    down = min(bits - exponent, WIDE_BITS)
    if bits < LEAST_MULTIPLIER_BITS or down < 1:
        raise ValueError(
            f"accumulators of up to {acc_bound} times {max(scales):.4g} do not fit 64 bits"
        )
    multipliers = tuple(min(max(1, round(s * 2.0**down)), INT32_MAX) for s in scales)
    low, high = clamp_range(output, dtype, clamp)
    return Rescale(multipliers, 0, output.zero_point, low, high, down)


def rescale_for(
    kinds: Sequence[TensorType],
    scales: Sequence[float],
    acc_bound: int,
    output: TensorType,
    clamp: tuple[float, float] | None = None,
) -> Rescale:
    """Return the rescale to `output` of accumulators of `kinds`: wide where one has 16 bits."""
    assert output.quant is not None
    is_wide = any(kind.is_int16 for kind in (*kinds, output))
    make = make_wide_rescale if is_wide else make_rescale
    return make(scales, acc_bound, output.quant, output.dtype, clamp)


def magnitude(kind: TensorType) -> int:
    """Return the greatest distance from the zero point of integers of a type."""
    assert kind.quant is not None
    if not kind.is_int16:
        return 255
    return max(kind.dtype.max - kind.quant.zero_point, kind.quant.zero_point - kind.dtype.min)


def accumulator_range(weights: Array, bias: Int64s, x: DType = DType.INT8) -> tuple[Int64s, Int64s]:
    """Return each channel's least and greatest accumulator over all inputs.

    weights: (channels, ...) integers; bias: (channels,). Both ends are attained: by the input
    that is `x.max` where the weight is positive and `x.min` where it is negative, and by its
    opposite. Since no term of the extreme sums has the other sign, every partial sum, in any
    order, lies within the range too.
    """
    flat = weights.reshape(len(weights), -1).astype(np.int64)
    positive = np.where(flat > 0, flat, 0).sum(axis=1)
    negative = np.where(flat < 0, flat, 0).sum(axis=1)
    greatest = bias + positive * x.max + negative * x.min
    least = bias + positive * x.min + negative * x.max
    return least, greatest


def unary_table(reals_out: Array, output: Quant, dtype: DType = DType.INT8) -> Array:
    """Quantize the 256 results of a unary function of int8, indexed by q + 128."""
    return output.quantize(reals_out, dtype)


INT8_VALUES = np.arange(-128, 128, dtype=np.int64)
"""Every int8 value in table order: the entry for q stands at q + 128."""
