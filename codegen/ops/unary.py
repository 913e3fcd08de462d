"""Unary functions of one element, each a 256-byte table in fixed point; of int16, see unary16."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from codegen.ir.fixed_point import Rescale, magnitude, rescale_for
from codegen.ir.op import Op, Signature, has_int16
from codegen.ir.types import PLAIN_SCALE, Array, DType, Quant, TensorType
from codegen.ops.functions import (
    FUNCTIONS,
    PREDICATES,
    VARIABLE,
    Expression,
    evaluate_expression,
)
from codegen.ops.unary16 import Function16, function16


@dataclass(frozen=True, slots=True)
class Unary(Op):
    """y[i] = f(x[i])."""

    in_place: ClassVar[bool] = True

    def infer(self, *inputs: TensorType) -> TensorType:
        return TensorType(inputs[0].shape)

    @abstractmethod
    def evaluate(self, *arrays: Array) -> Array: ...

    def takes_int16(self) -> bool:
        return True

    def params(self, signature: Signature) -> Array | Rescale | Function16:
        """The table: 256 results, from the least operand up; of int16, the form of the function."""
        return (
            function_of(self, signature) if has_int16(signature) else unary_table(self, signature)
        )

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        p, x = self.params(signature), arrays[0].astype(np.int64)
        if isinstance(p, np.ndarray):
            return p[x - least(signature.inputs[0])]
        dtype, quant = signature.output.dtype, signature.inputs[0].quant
        assert quant is not None
        if isinstance(p, Rescale):
            return p.apply(x - quant.zero_point, dtype)
        return p.apply(x).astype(dtype.numpy)


def least(x: TensorType) -> int:
    """Return the operand that the first entry of a table is for."""
    return 0 if x.dtype is DType.UINT8 else -128


def unary_table(op: Op, signature: Signature) -> Array:
    """Return f at every integer of 8 bits, quantized as QuantizeLinear rounds (half to even)."""
    x, qx, qy = signature.inputs[0], signature.inputs[0].quant, signature.output.quant
    assert qx is not None and qy is not None
    values = np.arange(256) + least(x)
    return qy.quantize(op.evaluate(qx.dequantize(values)), signature.output.dtype)


def function_of(op: Unary, signature: Signature) -> Rescale | Function16:
    """Return the form of a function where operand or result has 16 bits."""
    x, y = signature.inputs[0], signature.output
    assert x.quant is not None and y.quant is not None
    if isinstance(op, Clip | Requantize):
        clamp = (op.low, op.high) if isinstance(op, Clip) else None
        return rescale_for((x,), [x.quant.scale / y.quant.scale], magnitude(x), y, clamp)
    if not x.is_int16:
        raise ValueError("makes int16 of int8 values")
    return function16(op.evaluate, op.name, x.quant, y.quant, y.dtype)


@dataclass(frozen=True, slots=True)
class Clip(Unary):
    """Limit to [low, high]: Relu is Clip(0, inf). Source: ONNX operators Relu and Clip."""

    name: ClassVar[str] = "clip"
    mixes_widths: ClassVar[bool] = True

    low: float = 0.0
    high: float = math.inf

    def evaluate(self, *arrays: Array) -> Array:
        return np.clip(arrays[0], self.low, self.high)


@dataclass(frozen=True, slots=True)
class Requantize(Unary):
    """The same real values in the output's scale and zero point."""

    name: ClassVar[str] = "requantize"
    mixes_widths: ClassVar[bool] = True

    def evaluate(self, *arrays: Array) -> Array:
        return arrays[0]


@dataclass(frozen=True, slots=True)
class Function(Unary):
    """Any function of one value: the ONNX activations, and chains of them with constants."""

    name: ClassVar[str] = "function"

    expression: Expression = VARIABLE

    def infer(self, *inputs: TensorType) -> TensorType:
        check(self.expression)
        if self.is_predicate:
            return TensorType(inputs[0].shape, DType.BOOL, Quant((PLAIN_SCALE,)))
        return TensorType(inputs[0].shape)

    @property
    def is_predicate(self) -> bool:
        """The result is true or false."""
        return isinstance(self.expression, tuple) and self.expression[0] in PREDICATES

    def evaluate(self, *arrays: Array) -> Array:
        return evaluate_expression(self.expression, arrays[0])

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        if signature.inputs[0].dtype is DType.FLOAT32:
            return self.evaluate(*arrays)
        return Unary.evaluate_fixed(self, signature, *arrays)


def check(expression: Expression) -> None:
    """Raise ValueError where an expression names what is no function."""
    if not isinstance(expression, tuple):
        if expression != VARIABLE and not isinstance(expression, int | float):
            raise ValueError(f"'{expression}' is no variable")
        return
    name, *operands = expression
    if name not in FUNCTIONS:
        raise ValueError(f"there is no function '{name}'")
    for operand in operands:
        check(operand)
