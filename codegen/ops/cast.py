"""Cast: another element type, of reals and of integers that stand for themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from codegen.ir.fixed_point import INT8_VALUES, INT32_MAX
from codegen.ir.op import Op, Signature
from codegen.ir.types import PLAIN_SCALE, Array, DType, Quant, TensorType

FINE = 2**-8
"""The part of an output step that a multiplier may be off."""
INT64_ROOM = 2**62


@dataclass(frozen=True, slots=True)
class Steps:
    """y = limit(((limit(x) * multiplier + offset) >> shift) + zero_point), in 32 bits or 64.

    `least` and `most` are the integers beyond which the output saturates: at `low` and `high`.
    """

    least: int
    most: int
    multiplier: int
    offset: int
    shift: int
    zero_point: int
    bits: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Cast(Op):
    """Elements as `dtype`; those of an `exact` operand are integers, else they are reals.

    Reals are truncated towards zero and saturate, as a bool they are true unless zero. Integers
    lose the bits that are too many. FLOAT32 are reals, in whatever format they get.
    """

    name: ClassVar[str] = "cast"
    in_place: ClassVar[bool] = True
    takes_integers: ClassVar[bool] = True

    dtype: DType
    exact: bool = False

    def takes_int16(self) -> bool:
        return self.dtype is DType.FLOAT32

    def infer(self, *inputs: TensorType) -> TensorType:
        if self.dtype is DType.FLOAT32:
            if not self.exact:
                raise ValueError("reals are real already")
            return TensorType(inputs[0].shape)
        return TensorType(inputs[0].shape, self.dtype, Quant((PLAIN_SCALE,)))

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        if self.exact or self.dtype is DType.FLOAT32:
            found: Array = x.astype(self.dtype.numpy)
        elif self.dtype is DType.BOOL:
            found = np.not_equal(x, 0)
        else:
            found = saturated(np.trunc(np.nan_to_num(x.astype(np.float64))), self.dtype)
        return found

    def params(self, signature: Signature) -> Array | Steps | None:
        """Return what the kernel is told: of reals what each int8 is, of results their steps."""
        x, y = signature.inputs[0], signature.output
        if self.dtype is DType.FLOAT32:
            assert y.quant is not None
            return steps_of(x.dtype, y.quant)
        if self.exact:
            return None
        assert x.quant is not None
        return self.evaluate(x.quant.dequantize(INT8_VALUES))

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        if DType.FLOAT32 in (signature.inputs[0].dtype, signature.output.dtype):
            return self.evaluate(*arrays)
        p = self.params(signature)
        if isinstance(p, Steps):
            kept = np.clip(arrays[0], p.least, p.most).astype(np.int64)
            steps = ((kept * p.multiplier + p.offset) >> p.shift) + p.zero_point
            y: Array = np.clip(steps, p.low, p.high).astype(signature.output.dtype.numpy)
            return y
        return self.evaluate(*arrays) if p is None else p[arrays[0].astype(np.int64) + 128]


def saturated(whole: Array, dtype: DType) -> Array:
    """Return whole float64 as integers, the nearest where they are beyond the type."""
    limits = np.iinfo(dtype.value)
    inside = (whole > float(limits.min)) & (whole < float(limits.max))
    y = np.where(inside, whole, 0.0).astype(dtype.numpy)
    return np.where(inside, y, np.where(whole > 0, limits.max, limits.min).astype(dtype.numpy))


def steps_of(x: DType, y: Quant) -> Steps:
    """Return the multiplier of integers that makes steps of `y`: exact where it is whole.

    Raises ValueError where no multiplier of 64 bits is near enough.
    """
    low, high = y.element.min, y.element.max
    ends = [(limit - y.zero_point) * y.scale for limit in (low, high)]
    least, most = max(math.floor(ends[0]), x.min), min(math.ceil(ends[1]), x.max)
    reach = max(abs(least), abs(most), 1)
    whole = round(1 / y.scale)
    if whole >= 1 and float(np.float32(1 / whole)) == y.scale and reach * whole <= INT32_MAX:
        return Steps(least, most, whole, 0, 0, y.zero_point, 32, low, high)
    for bits, room, deepest in ((32, INT32_MAX, 30), (64, INT64_ROOM, 61)):
        for shift in range(deepest, 0, -1):
            multiplier, half = round(2**shift / y.scale), 2 ** (shift - 1)
            off = reach * abs(multiplier - 2**shift / y.scale)
            if reach * multiplier + half <= room and off <= FINE * 2**shift:
                return Steps(least, most, multiplier, half, shift, y.zero_point, bits, low, high)
    raise ValueError(
        f"integers up to {reach:,} are too large for {y.element.value} in steps of {y.scale:.3g}"
    )
