"""Concat without copies: producers write their channels, or their rows, into the wider value.

A value that only a concatenation reads becomes a view into its result, if its producer can write
there. Any other operand is copied there by an explicit node, so a concatenation takes no step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from codegen.ir.graph import Graph, Node
from codegen.ir.schedule import View
from codegen.ops import (
    AveragePool,
    Clip,
    Concat,
    Conv2d,
    Copy,
    Dense,
    Lrn,
    MaxPool,
    Receive,
    Requantize,
    Resize,
)

PLACEABLE = (Conv2d, Dense, MaxPool, AveragePool, Clip, Requantize, Lrn, Receive, Resize)
"""Operators whose kernels write pixels at any distance from each other, or only one."""


def place_concats(graph: Graph) -> tuple[Graph, Mapping[str, View]]:
    """Return the graph with a Copy for each operand that cannot be placed, and the views.

    A concatenation that is neither along the first nor along the last dimension keeps its place
    as an ordinary node.
    """
    views: dict[str, View] = {}
    nodes: list[Node] = []
    types, placed = dict(graph.types), set[str]()
    for node in graph.nodes:
        if not _is_placeable(graph, node):
            nodes.append(node)
            continue
        operands = []
        for index, value in enumerate(node.inputs):
            if not _writes_in_place(graph, node, value, placed):
                copy = f"{node.output} operand {index}"
                types[copy] = types[value]
                nodes.append(Node(Copy(), (value,), copy, node.loc))
                value = copy
            operands.append(value)
        views |= _views(graph, node, operands)
        placed.add(node.output)
        nodes.append(replace(node, inputs=tuple(operands)))
    return replace(graph, nodes=tuple(nodes), types=types), views


def _is_placeable(graph: Graph, node: Node) -> bool:
    """A concatenation of channels, or of rows or whole vectors."""
    if not isinstance(node.op, Concat):
        return False
    last = len(graph.types[node.output].shape) - 1
    return node.op.axis in (0, last)


def _writes_in_place(graph: Graph, concat: Node, value: str, placed: set[str]) -> bool:
    """The value is read once, by `concat`, and its producer can write with any pixel pitch."""
    assert isinstance(concat.op, Concat)
    readers = [name for node in graph.nodes for name in node.inputs if name == value]
    producer = next((node for node in graph.nodes if node.output == value), None)
    if producer is None or value in graph.outputs or len(readers) > 1:
        return False
    if isinstance(producer.op, Concat):
        last = len(graph.types[concat.output].shape) - 1
        return value in placed and producer.op.axis == concat.op.axis == last
    return isinstance(producer.op, PLACEABLE)


def _views(graph: Graph, concat: Node, operands: list[str]) -> dict[str, View]:
    """Return where each operand stands in the result."""
    assert isinstance(concat.op, Concat)
    result = graph.types[concat.output]
    by_channel = concat.op.axis == len(result.shape) - 1
    found, offset = {}, 0
    for name, value in zip(operands, concat.inputs, strict=True):
        operand = graph.types[value]
        found[name] = View(concat.output, offset, result.pixel_bytes if by_channel else None)
        offset += operand.pixel_bytes if by_channel else operand.size_bytes
    return found
