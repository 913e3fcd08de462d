"""Merge chains of Reshape, drop those that change nothing or that another one is equal to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from codegen.ir.graph import Graph, Node
from codegen.ir.op import Op
from codegen.ir.rewrite import bypass, replace_uses
from codegen.ir.types import TensorType
from codegen.ops import Reshape, Take
from codegen.passes.eliminate_dead import eliminate_dead


def eliminate_reshape(graph: Graph) -> Graph:
    """Read through a Reshape of a Reshape; drop a Reshape to the shape the operand has.

    A Take reads through one, too, since it counts elements. Of equal ones the first stays.
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
    return eliminate_dead(_shared(graph))


def _shared(graph: Graph) -> Graph:
    """Read the first of Reshapes that are equal, format included."""
    first: dict[tuple[Op, tuple[str, ...], TensorType], str] = {}
    twins: dict[str, str] = {}
    for node in graph.nodes:
        if isinstance(node.op, Reshape):
            known = first.setdefault((node.op, node.inputs, graph.types[node.output]), node.output)
            if known != node.output and node.output not in graph.outputs:
                twins[node.output] = known
    return replace(graph, nodes=replace_uses(graph.nodes, twins))


def _merge(graph: Graph, node: Node, producers: Mapping[str, Node]) -> Node:
    """Let Reshape and Take read what the Reshapes before them read, as far as formats agree."""
    before = producers.get(node.inputs[0])
    while (
        isinstance(node.op, Reshape | Take)
        and before is not None
        and isinstance(before.op, Reshape)
        and graph.types[before.inputs[0]].quant == graph.types[node.inputs[0]].quant
    ):
        node = replace(node, inputs=(*before.inputs, *node.inputs[1:]))
        before = producers.get(node.inputs[0])
    return node
