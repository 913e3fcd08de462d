"""Curve: a function of one number as a table of int16, interpolated between its entries."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from codegen.ir.fixed_point import Int64s
from codegen.ir.types import Array

Function = tuple[str, float, float]
"""The name of an activation, its alpha and its beta."""

FUNCTIONS: Mapping[str, Callable[[Array, float, float], Array]] = {
    "affine": lambda x, alpha, beta: alpha * x + beta,
    "elu": lambda x, alpha, beta: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))),
    "hardsigmoid": lambda x, alpha, beta: np.clip(alpha * x + beta, 0, 1),
    "leakyrelu": lambda x, alpha, beta: np.where(x > 0, x, alpha * x),
    "relu": lambda x, alpha, beta: np.maximum(x, 0),
    "scaledtanh": lambda x, alpha, beta: alpha * np.tanh(beta * x),
    "sigmoid": lambda x, alpha, beta: 0.5 * (1 + np.tanh(0.5 * x)),
    "softplus": lambda x, alpha, beta: np.logaddexp(x, 0),
    "softsign": lambda x, alpha, beta: x / (1 + np.abs(x)),
    "tanh": lambda x, alpha, beta: np.tanh(x),
    "thresholdedrelu": lambda x, alpha, beta: np.where(x > alpha, x, 0),
}
"""ONNX's activation functions of recurrent operators, their names in lower case."""

FLAT = 8.0
"""A sigmoid or tanh is flat beyond -8 and 8."""
LEAST_BITS, MOST_BITS = 8, 12
FINE_FLAT = 11.0
"""To a result of 16 bits a sigmoid is flat from here on."""
TOLERANCE, FINE_TOLERANCE = 2.0**-10, 2.0**-14
"""How far interpolation may be off, as a part of the greatest result; the second for results of
16 bits, as far as the longest table attains it."""
INT16_MAX = 2**15 - 1


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """f(x * 2^-in_bits) = table's entry * 2^-out_bits for x within -limit .. limit.

    2^bits + 1 entries stand evenly from -2^15 to 2^15, the whole range of int16.
    """

    table: Int64s
    bits: int
    in_bits: int
    out_bits: int
    limit: int
    greatest: float
    """The greatest magnitude that it returns."""

    def apply(self, x: Int64s) -> Int64s:
        """Return the interpolated results; the kernels' fx_curve does the same."""
        shift = 16 - self.bits
        place = np.clip(x, -self.limit, self.limit) + 2**15
        entry, rest = place >> shift, place & ((1 << shift) - 1)
        low, high = self.table[entry], self.table[entry + 1]
        found: Int64s = low + (((high - low) * rest + (1 << (shift - 1))) >> shift)
        return found


def real_curve(function: Function, x: Array, clip: float = math.inf) -> Array:
    """Return the function itself, of arguments limited to -clip .. clip."""
    name, alpha, beta = function
    found: Array = FUNCTIONS[name](np.clip(x.astype(np.float64), -clip, clip), alpha, beta)
    return found


def greatest_of(function: Function) -> float:
    """Return what no result of the function exceeds; ValueError where there is no such number."""
    if function[0] in ("sigmoid", "tanh", "softsign", "hardsigmoid"):
        return 1.0
    if function[0] == "scaledtanh":
        return abs(function[1])
    raise ValueError(f"{function[0]} grows without end, so there is no format for its results")


def flat_from(function: Function, *, fine: bool) -> float:
    """Return the magnitude from which on arguments make no difference, infinity where all do."""
    name, alpha, beta = function
    if name == "sigmoid" and fine:
        return FINE_FLAT
    if name in ("sigmoid", "tanh"):
        return FLAT
    if name == "scaledtanh" and beta:
        return FLAT / abs(beta)
    if name == "hardsigmoid" and alpha:
        return max(abs(beta), abs(1 - beta)) / abs(alpha)
    return math.inf


def make_curve(
    function: Function,
    reach: float,
    clip: float = math.inf,
    most_bits: int = 15,
    *,
    fine: bool = False,
) -> Curve:
    """Return the curve for arguments that never leave -reach .. reach.

    Arguments have up to `most_bits` binary places; `fine` is for results of 16 bits. Raises
    ValueError where the function bends too much for a table.
    """
    reach = max(min(reach, clip, flat_from(function, fine=fine)), 2.0**-10)
    in_bits = min(most_bits, 15 - math.ceil(math.log2(reach)))
    limit = INT16_MAX if clip == math.inf else min(INT16_MAX, round(clip * 2.0**in_bits))
    ends = np.asarray([-limit, 0, limit]) * 2.0**-in_bits
    greatest = float(np.abs(real_curve(function, np.linspace(ends[0], ends[2], 1025))).max())
    greatest = max(greatest, 2.0**-10)
    out_bits = min(15, math.floor(math.log2(2**15 / greatest)))
    within = np.arange(-limit, limit + 1)
    for bits in range(LEAST_BITS, MOST_BITS + 1):
        grid = np.arange(-(2**15), 2**15 + 1, 2 ** (16 - bits)) * 2.0**-in_bits
        table = np.rint(real_curve(function, grid) * 2.0**out_bits)
        table = np.clip(table, -(2**15), INT16_MAX).astype(np.int64)
        curve = Curve(table, bits, in_bits, out_bits, limit, greatest)
        exact = real_curve(function, within * 2.0**-in_bits)
        off = np.abs(curve.apply(within) * 2.0**-out_bits - exact).max()
        if off <= (FINE_TOLERANCE if fine else TOLERANCE) * greatest:
            return curve
    if off <= TOLERANCE * greatest:
        return curve
    raise ValueError(
        f"{function[0]} of arguments up to {reach:.3g} jumps or bends too much for a table of"
        f" {2**MOST_BITS} entries"
    )
