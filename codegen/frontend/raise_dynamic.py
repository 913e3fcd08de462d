"""Raise what is quantized while a network runs to operators on reals, which calibration quantizes.

onnxruntime's `quantize_dynamic` writes DynamicQuantizeLinear, ConvInteger or MatMulInteger, Cast,
and a product with the scales of both operands. That is a Conv or MatMul by the dequantized weights,
but for the rounding of the input, whose format is measured on samples here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from codegen.ir.types import Array

RAISED: Mapping[str, str] = {"ConvInteger": "Conv", "MatMulInteger": "MatMul"}
FIRST_WITH_AXIS = 13
"""The operator set from which on DequantizeLinear takes a scale for each index of an axis."""


@dataclass(frozen=True, slots=True)
class _Pattern:
    """The nodes from the integers to the reals; `real` is what was quantized."""

    integer: onnx.NodeProto
    cast: onnx.NodeProto
    product: onnx.NodeProto
    real: str
    scales: Array


def raise_dynamic(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with such patterns raised; the same object where there are none."""
    graph = model.graph
    if not any(node.op_type in RAISED for node in graph.node):
        return model
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    found = [p for node in graph.node if (p := _match(graph, node, constants)) is not None]
    opset = max(e.version for e in model.opset_import if e.domain in ("", "ai.onnx"))
    ends = {p.product.output[0]: p for p in found if p.scales.size == 1 or opset >= FIRST_WITH_AXIS}
    inner = {node.output[0] for p in ends.values() for node in (p.integer, p.cast)}
    raised = onnx.ModelProto()
    raised.CopyFrom(model)
    del raised.graph.node[:]
    for node in graph.node:
        if node.output[0] in ends:
            _add(raised.graph, ends[node.output[0]], constants)
        elif node.output[0] not in inner:
            raised.graph.node.append(node)
    _drop_unread(raised.graph)
    return raised


def _match(
    graph: onnx.GraphProto, node: onnx.NodeProto, constants: Mapping[str, Array]
) -> _Pattern | None:
    """Return the pattern that a node is in the middle of, with constant weights."""
    producers = {name: made for made in graph.node for name in made.output}
    source = producers.get(node.input[0]) if node.op_type in RAISED else None
    if source is None or source.op_type != "DynamicQuantizeLinear" or len(node.input) < 3:
        return None
    if node.input[2] != source.output[2] or not {*node.input[1:2], *node.input[3:]} <= {*constants}:
        return None
    cast = _only_reader(graph, node.output[0])
    if cast is None or cast.op_type != "Cast":
        return None
    product = _only_reader(graph, cast.output[0])
    if product is None or product.op_type != "Mul":
        return None
    (scale,) = [name for name in product.input if name != cast.output[0]] or ("",)
    factors = producers.get(scale)
    if factors is None or factors.op_type != "Mul" or source.output[1] not in factors.input:
        return None
    (weights,) = [name for name in factors.input if name != source.output[1]] or ("",)
    if weights not in constants:
        return None
    return _Pattern(node, cast, product, source.input[0], constants[weights].ravel())


def _only_reader(graph: onnx.GraphProto, tensor: str) -> onnx.NodeProto | None:
    readers = [node for node in graph.node if tensor in node.input]
    is_output = any(port.name == tensor for port in graph.output)
    return readers[0] if len(readers) == 1 and not is_output else None


def _add(graph: onnx.GraphProto, pattern: _Pattern, constants: Mapping[str, Array]) -> None:
    """Add the weights with their format, and the operator that multiplies by them."""
    node, y = pattern.integer, pattern.product.output[0]
    kind, weights = RAISED[node.op_type], constants[node.input[1]]
    zeros = constants[node.input[3]] if len(node.input) > 3 else np.zeros(1, weights.dtype)
    size = max(pattern.scales.size, zeros.size)
    shape = () if size == 1 else (size,)
    held = {
        f"{y}_scale": np.resize(pattern.scales, size).reshape(shape),
        f"{y}_zero_point": np.resize(zeros.astype(weights.dtype), size).reshape(shape),
    }
    graph.initializer.extend(numpy_helper.from_array(data, name) for name, data in held.items())
    operands = [node.input[1], *held]
    format = helper.make_node("DequantizeLinear", operands, [f"{y}_weights"], f"{y}_weights")
    if size > 1:
        axis = 0 if kind == "Conv" else weights.ndim - 1
        format.attribute.append(helper.make_attribute("axis", axis))
    graph.node.append(format)
    made = helper.make_node(kind, [pattern.real, f"{y}_weights"], [y], node.name)
    made.attribute.extend(node.attribute)
    graph.node.append(made)


def _drop_unread(graph: onnx.GraphProto) -> None:
    """Remove the quantization, and the products of scales, that nothing reads any more."""
    for op_type in ("Mul", "DynamicQuantizeLinear"):
        read = {name for node in graph.node for name in node.input}
        read.update(port.name for port in graph.output)
        for node in [node for node in graph.node if node.op_type == op_type]:
            if read.isdisjoint(node.output):
                graph.node.remove(node)
