"""Operators on elements, reductions, Softmax, and activations fused into other operators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from codegen.frontend.operand import Unsupported
from codegen.frontend.tflite.call import Call

ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")
"""What operators have fused, in the order of the schema."""

BOUNDS = {"RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0), "RELU_0_TO_1": (0.0, 1.0)}


def activated(call: Call, value: str) -> str:
    """Return `value` behind the activation that the operator has fused."""
    name = ACTIVATIONS[call.option("FusedActivationFunction")]
    if name == "NONE":
        return value
    if name in BOUNDS:
        return _clipped(call, value, name)
    if name == "SIGN_BIT":
        raise Unsupported("the fused activation is SIGN_BIT")
    return call.elementwise({"RELU": "Relu", "TANH": "Tanh"}[name], value)


def convert_clip(call: Call) -> str:
    """RELU6 and its kin."""
    return _clipped(call, call.real(0), call.operator.type)


def _clipped(call: Call, value: str, name: str) -> str:
    low, high = BOUNDS[name]
    return call.elementwise("Clip", value, constants=(call.number(low), call.number(high)))


def same_as(op_type: str) -> Callable[[Call], str]:
    """Return the converter of an operator that ONNX has with the same operands."""

    def convert(call: Call) -> str:
        operands = [call.real(index) for index in range(len(call.operator.inputs))]
        return call.elementwise(op_type, *operands)

    return convert


def reduced_by(op_type: str) -> Callable[[Call], str]:
    """Return the converter of a reduction over constant axes."""

    def convert(call: Call) -> str:
        axes = call.numbers(call.integers(1))
        return call.emit(op_type, call.real(0), axes, keepdims=call.option("KeepDims"))

    return convert


def convert_leaky_relu(call: Call) -> str:
    """LEAKY_RELU."""
    return call.elementwise("LeakyRelu", call.real(0), alpha=call.real_option("Alpha", 0.0))


def convert_softmax(call: Call) -> str:
    """SOFTMAX along the last axis, of operands times beta: the same integers, of another scale."""
    value, beta, x = call.real(0), np.float32(call.real_option("Beta", 1.0)), call.tensor(0)
    if beta != 1:
        value = call.emit("Mul", value, call.number(float(beta)))
        if x.is_quantized:
            value = call.writer.rounded(value, replace(x, scales=x.scales * beta), call.name)
    return call.emit("Softmax", value, axis=-1)
