"""Whether two graphs are one but for the names of their values."""

from __future__ import annotations

import numpy as np

from codegen.ir.graph import Graph, Node


def find_difference(graph: Graph, other: Graph) -> str:
    """Return where two graphs first differ in an operator, a format or an integer; else "".

    Nodes stand in the same order in both; values and constants may have other names.
    """
    names = dict(zip(graph.inputs, other.inputs, strict=False))
    if len(names) != len(graph.inputs) or len(names) != len(other.inputs):
        return f"{len(graph.inputs)} inputs, {len(other.inputs)} of the other"
    for name, found in names.items():
        if graph.types[name] != other.types[found]:
            return f"input '{name}'"
    for node, twin in zip(graph.nodes, other.nodes, strict=False):
        if not _is_same(graph, node, other, twin, names):
            return f"{node.op.name} '{node.output}'"
        names[node.output] = twin.output
    if len(graph.nodes) != len(other.nodes):
        return f"{len(graph.nodes)} nodes, {len(other.nodes)} of the other"
    outputs = [names.get(name) for name in graph.outputs]
    return "" if outputs == list(other.outputs) else "the outputs"


def _is_same(graph: Graph, node: Node, other: Graph, found: Node, names: dict[str, str]) -> bool:
    if node.op != found.op or len(node.inputs) != len(found.inputs):
        return False
    if graph.types[node.output] != other.types[found.output]:
        return False
    for name, read in zip(node.inputs, found.inputs, strict=True):
        data, read_data = graph.constants.get(name), other.constants.get(read)
        if data is None or read_data is None:
            if data is not read_data or names.get(name) != read:
                return False
        elif graph.types[name] != other.types[read] or not np.array_equal(data, read_data):
            return False
    return True
