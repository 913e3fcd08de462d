"""Make chains of Slice one Slice."""

from __future__ import annotations

from dataclasses import replace

from codegen.ir.graph import Graph, Node
from codegen.ops import Slice
from codegen.passes.eliminate_dead import eliminate_dead


def merge_slice(graph: Graph) -> Graph:
    """Slice what a Slice slices at once; a prescribed format between the two must be the first's.

    >>> from codegen.ir.text import parse_graph
    >>> print(merge_slice(parse_graph('''
    ...     graph net(x: float32[9,9]) -> z
    ...       y = slice(x) starts=(0, 1) shape=(5, 8) steps=(2, 1)
    ...       z = slice(y) starts=(1, 0) shape=(4, 4) steps=(1, 2)
    ... ''')))
    graph net(x: float32[9,9]) -> z
      z = slice(x) starts=(2, 1) shape=(4, 4) steps=(2, 2) : float32[4,4]
    """
    made: dict[str, Node] = {}
    for node in graph.nodes:
        before = made.get(node.inputs[0])
        if isinstance(node.op, Slice) and before is not None and isinstance(before.op, Slice):
            first, middle = graph.types[before.inputs[0]], graph.types[before.output]
            if middle.quant in (None, first.quant):
                node = replace(node, op=_merged(before.op, node.op), inputs=before.inputs)
        made[node.output] = node
    return eliminate_dead(graph.with_nodes(made.values()))


def _merged(first: Slice, second: Slice) -> Slice:
    """Return the second slice, its ranges counted before the first."""
    starts = tuple(
        start + step * inner
        for start, step, inner in zip(first.starts, first.steps, second.starts, strict=True)
    )
    steps = tuple(a * b for a, b in zip(first.steps, second.steps, strict=True))
    return Slice(starts, second.shape, steps)
