"""Operators of ONNX's second domain, for classical machine learning, by those of the first."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import helper, numpy_helper

from codegen.ir.types import Array

DOMAIN = "ai.onnx.ml"
AXES_AS_OPERAND = 13
"""The operator set in which ReduceSum's axes became an operand."""


def expand_ml(
    node: onnx.NodeProto, constants: Mapping[str, Array], opset: int
) -> list[onnx.NodeProto] | None:
    """Return the nodes that stand for one of that domain, None where there are none.

    `constants` are the values of tensors that are stored.
    """
    if node.op_type == "Scaler":
        return _scaler(node)
    if node.op_type != "ArrayFeatureExtractor":
        return None
    table, index = (constants.get(name) for name in node.input)
    if index is not None:
        flat = [_constant(f"{node.output[0]}/index", index.ravel())]
        operands = [node.input[0], flat[0].output[0]]
        return [*flat, helper.make_node("Gather", operands, node.output, axis=-1)]
    if table is not None and table.dtype.kind == "i" and table.ndim == 1:
        return _look_up(node, table, opset)
    return None


def _scaler(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """(x - offset) * scale, for each feature or for all."""
    given = {a.name: np.array(a.floats, np.float32) for a in node.attribute}
    (x,), (y,) = node.input, node.output
    return [
        helper.make_node("Cast", [x], [f"{y}/real"], to=onnx.TensorProto.FLOAT),
        _constant(f"{y}/offset", given.get("offset", np.zeros(1, np.float32))),
        helper.make_node("Sub", [f"{y}/real", f"{y}/offset"], [f"{y}/centered"]),
        _constant(f"{y}/scale", given.get("scale", np.ones(1, np.float32))),
        helper.make_node("Mul", [f"{y}/centered", f"{y}/scale"], [y]),
    ]


def _look_up(node: onnx.NodeProto, table: Array, opset: int) -> list[onnx.NodeProto]:
    """table[index] for each index: the first value, and the steps that lie before the index."""
    index, y = node.input[1], node.output[0]
    if np.array_equal(table, np.arange(len(table))):
        shape = _constant(f"{y}/shape", np.array([1, -1]))
        return [shape, helper.make_node("Reshape", [index, f"{y}/shape"], [y])]
    places = np.arange(len(table) - 1, dtype=np.int64)
    return [
        _constant(f"{y}/shape", np.array([1, -1, 1])),
        helper.make_node("Reshape", [index, f"{y}/shape"], [f"{y}/column"]),
        _constant(f"{y}/places", places),
        helper.make_node("Greater", [f"{y}/column", f"{y}/places"], [f"{y}/beyond"]),
        _constant(f"{y}/step", np.diff(table)),
        _constant(f"{y}/zero", np.zeros(1, table.dtype)),
        helper.make_node("Where", [f"{y}/beyond", f"{y}/step", f"{y}/zero"], [f"{y}/steps"]),
        *_summed(f"{y}/steps", f"{y}/sum", 2, opset),
        _constant(f"{y}/first", table[:1]),
        helper.make_node("Add", [f"{y}/sum", f"{y}/first"], [y]),
    ]


def _summed(x: str, y: str, axis: int, opset: int) -> list[onnx.NodeProto]:
    """Sum along an axis that goes."""
    if opset < AXES_AS_OPERAND:
        return [helper.make_node("ReduceSum", [x], [y], axes=[axis], keepdims=0)]
    axes = _constant(f"{y}/axes", np.array([axis]))
    return [axes, helper.make_node("ReduceSum", [x, f"{y}/axes"], [y], keepdims=0)]


def _constant(name: str, data: Array) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(data))
