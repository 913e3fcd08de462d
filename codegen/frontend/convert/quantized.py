"""QuantizeLinear and DequantizeLinear: markers of activations, and formats of constants."""

from __future__ import annotations

import math

import numpy as np

from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.operand import Const, Unsupported, View
from codegen.ir.types import Array, DType, Quant
from codegen.ops import DequantizeLinear, QuantizeLinear

INT8_ONLY = "quantize activations and weights as int8"
ONNX_INT8 = 3
"""TensorProto.INT8."""


def convert_quantize(builder: Builder, call: Call) -> View:
    """QuantizeLinear of a computed value."""
    view = call.activation(0)
    zero_point = call.optional_constant(2)
    if zero_point is None and call.integer("output_dtype", 0) != ONNX_INT8:
        raise Unsupported("quantizes to uint8", INT8_ONLY)
    quant = _activation_quant(call, zero_point)
    if builder.types[view.value].dtype is not DType.FLOAT32:
        raise Unsupported("quantizes a value that is quantized already")
    return builder.emit(QuantizeLinear(quant), (view.value,), call, view.perm)


def convert_dequantize(builder: Builder, call: Call) -> View:
    """DequantizeLinear of a computed value."""
    view = call.activation(0)
    quant = _activation_quant(call, call.optional_constant(2))
    if builder.types[view.value].dtype is not DType.INT8:
        raise Unsupported("dequantizes a value that is not int8", INT8_ONLY)
    return builder.emit(DequantizeLinear(quant), (view.value,), call, view.perm)


def _activation_quant(call: Call, zero_point: Const | None) -> Quant:
    scale = call.constant(1).data
    if scale.size != 1 or (zero_point is not None and zero_point.data.size != 1):
        raise Unsupported("a scale for each channel of an activation", "quantize it per tensor")
    if zero_point is not None and zero_point.data.dtype != np.int8:
        raise Unsupported(f"quantizes to {zero_point.data.dtype}", INT8_ONLY)
    _check_scales(scale)
    return Quant((float(scale.item()),), 0 if zero_point is None else int(zero_point.data.item()))


def dequantized_constant(call: Call) -> Const:
    """DequantizeLinear of a constant: its integers with their format."""
    const, scale, zero_point = call.constant(0), call.constant(1), call.optional_constant(2)
    if const.data.dtype not in (np.int8, np.int32):
        raise Unsupported(f"constant '{const.name}' is {const.data.dtype}", INT8_ONLY)
    if call.integer("block_size", 0):
        raise Unsupported(f"constant '{const.name}' has scales for blocks", INT8_ONLY)
    _check_scales(scale.data)
    zeros = np.zeros(1, np.int64) if zero_point is None else zero_point.data.ravel()
    scales = scale.data.ravel()
    if scales.size == 1 and zeros.size == 1:
        return Const(const.name, const.data, scales, zeros)
    axis = call.integer("axis", 1)
    axis = axis + const.data.ndim if axis < 0 else axis
    if axis >= const.data.ndim or scales.size != const.data.shape[axis]:
        raise Unsupported(
            f"{scales.size} scales along axis {axis} of a constant of shape {const.data.shape}"
        )
    return Const(const.name, const.data, scales, np.resize(zeros, scales.size), axis)


def _check_scales(scales: Array) -> None:
    if not all(math.isfinite(scale) and scale > 0 for scale in scales.ravel()):
        raise Unsupported("a scale is not a positive number")
