"""Add: elementwise sum of two values of one shape, with one rounding. Source: ONNX operator Add."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from codegen.ir.fixed_point import INT32_MAX, clamp_range
from codegen.ir.op import Op, Signature, has_int16
from codegen.ir.types import Array, TensorType
from codegen.ops.linear import Clamp


@dataclass(frozen=True, slots=True)
class AddParams:
    """y = clamp((a * multipliers[0] + b * multipliers[1] + offset) >> shift, low, high)."""

    multipliers: tuple[int, int]
    offset: int
    shift: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Add(Op):
    """Add and clamp."""

    name: ClassVar[str] = "add"
    in_place: ClassVar[bool] = True

    clamp: Clamp = None

    def infer(self, *inputs: TensorType) -> TensorType:
        a, b = inputs
        if a.shape != b.shape:
            raise ValueError(f"expects operands of one shape, got {a} and {b}")
        return TensorType(a.shape)

    def takes_int16(self) -> bool:
        return True

    def evaluate(self, *arrays: Array) -> Array:
        y = arrays[0].astype(np.float64) + arrays[1]
        return y if self.clamp is None else np.clip(y, *self.clamp)

    def params(self, signature: Signature) -> AddParams:
        """The most precise multipliers whose sum stays within int32 for every input, or int64.

        Zero points and the rounding half are one offset, so a sum costs two multiplications,
        one shift and one saturation. Raises ValueError where no precision is left.
        """
        qa, qb = (t.quant for t in signature.inputs)
        qy = signature.output.quant
        assert qa is not None and qb is not None and qy is not None
        is_wide = has_int16(signature)
        ratios = (qa.scale / qy.scale, qb.scale / qy.scale)
        for shift in range(30, 7, -1):
            ma, mb = (round(ratio * 2**shift) for ratio in ratios)
            offset = (qy.zero_point << shift) + (1 << (shift - 1))
            offset -= qa.zero_point * ma + qb.zero_point * mb
            most = max(ma, mb) if is_wide else abs(offset) + 128 * (ma + mb)
            if most <= INT32_MAX:
                low, high = clamp_range(qy, signature.output.dtype, self.clamp)
                return AddParams((ma, mb), offset, shift, low, high)
        raise ValueError(
            f"operand scales {qa.scale:.3g} and {qb.scale:.3g} are too coarse"
            f" for an output scale of {qy.scale:.3g}"
        )

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        p = self.params(signature)
        a, b = (array.astype(np.int64) for array in arrays)
        wide = (a * p.multipliers[0] + b * p.multipliers[1] + p.offset) >> p.shift
        y: Array = np.clip(wide, p.low, p.high).astype(signature.output.dtype.numpy)
        return y
