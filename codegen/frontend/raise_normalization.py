"""Raise normalizations that are written in parts, as exporters below operator set 17 write them.

    d = x - ReduceMean(x)        y = d / Sqrt(ReduceMean(d * d) + epsilon)        y * scale + bias

is a LayerNormalization; without the first difference it is an RMSNormalization. In one piece it is
rounded once; in parts, the variance alone would need more than int8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import onnx
from onnx import helper, numpy_helper

from codegen.ir.types import Array

Shapes = Mapping[str, tuple[int, ...] | None]


@dataclass(frozen=True, slots=True)
class Placed:
    """A node, and the node of the user's model whose place it has."""

    proto: onnx.NodeProto
    place: onnx.NodeProto


@dataclass(frozen=True, slots=True)
class _Norm:
    """A normalization of `x` over `axes`: its nodes, the last of them first."""

    op_type: str
    x: str
    axes: tuple[int, ...]
    epsilon: float
    parts: tuple[onnx.NodeProto, ...]
    coefficients: tuple[str, ...] = ()


@dataclass(slots=True)
class _Nodes:
    """The nodes of a graph by what they make and by what they read."""

    graph: onnx.GraphProto
    makers: dict[str, onnx.NodeProto] = field(default_factory=dict)
    readers: dict[str, list[onnx.NodeProto]] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for stored in self.graph.initializer:
            self.constants[stored.name] = numpy_helper.to_array(stored)
        for node in self.graph.node:
            self.makers.update(dict.fromkeys(node.output, node))
            for name in node.input:
                self.readers.setdefault(name, []).append(node)
            if node.op_type == "Constant":
                value = helper.get_attribute_value(node.attribute[0])
                is_tensor = isinstance(value, onnx.TensorProto)
                data = numpy_helper.to_array(value) if is_tensor else np.asarray(value)
                self.constants[node.output[0]] = data
            elif node.op_type == "Identity" and node.input[0] in self.constants:
                self.constants[node.output[0]] = self.constants[node.input[0]]

    def maker(self, name: str, *op_types: str) -> onnx.NodeProto | None:
        """Return the node that makes a tensor if it is of one of these types."""
        node = self.makers.get(name)
        return node if node is not None and node.op_type in op_types else None

    def number(self, name: str) -> float | None:
        """Return a constant that is one number."""
        data = self.constants.get(name)
        return None if data is None or data.size != 1 else float(data.item())

    def with_number(self, node: onnx.NodeProto) -> tuple[str, float] | None:
        """Return the computed operand of two and the number that is the other."""
        for name, other in (node.input, tuple(reversed(node.input))):
            value = self.number(other)
            if value is not None and name not in self.constants:
                return name, value
        return None

    def only_reader(self, name: str) -> onnx.NodeProto | None:
        """Return the one node that reads a tensor which is no output."""
        readers = self.readers.get(name, [])
        is_output = any(port.name == name for port in self.graph.output)
        return readers[0] if len(readers) == 1 and not is_output else None


def raise_normalizations(graph: onnx.GraphProto, shapes: Shapes) -> tuple[Placed, ...]:
    """Return the nodes of a graph, normalizations in one piece; `shapes` are of its tensors."""
    nodes = _Nodes(graph)
    found = (_normalization(nodes, node) for node in graph.node)
    norms = [_with_coefficients(nodes, norm, shapes) for norm in found if norm is not None]
    raised = {norm.parts[0].output[0]: norm for norm in norms}
    dropped = _unread(graph, norms)
    return tuple(
        Placed(_one_piece(raised[name]) if name in raised else node, node)
        for node in graph.node
        for name in node.output[:1]
        if name not in dropped
    )


def _normalization(nodes: _Nodes, node: onnx.NodeProto) -> _Norm | None:
    """Return the normalization whose quotient a node makes."""
    quotient = _quotient(nodes, node)
    if quotient is None:
        return None
    d, root, between = quotient
    shifted = nodes.maker(root.input[0], "Add")
    pair = None if shifted is None else nodes.with_number(shifted)
    name, epsilon = pair or (root.input[0], 0.0)
    mean = nodes.maker(name, "ReduceMean")
    axes = None if mean is None else _axes(nodes, mean)
    if mean is None or axes is None:
        return None
    square = nodes.maker(mean.input[0], "Mul", "Pow")
    if square is None or not _is_square(nodes, square):
        return None
    parts = (node, *between, root, *([shifted] if shifted and pair else []), mean, square)
    centers = [_centered(nodes, value, axes) for value in (d, square.input[0])]
    if centers[0] is not None and centers[1] is not None and centers[0][0] == centers[1][0]:
        lost = (*centers[0][1], *centers[1][1])
        return _Norm("LayerNormalization", centers[0][0], axes, epsilon, (*parts, *lost))
    if d != square.input[0]:
        return None
    return _Norm("RMSNormalization", d, axes, epsilon, parts)


