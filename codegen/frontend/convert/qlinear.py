"""Operators on quantized tensors: dequantize, compute, quantize, as a QDQ file would say it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import onnx

from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.convert.quantized import activation_quant, check_scales, quantized
from codegen.frontend.operand import Const, Operand, Unsupported, View
from codegen.ir.types import DType
from codegen.ops import DequantizeLinear

Converter = Callable[[Builder, Call], View]
Axis = Callable[[Call, int], int]


@dataclass(frozen=True, slots=True)
class Form:
    """Where a quantized operator has what.

    `operands`: the first of each three inputs that are tensor, scale and zero point. `bias`: an
    int32 input in the scales of both operands. `output`: scale and zero point of the result.
    `axis`: along which the second operand may have several scales, given the call and its rank.
    `joins`: all inputs from the first of `operands` on, by threes, are operands.
    """

    operands: tuple[int, ...] = (0,)
    output: tuple[int, int] = (3, 4)
    bias: int | None = None
    axis: Axis = lambda call, rank: rank - 1
    joins: bool = False


OF_ONE = Form()
OF_TWO = Form((0, 3), (6, 7))
CONV = Form((0, 3), (6, 7), 8, lambda call, rank: 0)
GEMM = Form((0, 3), (7, 8), 6, lambda call, rank: 0 if call.integer("transB", 0) else 1)
CONCAT = Form((2,), (0, 1), joins=True)


def on_quantized(op_type: str, converter: Converter, form: Form) -> Converter:
    """Return the converter of the quantized form of ONNX's operator `op_type`."""

    def convert(builder: Builder, call: Call) -> View:
        _check_layout(call)
        inner = _inner(builder, call, op_type, form)
        made = converter(builder, inner)
        if form.output[0] >= len(call.operands):
            return replace(made, tensor=call.output)
        builder.origins = {
            name: origin
            for name, origin in builder.origins.items()
            if origin.tensor != inner.output
        }
        scale, zero_point = call.constant(form.output[0]), call.optional_constant(form.output[1])
        stored = np.dtype(np.uint8)
        return quantized(builder, call, made, activation_quant(scale, zero_point, stored))

    convert.__doc__ = f"{op_type} of int8 or uint8 in formats of their own."
    return convert


def _check_layout(call: Call) -> None:
    if call.integer("channels_last", 0):
        raise Unsupported("channels last", "export it channels first")


def _inner(builder: Builder, call: Call, op_type: str, form: Form) -> Call:
    """Return the call of the operator on the real values of its operands."""
    firsts = form.operands
    if form.joins:
        firsts = tuple(range(firsts[0], len(call.operands), 3))
    operands = [_real(builder, call, form, first) for first in firsts]
    if form.bias is not None and call.operand(form.bias) is not None:
        operands.append(_bias(call, form))
    proto = onnx.NodeProto()
    proto.CopyFrom(call.proto)
    proto.op_type, proto.domain = op_type, ""
    del proto.input[:], proto.output[1:]
    proto.input.extend(f"{call.output}_operand_{i}" for i in range(len(operands)))
    if form.output[0] < len(call.operands):
        proto.output[0] = f"{call.output}_real"
    opset = call.integer("opset", call.opset)
    return Call(proto, tuple(operands), opset, call.loc)


def _real(builder: Builder, call: Call, form: Form, first: int) -> Operand:
    """Return an operand as real values: a constant with its scales, a computed one dequantized."""
    operand, scale = call.operand(first), call.constant(first + 1)
    zero_point = call.optional_constant(first + 2)
    if isinstance(operand, Const):
        return _constant(call, form, operand, scale, zero_point)
    view = call.view(first)
    dtype = builder.types[view.value].dtype
    if dtype not in (DType.INT8, DType.UINT8):
        raise Unsupported(f"operand {first} is {dtype.value}, not int8 or uint8")
    op = DequantizeLinear(activation_quant(scale, zero_point, np.dtype(np.uint8)))
    return replace(view, value=builder.derive(op, view.value, call.loc, None))


def _constant(
    call: Call, form: Form, const: Const, scale: Const, zero_point: Const | None
) -> Const:
    check_scales(scale.data)
    scales = scale.data.ravel()
    zeros = np.zeros(1, np.int64) if zero_point is None else zero_point.data.ravel()
    if scales.size == 1 and zeros.size == 1:
        return Const(const.name, const.data, scales, zeros)
    axis = form.axis(call, const.data.ndim)
    size = const.data.shape[axis]
    if {scales.size, zeros.size} - {1, size}:
        raise Unsupported(f"{scales.size} scales of '{const.name}' for {size} indices")
    return Const(const.name, const.data, np.resize(scales, size), np.resize(zeros, size), axis)


def _bias(call: Call, form: Form) -> Const:
    """Return the bias, in steps of the operands' scales."""
    assert form.bias is not None
    bias = call.constant(form.bias)
    factors = [call.constant(first + 1).data.astype(np.float64) for first in form.operands]
    scales = call.real("alpha", 1.0) * factors[0].ravel() * factors[1].ravel()
    size = bias.data.size
    if scales.size == 1:
        return Const(bias.name, bias.data.ravel(), scales, np.zeros(1, np.int64))
    return Const(bias.name, bias.data.ravel(), np.resize(scales, size), np.zeros(size, np.int64), 0)
