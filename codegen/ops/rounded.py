"""Elementwise functions of quantized values, with one rounding: what their kernels compute.

Each kind belongs to a family, which has the numbers that a kernel is told, and the integers that
it makes of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from codegen.ir.fixed_point import INT8_VALUES, INT32_MAX, Rescale, magnitude, rescale_for
from codegen.ir.op import Signature, has_int16
from codegen.ir.types import Array, DType, Quant
from codegen.ops.exact import modulo, remainder

LINEAR = ("add", "mean", "sub")
PICKED = ("max", "min", "mod", "fmod", "where")
COMPARED = ("equal", "greater", "greater_equal", "less", "less_equal")
FRACTION_BITS = 18
"""Of logarithms to base 2 in a power."""
MOST_LOG = 2**23 - 1
MANTISSA_BITS = 22
POWER_BITS = 8
"""Of the fraction of an exponent that the table of powers tells; the rest is a line between."""
DIVIDEND_BITS = 22
WIDE_DIVIDEND_BITS = 16
"""By which a dividend of 16 bits is shifted."""


def formats(signature: Signature) -> list[Quant]:
    """Return the formats of the operands that are quantized."""
    kinds = (kind for kind in signature.inputs if kind.dtype is not DType.BOOL)
    return [kind.quant or Quant((1.0,)) for kind in kinds]


def output_format(signature: Signature) -> Quant:
    """Return the format of the result."""
    assert signature.output.quant is not None
    return signature.output.quant


@dataclass(frozen=True, slots=True)
class Linear:
    """y = limit((f(q[i] * multipliers[i] + offsets[i] ...) + offset) >> shift).

    `wide`: in 64 bits.
    """

    multipliers: tuple[int, ...]
    offsets: tuple[int, ...]
    offset: int
    shift: int
    low: int
    high: int
    wide: bool = False


def linear_params(kind: str, signature: Signature) -> Linear:
    """Return the most precise multipliers whose sum stays within int32, or int64, for any input."""
    qs, qy, dtype = formats(signature), output_format(signature), signature.output.dtype
    if kind in COMPARED:
        return compare_params(qs, has_int16(signature))
    signs = [1.0, -1.0] if kind == "sub" else [1.0] * len(qs)
    share = len(qs) if kind == "mean" else 1
    ratios = [sign * q.scale / qy.scale / share for sign, q in zip(signs, qs, strict=True)]
    is_wide = has_int16(signature)
    for shift in range(30, 7, -1):
        multipliers = tuple(round(ratio * 2**shift) for ratio in ratios)
        offset = (qy.zero_point << shift) + (1 << (shift - 1))
        greatest = sum(map(abs, multipliers))
        if (greatest if is_wide else abs(offset) + 256 * greatest) <= INT32_MAX:
            offsets = tuple(-q.zero_point * m for q, m in zip(qs, multipliers, strict=True))
            return Linear(multipliers, offsets, offset, shift, dtype.min, dtype.max, is_wide)
    scales = " and ".join(f"{q.scale:.3g}" for q in qs)
    raise ValueError(
        f"operand scales {scales} are too coarse for an output scale of {qy.scale:.3g}"
    )


def compare_params(qs: list[Quant], is_wide: bool) -> Linear:
    """Return what makes a difference; less than `high` is what rounded multipliers may be off."""
    coarse = max(q.scale for q in qs)
    fine = 2**30 if is_wide else 2**21
    a, b = (round(q.scale / coarse * fine) for q in qs)
    offset = -qs[0].zero_point * a + qs[1].zero_point * b
    near = 2**15 if is_wide else 2**8
    return Linear((a, -b), (offset, 0), 0, 0, -near, near, is_wide)


def linear_terms(p: Linear, operands: list[Array]) -> list[Array]:
    """Return the operands in one unit."""
    terms = zip(operands, p.multipliers, p.offsets, strict=True)
    return [q.astype(np.int64) * multiplier + offset for q, multiplier, offset in terms]


def linear_result(kind: str, p: Linear, operands: list[Array]) -> Array:
    """Compute what a Linear tells."""
    chosen, numbers = (operands[:1], operands[1:]) if kind == "where" else ([], operands)
    terms = linear_terms(p, numbers)
    if kind in LINEAR:
        wide: Array = sum(terms[1:], terms[0])
    elif kind == "where":
        wide = np.where(chosen[0] != 0, *terms)
    elif kind in ("mod", "fmod"):
        wide = (modulo if kind == "mod" else remainder)(*np.broadcast_arrays(*terms))
    else:
        wide = terms[0]
        for term in terms[1:]:
            wide = np.minimum(wide, term) if kind == "min" else np.maximum(wide, term)
    y: Array = np.clip((wide + p.offset) >> p.shift, p.low, p.high)
    return y


def compared(kind: str, p: Linear, operands: list[Array]) -> Array:
    """Return whether a difference is as the kind tells."""
    a, b = linear_terms(p, operands)
    apart = a + b
    found = {
        "equal": (apart < p.high) & (apart > p.low),
        "greater": apart >= p.high,
        "greater_equal": apart > p.low,
        "less": apart <= p.low,
        "less_equal": apart < p.high,
    }
    return found[kind]


@dataclass(frozen=True, slots=True)
class Product:
    """y = rescale((a - zeros[0]) * (b - zeros[1])); a prelu's positive a is rescaled alone."""

    zeros: tuple[int, int]
    rescale: Rescale


