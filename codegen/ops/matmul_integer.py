"""MatMulInteger: exact products of matrices of integers. Source: ONNX operator MatMulInteger.

a is (B, M, K), b is (B, K, N); either may be constant. y is (B, M, N), int32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from codegen.ir.fixed_point import INT32_MAX
from codegen.ir.op import Op, Signature, Window
from codegen.ir.types import PLAIN_SCALE, Array, DType, Quant, TensorType


@dataclass(frozen=True, slots=True)
class MatMulInteger(Op):
    """Multiply integers of 8 bits, less their zero points; constants less theirs may be int16."""

    name: ClassVar[str] = "matmul_integer"
    takes_integers: ClassVar[bool] = True

    zero_points: tuple[int, int] = (0, 0)

    def infer(self, *inputs: TensorType) -> TensorType:
        a, b = inputs
        if len(a.shape) != 3 or len(b.shape) != 3:
            raise ValueError(f"expects matrices, got {a} and {b}")
        if (a.shape[0], a.shape[2]) != b.shape[:2]:
            raise ValueError(f"matrices {a} and {b} do not agree")
        if {a.dtype, b.dtype} - {DType.INT8, DType.UINT8, DType.INT16}:
            raise ValueError(f"multiplies {a.dtype.value} by {b.dtype.value}, not 8 bits by 8")
        if a.shape[2] * 255**2 > INT32_MAX:
            raise ValueError(f"sums of {a.shape[2]} products may exceed 32 bits")
        shape = (*a.shape[:2], b.shape[2])
        return TensorType(shape, DType.INT32, Quant((PLAIN_SCALE,)))

    def evaluate(self, *arrays: Array) -> Array:
        a, b = (x.astype(np.int64) - z for x, z in zip(arrays, self.zero_points, strict=True))
        y: Array = (a @ b).astype(np.int32)
        return y

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        return self.evaluate(*arrays)

    def macs(self, signature: Signature) -> int:
        return signature.output.elements * signature.inputs[0].shape[2]

    def windows(self, signature: Signature) -> tuple[Window, ...]:
        kinds = zip(signature.inputs, signature.constants, strict=True)
        return tuple(Window(kind.rows, 0) for kind, constant in kinds if constant is None)
