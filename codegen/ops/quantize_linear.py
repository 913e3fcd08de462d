"""Quantize and Dequantize: the QDQ markers of a quantized ONNX file. They never reach C.

The pass `adopt_qdq` turns them into prescribed formats of the values they stand at.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from codegen.ir.op import Op, Signature
from codegen.ir.types import Array, Quant, TensorType


@dataclass(frozen=True, slots=True)
class QuantizeLinear(Op):
    """Real values to integers in format `quant`, of its element type."""

    name: ClassVar[str] = "quantize_linear"

    quant: Quant

    def infer(self, *inputs: TensorType) -> TensorType:
        return TensorType(inputs[0].shape, self.quant.element, self.quant)

    def evaluate(self, *arrays: Array) -> Array:
        return self.quant.quantize(arrays[0], self.quant.element)

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        return self.evaluate(*arrays)


@dataclass(frozen=True, slots=True)
class DequantizeLinear(Op):
    """Integers in format `quant` to real values."""

    name: ClassVar[str] = "dequantize_linear"

    quant: Quant

    def infer(self, *inputs: TensorType) -> TensorType:
        return replace(TensorType(inputs[0].shape), quant=None)

    def evaluate(self, *arrays: Array) -> Array:
        return self.quant.dequantize(arrays[0])

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        raise TypeError("dequantize_linear has no integer form")