def product_params(kind: str, signature: Signature) -> Product:
    """Return multipliers: of the product, and for a prelu of a positive operand."""
    a, b = formats(signature)
    y = output_format(signature)
    scales = [a.scale * b.scale / y.scale]
    if kind == "prelu":
        scales.append(a.scale / y.scale)
    greatest = magnitude(signature.inputs[0]) * magnitude(signature.inputs[1])
    rescale = rescale_for(signature.inputs, scales, greatest, signature.output)
    return Product((a.zero_point, b.zero_point), rescale)


def product_result(kind: str, p: Product, a: Array, b: Array) -> Array:
    """Compute what a Product tells."""
    r = p.rescale
    a, b = a.astype(np.int64) - p.zeros[0], b.astype(np.int64) - p.zeros[1]
    multipliers = np.asarray(r.multipliers, np.int64)
    acc, multiplier = a * b, multipliers[:1]
    if kind == "prelu":
        acc = np.where(a < 0, acc, a)
        multiplier = np.where(a < 0, multipliers[0], multipliers[1])
    steps = ((acc << r.shift) * multiplier + (1 << (r.down - 1))) >> r.down
    y: Array = np.clip(steps + r.zero_point, r.low, r.high)
    return y


@dataclass(frozen=True, slots=True)
class Quotient:
    """y = limit(zero + (a - zeros[0]) * multiplier / ((b - zeros[1]) << shift)), rounded."""

    zeros: tuple[int, int]
    multiplier: int
    shift: int
    zero: int


@dataclass(frozen=True, slots=True)
class WideQuotient:
    """y = rescale(a * 2^16 / b), the quotient rounded, too: within a part of a step."""

    rescale: Rescale


def quotient_params(signature: Signature) -> Quotient | WideQuotient:
    """Return the finest ratio of which dividend and divisor stay within int32."""
    a, b = formats(signature)
    y = output_format(signature)
    ratio = a.scale / b.scale / y.scale
    if has_int16(signature):
        scale = ratio / 2**WIDE_DIVIDEND_BITS
        return WideQuotient(rescale_for(signature.inputs, [scale], 2**31, signature.output))
    shift = DIVIDEND_BITS
    while shift and round(ratio * 2**shift) > 2**DIVIDEND_BITS:
        shift -= 1
    multiplier = min(max(round(ratio * 2**shift), 1), 2**DIVIDEND_BITS)
    return Quotient((a.zero_point, b.zero_point), multiplier, shift, y.zero_point)


