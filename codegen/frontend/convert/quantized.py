"""QuantizeLinear and DequantizeLinear: markers of activations, and formats of constants."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
from onnx import helper

from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.operand import Const, Unsupported, View
from codegen.ir.types import Array, DType, Quant
from codegen.ops import DequantizeLinear, QuantizeLinear

EIGHT_BITS = "quantize activations to 8 bits, or to int16"
UNSIGNED = 128
"""What a uint8 that is held as int8 lacks."""
STORED = ("int8", "uint8", "int16", "int32", "int4", "uint4")
"""The element types of quantized constants."""


def convert_quantize(builder: Builder, call: Call) -> View:
    """QuantizeLinear of a computed value."""
    view, zero_point = call.view(0), call.optional_constant(2)
    element = call.integer("output_dtype", 0) or onnx.TensorProto.UINT8
    stored = helper.tensor_dtype_to_np_dtype(element) if zero_point is None else None
    quant = activation_quant(call.constant(1), zero_point, stored)
    return quantized(builder, call, view, quant)


def quantized(builder: Builder, call: Call, view: View, quant: Quant) -> View:
    """Return `call`'s result: a computed value in a format."""
    if builder.types[view.value].dtype is not DType.FLOAT32:
        raise Unsupported("quantizes a value that is quantized already")
    return builder.emit(QuantizeLinear(quant), (view.value,), call, view.perm, view.batched)


def convert_dequantize(builder: Builder, call: Call) -> View:
    """DequantizeLinear of a computed value."""
    view, zero_point = call.view(0), call.optional_constant(2)
    dtype = builder.types[view.value].dtype
    if dtype not in (DType.INT8, DType.UINT8, DType.INT16):
        raise Unsupported(f"dequantizes a value of type {dtype.value}", EIGHT_BITS)
    quant = activation_quant(call.constant(1), zero_point, dtype.numpy)
    op = DequantizeLinear(quant)
    return builder.emit(op, (view.value,), call, view.perm, view.batched)


def convert_dynamic_quantize(builder: Builder, call: Call) -> View:
    """DynamicQuantizeLinear before ConvInteger, MatMulInteger or DequantizeLinear.

    Together they are a Conv or MatMul of real values, or the value itself, which is calibrated.
    Alone it is refused, for nothing can be told of a scale that is not known beforehand.
    """
    raise Unsupported(
        "its scale is known only while the network runs",
        "quantize statically, in QDQ form, or give the float model",
    )


def activation_quant(
    scale: Const, zero_point: Const | None, stored: np.dtype[Any] | None = None
) -> Quant:
    """Return the int8 or int16 format of an activation: uint8 less 128.

    It is stored in the zero point's element type, or in `stored` where there is no zero point.
    """
    if scale.data.size != 1 or (zero_point is not None and zero_point.data.size != 1):
        raise Unsupported("a scale for each channel of an activation", "quantize it per tensor")
    dtype = stored if zero_point is None else zero_point.data.dtype
    if dtype not in (np.int8, np.uint8, np.int16):
        raise Unsupported(f"quantizes an activation to {dtype}", EIGHT_BITS)
    check_scales(scale.data)
    zero = 0 if zero_point is None else int(zero_point.data.item())
    if dtype == np.int16:
        if zero:
            raise Unsupported(f"an int16 activation has the zero point {zero}", "use 0")
        return Quant((float(scale.data.item()),), element=DType.INT16)
    return Quant((float(scale.data.item()),), zero - (UNSIGNED if dtype == np.uint8 else 0))


def dequantized_constant(call: Call) -> Const:
    """DequantizeLinear of a constant: its integers with their format."""
    const, scale, zero_point = call.constant(0), call.constant(1), call.optional_constant(2)
    if const.data.dtype.name not in STORED:
        raise Unsupported(f"constant '{const.name}' is {const.data.dtype}", EIGHT_BITS)
    if call.integer("block_size", 0):
        raise Unsupported(f"constant '{const.name}' has scales for blocks", EIGHT_BITS)
    check_scales(scale.data)
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


def check_scales(scales: Array) -> None:
    if not all(math.isfinite(scale) and scale > 0 for scale in scales.ravel()):
        raise Unsupported("a scale is not a positive number")
