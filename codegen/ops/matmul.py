"""MatMul: products of pairs of computed matrices, with one rounding. Source: ONNX operator MatMul.

a is (B, M, K), b is (B, K, N), or (B, N, K) where it is transposed; y is (B, M, N).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from codegen.ir.fixed_point import INT32_MAX, Rescale, rescale_for
from codegen.ir.op import Op, Signature, Window, has_int16
from codegen.ir.types import Array, TensorType


@dataclass(frozen=True, slots=True)
class MatMulParams:
    """y = rescale(sign * sum((a - zero_points[0]) * (b - zero_points[1]))).

    The sum is `bound` at most.
    """

    zero_points: tuple[int, int]
    sign: int
    rescale: Rescale
    bound: int


@dataclass(frozen=True, slots=True)
class MatMul(Op):
    """Multiply matrices, and by a factor."""

    name: ClassVar[str] = "matmul"

    transposed: bool = False
    factor: float = 1.0

    def infer(self, *inputs: TensorType) -> TensorType:
        a, b = inputs
        if len(a.shape) != 3 or len(b.shape) != 3:
            raise ValueError(f"expects matrices, got {a} and {b}")
        batch, rows, depth = a.shape
        depth_of_b, columns = b.shape[:0:-1] if self.transposed else b.shape[1:]
        if (batch, depth) != (b.shape[0], depth_of_b):
            raise ValueError(f"matrices {a} and {b} do not agree")
        return TensorType((batch, rows, columns))

    def takes_int16(self) -> bool:
        return True

    def evaluate(self, *arrays: Array) -> Array:
        a, b = (array.astype(np.float64) for array in arrays)
        y: Array = self.multiply(a, b) * self.factor
        return y

    def multiply(self, a: Array, b: Array) -> Array:
        """Return the products of the matrices as they stand."""
        y: Array = a @ (b.swapaxes(-1, -2) if self.transposed else b)
        return y

    def params(self, signature: Signature) -> MatMulParams:
        """The integers of the layer; ValueError where some input overflows 32 bits."""
        a, b = signature.inputs
        y = signature.output
        assert a.quant is not None and b.quant is not None and y.quant is not None
        bound = a.shape[2]
        for kind, quant in ((a, a.quant), (b, b.quant)):
            bound *= max(kind.dtype.max - quant.zero_point, quant.zero_point - kind.dtype.min)
        if bound > INT32_MAX and not has_int16(signature):
            raise ValueError(f"sums of {a.shape[2]} products reach {bound}, over 2^31 - 1")
        scale = a.quant.scale * b.quant.scale * abs(self.factor) / y.quant.scale
        rescale = rescale_for(signature.inputs, [scale], bound, y)
        sign = -1 if self.factor < 0 else 1
        return MatMulParams((a.quant.zero_point, b.quant.zero_point), sign, rescale, bound)

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        p = self.params(signature)
        a, b = (x.astype(np.float64) - z for x, z in zip(arrays, p.zero_points, strict=True))
        acc = p.sign * self.multiply(a, b).astype(np.int64)
        return p.rescale.apply(acc, signature.output.dtype)

    def macs(self, signature: Signature) -> int:
        return signature.output.elements * signature.inputs[0].shape[2]

    def windows(self, signature: Signature) -> tuple[Window, ...]:
        return tuple(Window(operand.rows, 0) for operand in signature.inputs)
