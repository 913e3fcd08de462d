"""Reduce: one number for each group of values. Source: the Reduce operators of ONNX.

x is (outer, n, inner), y (outer, 1, inner): groups run along the middle dimension.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from codegen.ir.fixed_point import (
    INT32_MAX,
    Int64s,
    Rescale,
    magnitude,
    rescale_for,
)
from codegen.ir.op import Op, Signature
from codegen.ir.roots import ROOT_BITS, PowerNorm, log2, power_norm, root, wide_root
from codegen.ir.types import PLAIN_SCALE, Array, DType, Quant, TensorType
from codegen.ops.exponentials import NONE, Exponentials, make_exponentials

WIDE_MOST = 2**62 - 1
LOG2_E = math.log2(math.e)
MOST_BITS = 24
"""Bits of the fraction of logarithms, where sums of them fit 32 bits."""

STEP_BITS = 16
"""Further bits of the fraction of what a step of an int16 is in logarithms."""

Kind = Literal["sum", "mean", "l1", "l2", "lp", "sum_square", "log_sum", "log_sum_exp", "prod"]
"""What is computed of a group."""

FLOATS: dict[Kind, Callable[[Array], Array]] = {
    "sum": lambda x: x.sum(axis=2, keepdims=True),
    "mean": lambda x: x.mean(axis=2, keepdims=True),
    "l1": lambda x: np.abs(x).sum(axis=2, keepdims=True),
    "l2": lambda x: np.sqrt((x * x).sum(axis=2, keepdims=True)),
    "sum_square": lambda x: (x * x).sum(axis=2, keepdims=True),
    "log_sum": lambda x: np.log(x.sum(axis=2, keepdims=True)),
    "log_sum_exp": lambda x: np.logaddexp.reduce(x, axis=2, keepdims=True),
    "prod": lambda x: x.prod(axis=2, keepdims=True),
}
SUMS: tuple[Kind, ...] = ("sum", "mean", "l1", "sum_square")
"""The kinds that are a sum and a factor."""
PLAIN: tuple[Kind, ...] = ("sum", "l1", "sum_square", "prod")
"""The kinds that integers that stand for themselves have."""


@dataclass(frozen=True, slots=True, eq=False)
class ReduceParams:
    """y = rescale(g(sum of f(x - input_zero))), g the square root for l2.

    Of logarithms, y = rescale(log2 of the sum, with `bits` of fraction, + offset); for log_sum_exp
    the sum is of exponentials[greatest - x], and the greatest in the unit of logarithms is added,
    of which an operand's step is step / 2^step_bits. For prod, rescale has no say but for the zero
    point and the range: y = product * multiplier / 2^down. Squares of int16 are `wide`: in 64 bits.
    """

    input_zero: int
    rescale: Rescale
    bits: int = 0
    offset: int = 0
    step: int = 0
    step_bits: int = 0
    exponentials: Exponentials = NONE
    down: int = 0
    norm: PowerNorm | None = None
    wide: bool = False

    def in_logs(self, d: Int64s) -> Int64s:
        """Return distances in the unit of logarithms."""
        found: Int64s = (d * self.step + ((1 << self.step_bits) >> 1)) >> self.step_bits
        return found


@dataclass(frozen=True, slots=True)
class Reduce(Op):
    """One number of `kind` for each group; `p` is that of lp, of norms other than l1 and l2."""

    name: ClassVar[str] = "reduce"
    takes_integers: ClassVar[bool] = True

    kind: Kind = "sum"
    p: int = 3

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        check_groups(x)
        shape = (x.shape[0], 1, x.shape[2])
        if not is_plain(x):
            return TensorType(shape)
        if self.kind not in PLAIN:
            raise ValueError(f"has no {self.kind} of integers")
        return TensorType(shape, x.dtype, x.quant)

    def takes_int16(self) -> bool:
        return self.kind != "lp"

    def evaluate(self, *arrays: Array) -> Array:
        if self.kind == "lp":
            powers = np.abs(arrays[0].astype(np.float64)) ** self.p
            return np.asarray(powers.sum(axis=2, keepdims=True) ** (1 / self.p))
        with np.errstate(divide="ignore", invalid="ignore"):
            return FLOATS[self.kind](arrays[0].astype(np.float64))

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        (x,) = arrays
        if is_plain(signature.inputs[0]):
            wide = x.astype(np.int64)
            return FLOATS[self.kind](wide).astype(x.dtype)
        p = self.params(signature)
        assert p is not None
        d = x.astype(np.int64) - p.input_zero
        if p.norm is not None:
            return p.norm.apply(d, axis=2)[:, :, None]
        if self.kind == "prod":
            return product(d, p)
        return p.rescale.apply(self.accumulate(d, p), signature.output.dtype)

    def accumulate(self, d: Int64s, p: ReduceParams) -> Int64s:
        """Return what is rescaled of groups of values less their zero point."""
        if self.kind == "log_sum_exp":
            greatest = d.max(axis=2, keepdims=True)
            total = p.exponentials.at(greatest - d).sum(axis=2, keepdims=True)
            logs: Int64s = log2(total, p.bits) + p.in_logs(greatest) + p.offset
            return logs
        if self.kind in ("sum_square", "l2"):
            total = (d * d).sum(axis=2, keepdims=True)
            if self.kind == "l2":
                roots: Int64s = wide_root(total) if p.wide else root(total)
                return roots
            squares: Int64s = total
            return squares
        total = (np.abs(d) if self.kind == "l1" else d).sum(axis=2, keepdims=True)
        if self.kind == "log_sum":
            return log2(np.maximum(total, 1), p.bits) + p.offset
        return np.asarray(total)

    def params(self, signature: Signature) -> ReduceParams | None:
        """Derive the integers; ValueError where sums do not fit 32 bits."""
        x, y = signature.inputs[0], signature.output
        assert x.quant is not None and y.quant is not None
        if is_plain(x):
            return None
        n, zero, ratio = x.shape[1], x.quant.zero_point, x.quant.scale / y.quant.scale
        if self.kind == "log_sum_exp":
            return exponential_params(n, x, y)
        if self.kind == "lp":
            norm = power_norm(self.p, n, x, y)
            return ReduceParams(zero, Rescale((0,), 0, 0, 0, 0), norm=norm)
        if self.kind == "prod":
            return product_params(n, x.quant, y.quant, y.dtype)
        squares = self.kind in ("sum_square", "l2")
        bound = n * magnitude(x) ** (2 if squares else 1)
        wide = squares and x.is_int16
        if bound > (WIDE_MOST if wide else INT32_MAX):
            raise ValueError(f"groups of {n} values overflow {62 if wide else 32} bits")
        if self.kind == "log_sum":
            offset = math.log2(x.quant.scale)
            bits = log_bits(32 + abs(offset))
            rescale = log_rescale(bits, x, y)
            return ReduceParams(zero, rescale, bits, round(offset * 2**bits))
        scale = {
            "mean": ratio / n,
            "sum_square": x.quant.scale * ratio,
            "l2": ratio / 2**ROOT_BITS,
        }.get(self.kind, ratio)
        if self.kind == "l2":
            bound = math.isqrt(bound) << ROOT_BITS if wide else INT32_MAX
        return ReduceParams(zero, rescale_for((x,), [scale], bound, y), wide=wide)


def check_groups(x: TensorType) -> None:
    """Raise ValueError where x is not (outer, n, inner) with something in each group."""
    if len(x.shape) != 3:
        raise ValueError(f"expects groups, got {x}")
    if not x.elements:
        raise ValueError(f"reads {x}, which holds nothing")


def is_plain(value: TensorType) -> bool:
    """The value's integers stand for themselves; an int8 of a fixed-point graph is in a format."""
    if value.dtype is DType.INT8:
        return value.quant is None
    return value.dtype is not DType.FLOAT32 and value.quant in (None, Quant((PLAIN_SCALE,)))