def _quotient(
    nodes: _Nodes, node: onnx.NodeProto
) -> tuple[str, onnx.NodeProto, tuple[onnx.NodeProto, ...]] | None:
    """Return what is divided by a root, the root, and nodes between, of d / r or d * (1 / r)."""
    if node.op_type == "Div":
        root = nodes.maker(node.input[1], "Sqrt")
        return None if root is None else (node.input[0], root, ())
    if node.op_type != "Mul":
        return None
    for d, factor in (node.input, tuple(reversed(node.input))):
        inverse = nodes.maker(factor, "Reciprocal", "Div")
        if inverse is None or (inverse.op_type == "Div" and nodes.number(inverse.input[0]) != 1):
            continue
        root = nodes.maker(inverse.input[-1], "Sqrt")
        if root is not None:
            return d, root, (inverse,)
    return None


def _is_square(nodes: _Nodes, node: onnx.NodeProto) -> bool:
    """The node multiplies its first operand by itself."""
    if node.op_type == "Mul":
        return bool(node.input[0] == node.input[1])
    return nodes.number(node.input[1]) == 2


def _centered(
    nodes: _Nodes, name: str, axes: tuple[int, ...]
) -> tuple[str, tuple[onnx.NodeProto, ...]] | None:
    """Return what a tensor is less its mean over these axes, and the nodes that make it so."""
    difference = nodes.maker(name, "Sub")
    mean = None if difference is None else nodes.maker(difference.input[1], "ReduceMean")
    if difference is None or mean is None or mean.input[0] != difference.input[0]:
        return None
    return (mean.input[0], (difference, mean)) if _axes(nodes, mean) == axes else None


def _axes(nodes: _Nodes, mean: onnx.NodeProto) -> tuple[int, ...] | None:
    """Return the axes of a mean, as they are written; None of one that drops them, or all."""
    attributes = {a.name: helper.get_attribute_value(a) for a in mean.attribute}
    axes = attributes.get("axes")
    if axes is None and len(mean.input) > 1 and mean.input[1] in nodes.constants:
        axes = nodes.constants[mean.input[1]].tolist()
    return tuple(axes) if axes and attributes.get("keepdims", 1) else None


def _with_coefficients(nodes: _Nodes, norm: _Norm, shapes: Shapes) -> _Norm:
    """Return the normalization with the constant scale and bias behind it, if there are any."""
    for op_type in ("Mul", "Add"):
        before = norm.parts[0].output[0]
        reader = nodes.only_reader(before)
        if reader is None or reader.op_type != op_type:
            break
        held = [name for name in reader.input if name in nodes.constants]
        shape = shapes.get(before)
        if not held or shape is None or shapes.get(reader.output[0]) != shape:
            break
        parts = (reader, *norm.parts)
        norm = replace(norm, parts=parts, coefficients=(*norm.coefficients, held[0]))
    return norm


def _one_piece(norm: _Norm) -> onnx.NodeProto:
    """Return a normalization as one node, with `axes` that ONNX gives it only by the first."""
    last = norm.parts[0]
    operands = [norm.x, *norm.coefficients]
    return helper.make_node(
        norm.op_type, operands, last.output, last.name, axes=norm.axes, epsilon=norm.epsilon
    )


def _unread(graph: onnx.GraphProto, norms: Sequence[_Norm]) -> set[str]:
    """Return what the parts of normalizations make and nobody reads any more."""
    raised = {norm.parts[0].output[0]: norm for norm in norms}
    inner = {part.output[0] for norm in norms for part in norm.parts} - raised.keys()
    read = {port.name for port in graph.output}
    for node in reversed(graph.node):
        name = node.output[0]
        if name in raised:
            read.update((raised[name].x, *raised[name].coefficients))
        elif name not in inner or name in read:
            read.update(node.input)
    return inner - read
