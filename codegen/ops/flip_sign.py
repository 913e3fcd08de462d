"""FlipSign: the same reals in the other type of 8 bits, as int8 or as uint8, which is 128 more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from codegen.ir.op import Op, Signature
from codegen.ir.types import Array, DType, TensorType

OTHER = {DType.INT8: DType.UINT8, DType.UINT8: DType.INT8}


@dataclass(frozen=True, slots=True)
class FlipSign(Op):
    """y = x with its top bit flipped; it stands at ports that are uint8 outside."""

    name: ClassVar[str] = "flip_sign"
    in_place: ClassVar[bool] = True

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if x.dtype not in OTHER or x.quant is None:
            raise ValueError(f"{x} is not in a format of 8 bits")
        dtype = OTHER[x.dtype]
        return TensorType(x.shape, dtype, x.quant.held_as(dtype))

    def evaluate(self, *arrays: Array) -> Array:
        return arrays[0]

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        return (arrays[0].view(np.uint8) ^ 0x80).view(signature.output.dtype.numpy)
