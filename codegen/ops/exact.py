"""Elementwise functions of integers that stand for themselves, as C computes them: they wrap."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from codegen.ir.types import Array


def divide(a: Array, b: Array) -> Array:
    """Divide, rounded towards zero; zero where b is zero."""
    safe = np.where(b == 0, 1, b).astype(b.dtype)
    floor = a // safe
    is_off = (a % safe != 0) & ((a < 0) != (safe < 0))
    return np.where(b == 0, 0, floor + is_off).astype(a.dtype)


def remainder(a: Array, b: Array) -> Array:
    """Return what `divide` leaves, of the sign of a; zero where b is zero."""
    with np.errstate(over="ignore"):
        found: Array = a - divide(a, b) * b
    return np.where(b == 0, 0, found).astype(a.dtype)


def modulo(a: Array, b: Array) -> Array:
    """Return the remainder of the sign of b; zero where b is zero."""
    left = remainder(a, b)
    return np.where((left != 0) & ((left < 0) != (b < 0)), left + b, left).astype(a.dtype)


def power(a: Array, b: Array) -> Array:
    """Multiply a by itself; a negative exponent leaves 1, -1, or zero."""
    a, b = np.broadcast_arrays(a, b)
    y, factor = np.ones_like(a), np.where((b < 0) & (a != 1) & (a != -1), 0, a).astype(a.dtype)
    left = np.abs(b.astype(np.int64)).astype(np.uint64)
    with np.errstate(over="ignore"):
        while left.any():
            y = np.where(left & np.uint64(1), y * factor, y).astype(a.dtype)
            factor = (factor * factor).astype(a.dtype)
            left = left >> np.uint64(1)
    return y


def shift_left(a: Array, b: Array) -> Array:
    """Shift by b bits; all leave where these are more than there are, or less than none."""
    bits = 8 * a.dtype.itemsize
    inside = (b >= 0) & (b < bits)
    return np.where(inside, a << np.where(inside, b, 0).astype(b.dtype), 0).astype(a.dtype)


def shift_right(a: Array, b: Array) -> Array:
    """Shift by b bits; where these are more than there are, or less than none, the sign is left."""
    bits = 8 * a.dtype.itemsize
    inside = (b >= 0) & (b < bits)
    shifted = a >> np.where(inside, b, 0).astype(b.dtype)
    return np.where(inside, shifted, np.where(a < 0, -1, 0)).astype(a.dtype)


def choose(chosen: Array, a: Array, b: Array) -> Array:
    """Return a where chosen, elsewhere b."""
    return np.where(chosen, a, b)


EXACT: Mapping[str, Callable[..., Array]] = {
    "abs": np.abs,
    "add": np.add,
    "bit_and": np.bitwise_and,
    "bit_not": np.invert,
    "bit_or": np.bitwise_or,
    "bit_xor": np.bitwise_xor,
    "div": divide,
    "equal": np.equal,
    "fmod": remainder,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "max": np.maximum,
    "min": np.minimum,
    "mod": modulo,
    "mul": np.multiply,
    "neg": np.negative,
    "not": np.logical_not,
    "pow": power,
    "shift_left": shift_left,
    "shift_right": shift_right,
    "sign": np.sign,
    "sub": np.subtract,
    "where": choose,
}
"""Each of arrays of one integer type, or of booleans, that broadcast."""
