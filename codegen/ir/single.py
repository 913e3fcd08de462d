"""Single-precision arithmetic, defined once: templates/runtime/single*.h.j2 say the same in C.

Sums, products, quotients and comparisons of IEEE 754 singles have one result on every machine, if
no product is joined with a sum. All else is made of these here, so it has one result, too: no
mathematical library is called. Arrays are float32 throughout.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from codegen.ir.types import Array, DType, Quant

Singles = npt.NDArray[np.float32]
Single = Singles | np.float32

GREATEST = np.float32(3.40282347e38)
LEAST_NORMAL = np.float32(2.0**-126)
LOG2_E = np.float32(1.44269504)
LN_2 = np.float32(0.693147181)
ROOT_2 = np.float32(1.41421356)
HALF = np.float32(0.5)
WHOLE = np.float32(2.0**23)
"""All singles from here on are integers."""
POWERS = (
    2.15706223e-05,
    2.17838809e-04,
    1.88564986e-03,
    1.36020882e-02,
    7.84946606e-02,
    3.39731574e-01,
    9.80258167e-01,
    1.41421354,
)
"""Taylor's coefficients of 2^(r + 1/2), the highest first."""
LOGARITHMS = (0.3205989, 0.412198573, 0.577078044, 0.961796701, 2.88539004)
"""Those of log2((1 + s) / (1 - s)), the highest of its odd powers first."""


def polynomial(coefficients: tuple[float, ...], x: Singles) -> Singles:
    """Return the value at x by Horner's rule, the highest coefficient first."""
    y = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        y = y * x + np.float32(coefficient)
    return y


def floor(x: Singles) -> Singles:
    """Round down; what is no small number stays as it is."""
    small = (x > -WHOLE) & (x < WHOLE)
    whole = np.where(small, x, 0).astype(np.int32).astype(np.float32)
    return np.where(small, np.where(whole > x, whole - np.float32(1), whole), x)


def exp2(x: Singles) -> Singles:
    """2^x; zero below 2^-126, the greatest single from 2^128 on."""
    inside = (x >= -126) & (x < 128)
    near = np.where(inside, x, np.float32(0))
    whole = floor(near)
    scale = ((whole.astype(np.int32) + 127) << 23).view(np.float32)
    y = polynomial(POWERS, near - whole - HALF) * scale
    return np.where(inside, y, np.where(x < -126, np.float32(0), GREATEST))


def log2(x: Singles) -> Singles:
    """The logarithm of x to base 2; of what is no normal positive single the least single."""
    normal = x >= LEAST_NORMAL
    bits = np.where(normal, x, np.float32(1)).view(np.int32)
    exponent = (bits >> 23) - 127
    m = ((bits & 0x7FFFFF) | 0x3F800000).view(np.float32)
    high = m > ROOT_2
    m = np.where(high, m * HALF, m)
    s = (m - np.float32(1)) / (m + np.float32(1))
    y = (exponent + high).astype(np.float32) + polynomial(LOGARITHMS, s * s) * s
    return np.where(normal, y, -GREATEST)


def root(x: Singles) -> Singles:
    """The square root of x; zero where x is no normal positive single."""
    normal = x >= LEAST_NORMAL
    near = np.where(normal, x, np.float32(1))
    y: Singles = ((near.view(np.int32) >> 1) + 0x1FBD1DF5).view(np.float32)
    for _ in range(3):
        y += near / y
        y *= HALF
    return np.where(normal, y, np.float32(0))


def power(a: Singles, b: Singles) -> Singles:
    """|a|^b, negative where a is and the integer nearest to b is odd."""
    a, b = np.broadcast_arrays(a, b)
    size = np.where(a < 0, -a, a)
    nearest = floor(b + HALF) * HALF
    y = exp2(b * log2(size))
    y = np.where(size == 0, np.where(b < 0, GREATEST, np.float32(0)), y)
    y = np.where((a < 0) & (floor(nearest) != nearest), -y, y)
    return np.where(b == 0, np.float32(1), y)


def modulo(a: Singles, b: Singles) -> Singles:
    """What a is more than the next multiple of b below, towards minus infinity."""
    return a - floor(a / b) * b


def remainder(a: Singles, b: Singles) -> Singles:
    """What a is more than the next multiple of b towards zero."""
    quotient = a / b
    whole: Singles = np.where(quotient < 0, -floor(-quotient), floor(quotient))
    return a - whole * b


def least(a: Singles, b: Single) -> Singles:
    """The lesser of two."""
    return np.where(b < a, b, a)


def greatest(a: Singles, b: Single) -> Singles:
    """The greater of two."""
    return np.where(b > a, b, a)


def dequantized(q: Array, quant: Quant) -> Singles:
    """Return the singles that integers in a format stand for."""
    steps = (q.astype(np.int32) - quant.zero_point).astype(np.float32)
    return steps * np.float32(quant.scale)


def quantized(x: Singles, quant: Quant) -> Array:
    """Round to the nearest int8, half up, and saturate; what is undefined is zero."""
    steps = np.where(np.isnan(x), np.float32(0), x) * steps_of(quant)
    steps = steps + np.float32(quant.zero_point + 128.5)
    inside = np.where((steps > 0) & (steps < 256), steps, np.float32(0)).astype(np.int32)
    y: Array = np.where(steps < 256, inside, 255) - 128
    return y.astype(DType.INT8.numpy)


def steps_of(quant: Quant) -> np.float32:
    """Return how many steps of a format make one."""
    return np.float32(1 / quant.scale)
