"""Logarithm and inverse square root in integers: templates/runtime has the same loops in C."""

from __future__ import annotations

import numpy as np

from codegen.ir.fixed_point import Int64s
from codegen.ir.types import Array

ROOT_BITS = 15
"""Bits of the fraction of `root`."""


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