def log_bits(greatest: float) -> int:
    """Return how many bits of fraction leave logarithms up to `greatest` below 2^30."""
    return max(min(MOST_BITS, 30 - math.ceil(math.log2(greatest))), 0)


def log_rescale(bits: int, x: TensorType, y: TensorType) -> Rescale:
    """Return the rescale of logarithms to base 2 with `bits` of fraction, below 2^30."""
    assert y.quant is not None
    return rescale_for((x,), [1 / (LOG2_E * y.quant.scale * 2**bits)], 2**30, y)


def exponential_params(n: int, x: TensorType, y: TensorType) -> ReduceParams:
    """Exponentials in units that keep a sum of n below 2^31."""
    assert x.quant is not None
    unit, scale = INT32_MAX // n, x.quant.scale
    span = x.dtype.max - x.dtype.min
    bits = log_bits(span * scale * LOG2_E + 64)
    step_bits = STEP_BITS if x.is_int16 else 0
    step, offset = (
        round(scale * LOG2_E * 2 ** (bits + step_bits)),
        -round(math.log2(unit) * 2**bits),
    )
    rescale, table = log_rescale(bits, x, y), make_exponentials(unit, x)
    return ReduceParams(x.quant.zero_point, rescale, bits, offset, step, step_bits, table)


def product_params(n: int, x: Quant, y: Quant, dtype: DType) -> ReduceParams:
    """scale_x^n / scale_y = multiplier / 2^down with a multiplier of 31 bits."""
    exponent = n * math.log2(x.scale) - math.log2(y.scale)
    down = 30 - math.floor(exponent)
    multiplier = min(round(2.0 ** (exponent + down)), INT32_MAX)
    rescale = Rescale((multiplier,), 0, y.zero_point, dtype.min, dtype.max)
    return ReduceParams(x.zero_point, rescale, down=down)


def product(d: Int64s, p: ReduceParams) -> Array:
    """Multiply each group with 30 bits of precision, and round once more at the end."""
    (multiplier,) = p.rescale.multipliers
    mantissa, down = np.ones_like(d[:, :, :1]), np.full_like(d[:, :, :1], p.down)
    for i in range(d.shape[2]):
        mantissa = mantissa * d[:, :, i : i + 1]
        for _ in range(16):
            wide = np.abs(mantissa) > 2**30
            mantissa = np.where(wide, (mantissa + 1) >> 1, mantissa)
            down -= wide
    total = mantissa * multiplier
    shift = np.clip(down, 1, 62)
    steps = (total + (np.int64(1) << (shift - 1))) >> shift
    steps = np.where(down < 1, np.sign(mantissa) * 2**31, steps)
    y: Array = np.clip(steps + p.rescale.zero_point, p.rescale.low, p.rescale.high)
    return y.astype(np.int8 if p.rescale.high <= DType.INT8.max else np.int16)
