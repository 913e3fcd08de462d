"""Softmax over the innermost dimension. Source: ONNX operator Softmax."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from codegen.ir.fixed_point import INT32_MAX
from codegen.ir.op import Op, Signature
from codegen.ir.types import Array, TensorType
from codegen.ops.exponentials import Exponentials, make_exponentials

MASKED = -5e3
"""An operand's element of this and less is as good as minus infinity: -10000 and some logit."""
UINT16_MAX = 2**16 - 1
MOST_SHORT = 128
"""Of so many exponentials of 16 bits the sum is off by less than a quarter of 1 / 256."""


@dataclass(frozen=True, slots=True, eq=False)
class SoftmaxParams:
    """e(d) = exp(-d * input scale), in units that keep any sum below 2**31; 16 bits where few add.

    y = clamp(zero_point + ((e(max - x) << shift) + divisor / 2) / divisor, -128, 127), divisor =
    the sum of e(max - x) << shift times the output scale, at least 1: (sum * multiplier + half) >>
    (32 - shift), half of what is shifted out.
    """

    exponentials: Exponentials
    multiplier: int
    shift: int
    zero_point: int


@dataclass(frozen=True, slots=True)
class Softmax(Op):
    """exp(x - max) / sum(exp(x - max)) along the last axis."""

    name: ClassVar[str] = "softmax"
    in_place: ClassVar[bool] = True
    mixes_widths: ClassVar[bool] = True

    def infer(self, *inputs: TensorType) -> TensorType:
        return TensorType(inputs[0].shape)

    def takes_int16(self) -> bool:
        return True

    def evaluate(self, *arrays: Array) -> Array:
        x = arrays[0].astype(np.float64)
        with np.errstate(invalid="ignore"):
            e = np.exp(x - x.max(axis=-1, keepdims=True))
        y: Array = e / e.sum(axis=-1, keepdims=True)
        return y

    def params(self, signature: Signature) -> SoftmaxParams:
        """Derive table and divisor; ValueError where the output scale is 0.5 or more."""
        qx, qy = signature.inputs[0].quant, signature.output.quant
        assert qx is not None and qy is not None
        multiplier = round(qy.scale * 2.0**32)
        if not 0 < multiplier <= INT32_MAX:
            raise ValueError(f"an output scale of {qy.scale:.3g} cannot show probabilities")
        x = signature.inputs[0]
        channels = x.channels
        is_short = channels <= MOST_SHORT and not x.is_int16
        unit = UINT16_MAX if is_short else (INT32_MAX // channels) // 2
        table = make_exponentials(unit, x)
        if is_short:
            table = replace(table, fine=table.fine.astype(np.uint16))
        most = max(unit, unit * channels * qy.scale)
        shift = int(np.floor(np.log2(INT32_MAX / most)))
        return SoftmaxParams(table, multiplier, max(shift - 1, 0), qy.zero_point)

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        p = self.params(signature)
        x = arrays[0].astype(np.int64)
        e = p.exponentials.at(x.max(axis=-1, keepdims=True) - x)
        total = e.sum(axis=-1, keepdims=True)
        down = 32 - p.shift
        divisor = np.maximum((total * p.multiplier + 2 ** (down - 1)) >> down, 1)
        steps = p.zero_point + ((e << p.shift) + divisor // 2) // divisor
        dtype = signature.output.dtype
        y: Array = np.clip(steps, dtype.min, dtype.max).astype(dtype.numpy)
        return y
