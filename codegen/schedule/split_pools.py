"""Max pools in two steps: across each row first, then down, so that fewer and narrower rows wait.

A row that two windows share is reduced once, and its ring holds it at the width of the result.
The greatest of the greatest is the greatest of all: every bit stays.
"""

from __future__ import annotations

from dataclasses import replace

from codegen.ir.graph import Graph, Node
from codegen.ops import MaxPool


def split_max_pools(graph: Graph) -> Graph:
    """Return the graph with each maximum over overlapping rows taken across, then down."""
    nodes: list[Node] = []
    types = dict(graph.types)
    for node in graph.nodes:
        if not isinstance(node.op, MaxPool) or not shares_rows(node.op):
            nodes.append(node)
            continue
        across, down = split(node.op)
        between = f"{node.output} across"
        (x,) = node.inputs
        types[between] = replace(types[x], shape=across.infer(types[x]).shape)
        nodes.append(replace(node, op=across, output=between))
        nodes.append(replace(node, op=down, inputs=(between,)))
    return replace(graph, nodes=tuple(nodes), types=types)


def shares_rows(op: MaxPool) -> bool:
    """Windows overlap in rows, and are wider than a column."""
    return op.kernel_shape[0] > op.strides[0] and op.kernel_shape[1] > 1


def split(op: MaxPool) -> tuple[MaxPool, MaxPool]:
    """Return the maximum across columns, and that down rows.

    >>> across, down = split(MaxPool((3, 2), (2, 1), (1, 0, 1, 1)))
    >>> across.kernel_shape, across.strides, across.pads
    ((1, 2), (1, 1), (0, 0, 0, 1))
    >>> down.kernel_shape, down.strides, down.pads
    ((3, 1), (2, 1), (1, 0, 1, 0))
    """
    top, left, bottom, right = op.pads
    across = MaxPool((1, op.kernel_shape[1]), (1, op.strides[1]), (0, left, 0, right))
    down = MaxPool((op.kernel_shape[0], 1), (op.strides[0], 1), (top, 0, bottom, 0))
    return across, down
