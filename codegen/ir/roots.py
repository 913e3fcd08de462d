"""Logarithm and roots in integers: templates/runtime has the same loops in C."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from codegen.ir.fixed_point import Int64s, magnitude
from codegen.ir.types import Array, TensorType

ROOT_BITS = 15
"""Bits of the fraction of `root`."""

INT64_MAX = 2**63 - 1
"""No sum is greater, and none reaches a level that is this."""


def log2(values: Array, bits: int) -> Int64s:
    """Return log2 of integers from 1 to 2^32 - 1 with `bits` of fraction, rounded down.

    >>> log2(np.array([1, 2, 3]), 8).tolist()
    [0, 256, 405]
    """
    m = np.asarray(values, np.uint64)
    found = np.full(m.shape, 31, np.int64)
    for _ in range(31):
        short = m < 2**31
        m = np.where(short, m << np.uint64(1), m)
        found -= short
    for _ in range(bits):
        m = (m * m) >> np.uint64(32)
        double = m >= 2**31
        found = found * 2 + double
        m = np.where(double, m, m << np.uint64(1))
    return found


def inverse_root(values: Int64s) -> tuple[Int64s, Int64s]:
    """Return factor and shift: 1 / sqrt(value) = factor * 2^(shift - 61), 2^30 <= factor < 2^31.

    Values are from 1 to 2^62 - 1; the factor is at most 2^-28 of itself off.
    """
    d = np.asarray(values, np.int64)
    shift = np.zeros(d.shape, np.int64)
    for _ in range(30):
        small = d < 2**60
        d = np.where(small, d << 2, d)
        shift += small
    d = d >> 31
    factor = np.zeros(d.shape, np.int64)
    for bit in range(30, -1, -1):
        greater = factor | (1 << bit)
        factor = np.where(((greater * greater) >> 31) * d <= 2**60, greater, factor)
    return factor, shift


def root(values: Int64s) -> Int64s:
    """Return the square root of integers below 2^31, with ROOT_BITS of fraction, or one unit less.

    >>> root(np.array([0, 9])).tolist()
    [0, 98303]
    """
    factor, shift = inverse_root(np.maximum(values, 1))
    found: Int64s = (values * factor) >> (61 - ROOT_BITS - shift)
    return found


def wide_root(values: Int64s) -> Int64s:
    """Return the square root of integers below 2^62, with ROOT_BITS of fraction, rounded down.

    It is at most 2^-27 of itself off.
    """
    factor, shift = inverse_root(np.maximum(values, 1))
    found: Int64s = (((values << (2 * shift)) >> 31) * factor) >> (30 - ROOT_BITS + shift)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class PowerNorm:
    """y = zero_point + how many of `levels`, which ascend, the sum of |d|^p has reached."""

    p: int
    levels: Int64s
    zero_point: int

    def apply(self, d: Int64s, axis: int) -> Array:
        """Return the norm of distances from the operand's zero point along an axis."""
        sums = (np.abs(d) ** self.p).sum(axis=axis)
        y: Array = np.searchsorted(self.levels, sums, side="right") + self.zero_point
        return y.astype(np.int8)


def power_norm(p: int, n: int, x: TensorType, y: TensorType) -> PowerNorm:
    """Return the norm of n values by their p-th powers, rounded half up; ValueError over 64 bits.

    Level k is the least sum of which the root is at least k + 1/2 steps of y.
    """
    assert x.quant is not None and y.quant is not None
    if n * magnitude(x) ** p > INT64_MAX:
        raise ValueError(f"powers of {p} of {n} values overflow 64 bits")
    ratio = Fraction(y.quant.scale) / Fraction(x.quant.scale)
    levels = (((k + Fraction(1, 2)) * ratio) ** p for k in range(y.dtype.max - y.quant.zero_point))
    capped = [min(math.ceil(level), INT64_MAX) for level in levels] or [INT64_MAX]
    return PowerNorm(p, np.array(capped, np.int64), y.quant.zero_point)
