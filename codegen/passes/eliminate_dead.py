"""Drop what no output needs."""

from __future__ import annotations

from codegen.ir.graph import Graph, Node


def eliminate_dead(graph: Graph) -> Graph:
    """Drop nodes whose results are not read, and constants with them; inputs stay.

    >>> from codegen.ir.text import parse_graph
    >>> print(eliminate_dead(parse_graph('''
    ...     graph net(x) -> z
    ...       y = clip(x)
    ...       z = clip(x) high=6.0
    ... ''')))
    graph net(x) -> z
      z = clip(x) high=6.0
    """
    needed = set(graph.outputs)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if node.output in needed:
            needed.update(node.inputs)
            kept.append(node)
    return graph.with_nodes(reversed(kept))
