"""Merge chains of Reshape, drop those that change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from codegen.ir.graph import Graph, Node
from codegen.ir.rewrite import bypass
from codegen.ops import Reshape
from codegen.passes.eliminate_dead import eliminate_dead


def eliminate_reshape(graph: Graph) -> Graph:
    """Read through a Reshape of a Reshape; drop a Reshape to the shape the operand has.

    A Reshape between two prescribed formats changes values and stays.

    >>> from codegen.ir.text import parse_graph
    >>> print(eliminate_reshape(parse_graph('''
    ...     graph net(x: float32[4]) -> z
    ...       a = clip(x)
    ...       b = reshape(a) shape=(1, 1, 4)
    ...       c = reshape(b) shape=(4,)
    ...       z = clip(c) high=6.0
    ... ''')))
    graph net(x: float32[4]) -> z
      c = clip(x) : float32[4]
      z = clip(c) high=6.0 : float32[4]
    """
    producers = graph.producers()
    merged = tuple(_merge(graph, node, producers) for node in graph.nodes)
    graph = replace(graph, nodes=merged)
    for node in graph.nodes:
        current = graph.producers().get(node.output)
        if current is not None and isinstance(current.op, Reshape):
            operand = current.inputs[0]
            if graph.types[operand] == graph.types[current.output]:
                graph = bypass(graph, current, operand)
    return eliminate_dead(graph)


def _merge(graph: Graph, node: Node, producers: Mapping[str, Node]) -> Node:
    """Let a Reshape read what the Reshapes before it read, as far as formats agree."""
    before = producers.get(node.inputs[0])
    while (
        isinstance(node.op, Reshape)
        and before is not None
        and isinstance(before.op, Reshape)
        and graph.types[before.inputs[0]].quant == graph.types[node.inputs[0]].quant
    ):
        node = replace(node, inputs=before.inputs)
        before = producers.get(node.inputs[0])
    return node