def quotient_result(p: Quotient, a: Array, b: Array) -> Array:
    """Divide; halves are rounded away from zero. By zero: the end of the range, or zero."""
    a, b = np.broadcast_arrays(a.astype(np.int64) - p.zeros[0], b.astype(np.int64) - p.zeros[1])
    a, b = np.where(b < 0, -a, a) * p.multiplier, np.abs(b) << p.shift
    steps = np.where(b == 0, 256, (np.abs(a) + b // 2) // np.maximum(b, 1))
    y: Array = np.clip(p.zero + np.sign(a) * steps, -128, 127)
    return y


def wide_quotient_result(p: WideQuotient, a: Array, b: Array) -> Array:
    """Divide; halves are rounded away from zero. By zero: the end of the range, or zero."""
    a, b = np.broadcast_arrays(a.astype(np.int64), b.astype(np.int64))
    over, under = np.abs(a) << WIDE_DIVIDEND_BITS, np.abs(b)
    steps = np.minimum((over + under // 2) // np.maximum(under, 1), INT32_MAX)
    y = p.rescale.apply(np.where((a < 0) != (b < 0), -steps, steps), DType.INT16)
    ends = np.where(a < 0, p.rescale.low, p.rescale.high)
    return np.where((b == 0) & (a != 0), ends, y)


@dataclass(frozen=True, slots=True, eq=False)
class Power:
    """2^(b * logs[a] + offset) with a sign: logs of |a| times b's scale; powers 2^(i/256).

    `odd` tells for each b whether it makes the sign that of a.
    """

    zeros: tuple[int, int]
    logs: Array
    powers: Array
    odd: Array
    offset: int
    zero: int


def power_params(signature: Signature) -> Power:
    """Derive the tables; ValueError where the output scale is beyond 2^-31 .. 2^31."""
    a, b = formats(signature)
    y = output_format(signature)
    offset = round(-math.log2(y.scale) * 2**FRACTION_BITS)
    if abs(offset) > MOST_LOG:
        raise ValueError(f"an output scale of {y.scale:.3g} is too far from 1 for a power")
    with np.errstate(divide="ignore"):
        logs = np.log2(np.abs(a.dequantize(INT8_VALUES))) * b.scale * 2**FRACTION_BITS
    logs = np.clip(np.rint(logs), -MOST_LOG, MOST_LOG).astype(np.int32)
    steps = np.arange(2**POWER_BITS + 1) / 2**POWER_BITS
    powers = np.rint(2.0 ** (MANTISSA_BITS + steps)).astype(np.int32)
    odd = (np.rint(b.dequantize(INT8_VALUES)) % 2 == 1).astype(np.int8)
    zeros = a.zero_point, b.zero_point
    return Power(zeros, logs, powers, odd, offset, y.zero_point)


def power_result(p: Power, a: Array, b: Array) -> Array:
    """Compute what a Power tells."""
    a, b = np.broadcast_arrays(a.astype(np.int64), b.astype(np.int64))
    exponent = (b - p.zeros[1]) * p.logs.astype(np.int64)[a + 128] + p.offset
    whole = exponent >> FRACTION_BITS
    index = (exponent >> (FRACTION_BITS - POWER_BITS)) & (2**POWER_BITS - 1)
    rest = exponent & (2 ** (FRACTION_BITS - POWER_BITS) - 1)
    powers = p.powers.astype(np.int64)
    mantissa = powers[index] + (
        ((powers[index + 1] - powers[index]) * rest) >> (FRACTION_BITS - POWER_BITS)
    )
    down = MANTISSA_BITS - np.clip(whole, -3, 8)
    steps = (mantissa + (1 << (down - 1))) >> down
    negative = (a < p.zeros[0]) & (p.odd[b + 128] != 0)
    y: Array = np.clip(p.zero + np.where(negative, -steps, steps), -128, 127)
    return y
