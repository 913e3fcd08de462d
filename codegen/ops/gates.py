"""Gates: the integers in which recurrent layers multiply, add and remember."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from codegen.ir.fixed_point import INT32_MAX, Int64s
from codegen.ir.types import Array, Quant
from codegen.ops.curve import Curve, Function, make_curve

SUM_BITS = 60
"""Shares of an argument stay below 2^60, so that the sum of all fits int64."""
MULTIPLIER_BITS = 31
LEAST_SHIFT = 8
FINEST_STATE = 20
"""What a layer remembers has up to 20 binary places."""


@dataclass(frozen=True, slots=True)
class Scale:
    """x * multiplier / 2^shift, rounded once, half up; x is an int32."""

    multiplier: int
    shift: int

    def apply(self, x: Int64s) -> Int64s:
        """Return the scaled integers."""
        return narrow(x * self.multiplier, self.shift)

    def to(self, quant: Quant, x: Int64s) -> Int64s:
        """Return scaled integers in a format, saturated."""
        low, high = quant.element.min, quant.element.max
        y: Int64s = np.clip(self.apply(x) + quant.zero_point, low, high)
        return y


def make_scale(real: float) -> Scale:
    """Return the scale by a real, in 31 bits or down to 2^-62.

    >>> make_scale(0.75)
    Scale(multiplier=1610612736, shift=31)
    """
    shift = min(62, MULTIPLIER_BITS - math.frexp(real)[1])
    if shift < 1:
        raise ValueError(f"a scale of {real:.4g} between two formats is too great")
    return Scale(min(round(math.ldexp(real, shift)), INT32_MAX), shift)


def narrow(wide: Int64s, shift: int) -> Int64s:
    """Return wide / 2^shift, rounded once, half up; the kernels' fx_narrow does the same."""
    return (wide + (1 << (shift - 1))) >> shift


def saturate(wide: Int64s) -> Int64s:
    """Return int32 values; the kernels' fx_saturate does the same."""
    found: Int64s = np.clip(wide, -INT32_MAX, INT32_MAX)
    return found


def state_places(bound: float) -> int:
    """Return the binary places of a state in int32 that stays within -bound .. bound."""
    return min(FINEST_STATE, 27 - math.frexp(bound)[1])


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """int8 weights of the operand and of the hidden state, the scale of each row and the formats
    of what they multiply.
    """

    data: tuple[Array, Array]
    scales: tuple[Array, Array]
    operands: tuple[Quant, Quant]

    @property
    def rows(self) -> int:
        return len(self.data[0])

    def reach(self) -> Array:
        """Return the greatest magnitude of each row's sum."""
        parts = [
            np.abs(data.astype(np.int64)).sum(axis=1) * scale * magnitude(quant)
            for data, scale, quant in zip(self.data, self.scales, self.operands, strict=True)
        ]
        total: Array = parts[0] + parts[1]
        return total


def magnitude(quant: Quant) -> float:
    """Return the greatest magnitude of a value in a format."""
    low, high = quant.element.min, quant.element.max
    return quant.scale * max(high - quant.zero_point, quant.zero_point - low)


@dataclass(frozen=True, slots=True, eq=False)
class Gates:
    """The argument of each row's function, in steps of 2^-in_bits of its curve:

        narrow((w * x) * x_multiplier + (r * h) * h_multiplier + (bias << bias_shift), shift)

    where w * x and r * h are sums of products of integers. The bias makes up for both zero points.
    More biases than rows are those of r * h alone, in the last rows, which is a factor there.
    """

    w: Array
    r: Array
    x_multipliers: Int64s
    h_multipliers: Int64s
    bias: Int64s
    bias_shift: int
    shift: int

    def of_input(self, x: Array) -> Int64s:
        """Return the share of the operand's row (..., inputs) and of the bias."""
        found: Int64s = product(x, self.w) * self.x_multipliers
        return found + (self.bias[: len(self.w)] << self.bias_shift)

    def of_hidden(self, h: Array) -> Int64s:
        """Return the share of the hidden state (..., units)."""
        found: Int64s = product(h, self.r) * self.h_multipliers
        return found

    @property
    def hidden_bias(self) -> Int64s:
        """The biases of r * h alone."""
        return self.bias[len(self.w) :] << self.bias_shift


def product(x: Array, weights: Array) -> Int64s:
    """Return x times each row of weights: sums far below 2^53, exact in floats."""
    found: Int64s = (x.astype(np.float64) @ weights.T.astype(np.float64)).astype(np.int64)
    return found


def make_gates(weights: Weights, bias: Array, in_bits: Int64s, reach: Array) -> Gates:
    """Derive the integers of gates from weights, real biases, and each row's binary places.

    `reach` is the greatest magnitude of each row's argument. Raises ValueError where 64 bits are
    not enough.
    """
    units = 2.0**in_bits
    pairs = zip(weights.scales, weights.operands, strict=True)
    scales = [scale * quant.scale * units for scale, quant in pairs]
    greatest = max(float((reach * units).max()), 1.0)
    shift = min(
        32,
        SUM_BITS - math.frexp(greatest)[1],
        MULTIPLIER_BITS - math.frexp(float(np.maximum(*scales).max()))[1],
    )
    if shift < LEAST_SHIFT or greatest >= 2.0**30:
        raise ValueError(f"arguments of its functions can reach {float(reach.max()):.4g}")
    multipliers = [np.rint(scale * 2.0**shift).astype(np.int64) for scale in scales]
    x_zero, h_zero = (
        -quant.zero_point * data.astype(np.int64).sum(axis=1) * multiplier
        for quant, data, multiplier in zip(weights.operands, weights.data, multipliers, strict=True)
    )
    rows, alone = weights.rows, len(bias) - weights.rows
    wide = np.rint(bias * np.append(units, units[rows - alone :]) * 2.0**shift).astype(np.int64)
    wide[:rows] += x_zero
    wide[: rows - alone] += h_zero[: rows - alone]
    wide[rows:] += h_zero[rows - alone :]
    bias_shift = max(1, int(np.abs(wide).max()).bit_length() - 30)
    return Gates(
        *weights.data, multipliers[0], multipliers[1], narrow(wide, bias_shift), bias_shift, shift
    )


def make_curves(
    functions: Sequence[Function], of_rows: Int64s, reach: Array, clip: float, *, fine: bool
) -> tuple[Curve, ...]:
    """Return the curves of gates; row i has function number `of_rows[i]`."""
    return tuple(
        make_curve(function, float(reach[of_rows == index].max()), clip, fine=fine)
        for index, function in enumerate(functions)
    )
