"""Raise what is quantized while a network runs to operators on reals, which calibration quantizes.

onnxruntime's `quantize_dynamic` writes DynamicQuantizeLinear, ConvInteger or MatMulInteger, Cast,
and a product with the scales of both operands. That is a Conv or MatMul by the dequantized weights,
or of two reals, but for the rounding of the operands, whose formats are measured on samples here.
What is quantized so and dequantized at once is the real itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from codegen.ir.types import Array

DYNAMIC = "DynamicQuantizeLinear"
RAISED: Mapping[str, str] = {"ConvInteger": "Conv", "MatMulInteger": "MatMul"}
FIRST_WITH_AXIS = 13
"""The operator set from which on DequantizeLinear takes a scale for each index of an axis."""


@dataclass(frozen=True, slots=True)
class _Pattern:
    """The nodes from the integers to the reals; `real` is what was quantized.

    `sources` quantize; `other` is the second operand where it was quantized so, too, and `scales`
    are those of weights.
    """

    sources: tuple[onnx.NodeProto, ...]
    integer: onnx.NodeProto
    cast: onnx.NodeProto
    product: onnx.NodeProto
    scales: Array
    other: str = ""

    @property
    def real(self) -> str:
        return str(self.sources[0].input[0])


def raise_dynamic(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with such patterns raised; the same object where there are none."""
    ends = {pattern.product.output[0]: pattern for pattern in _patterns(model)}
    pairs = {node.output[0]: source for source, node in _pairs(model.graph)}
    if not ends and not pairs:
        return model
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    inner = {node.output[0] for p in ends.values() for node in (p.integer, p.cast)}
    raised = onnx.ModelProto()
    raised.CopyFrom(model)
    del raised.graph.node[:]
    for node in model.graph.node:
        name = node.output[0]
        if name in ends:
            _add(raised.graph, ends[name], constants)
        elif name in pairs:
            same = helper.make_node("Identity", pairs[name].input[:1], [name], node.name)
            raised.graph.node.append(same)
        elif name not in inner:
            raised.graph.node.append(node)
    _drop_unread(raised.graph)
    return raised


def dynamic_layers(model: onnx.ModelProto) -> tuple[tuple[str, ...], ...]:
    """Return the nodes of each pattern that is raised, those that quantize first, as text."""
    groups = [(*pattern.sources, pattern.integer) for pattern in _patterns(model)]
    groups += list(_pairs(model.graph))
    return tuple(tuple(f"{node.op_type} {_name(node)}" for node in group) for group in groups)


def _name(node: onnx.NodeProto) -> str:
    return str(node.name or node.output[0])


def _patterns(model: onnx.ModelProto) -> tuple[_Pattern, ...]:
    """Return the integer products of a model that are raised."""
    graph = model.graph
    if not any(node.op_type == DYNAMIC for node in graph.node):
        return ()
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    found = [p for node in graph.node if (p := _match(graph, node, constants)) is not None]
    opset = max((e.version for e in model.opset_import if e.domain in ("", "ai.onnx")), default=0)
    return tuple(p for p in found if p.scales.size == 1 or opset >= FIRST_WITH_AXIS)


def _pairs(graph: onnx.GraphProto) -> Iterator[tuple[onnx.NodeProto, onnx.NodeProto]]:
    """Yield nodes that quantize and those that dequantize just that."""
    sources = {n.output[0]: n for n in graph.node if n.op_type == DYNAMIC and len(n.output) == 3}
    for node in graph.node:
        source = sources.get(node.input[0]) if node.op_type == "DequantizeLinear" else None
        if source is not None and list(node.input) == list(source.output):
            yield source, node


def _match(
    graph: onnx.GraphProto, node: onnx.NodeProto, constants: Mapping[str, Array]
) -> _Pattern | None:
    """Return the pattern that a node is in the middle of, with constant weights or two reals."""
    producers = {name: made for made in graph.node for name in made.output}
    if node.op_type not in RAISED or len(node.input) < 3:
        return None
    source, other = (_source(producers, node, index) for index in (0, 1))
    if source is None:
        return None
    if other is None and not {*node.input[1:2], *node.input[3:]} <= {*constants}:
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
    (second,) = [name for name in factors.input if name != source.output[1]] or ("",)
    if other is not None:
        if node.op_type != "MatMulInteger" or second != other.output[1]:
            return None
        return _Pattern((source, other), node, cast, product, np.ones(1), other.input[0])
    if second not in constants:
        return None
    return _Pattern((source,), node, cast, product, constants[second].ravel())


def _source(
    producers: Mapping[str, onnx.NodeProto], node: onnx.NodeProto, index: int
) -> onnx.NodeProto | None:
    """Return the node that quantizes an operand of an integer product, with its zero point."""
    made = producers.get(node.input[index])
    if made is None or made.op_type != DYNAMIC or len(node.input) < index + 3:
        return None
    return made if node.input[index + 2] == made.output[2] else None


def _only_reader(graph: onnx.GraphProto, tensor: str) -> onnx.NodeProto | None:
    readers = [node for node in graph.node if tensor in node.input]
    is_output = any(port.name == tensor for port in graph.output)
    return readers[0] if len(readers) == 1 and not is_output else None


def _add(graph: onnx.GraphProto, pattern: _Pattern, constants: Mapping[str, Array]) -> None:
    """Add the weights with their format, and the operator that multiplies by them."""
    node, y = pattern.integer, pattern.product.output[0]
    if pattern.other:
        operands = [pattern.real, pattern.other]
        graph.node.append(helper.make_node("MatMul", operands, [y], node.name))
        return
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
    for op_type in ("Mul", DYNAMIC):
        read = {name for node in graph.node for name in node.input}
        read.update(port.name for port in graph.output)
        for node in [node for node in graph.node if node.op_type == op_type]:
            if read.isdisjoint(node.output):
                graph.node.remove(node)
