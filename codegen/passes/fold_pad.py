"""Make Pad part of the window that reads it."""

from __future__ import annotations

import math
from dataclasses import replace

from codegen.ir.graph import Graph, Node
from codegen.ir.op import Op
from codegen.ops import AveragePool, Conv2d, MaxPool, Pad
from codegen.passes.eliminate_dead import eliminate_dead

Pads = tuple[int, int, int, int]


def fold_pad(graph: Graph) -> Graph:
    """Fold Pad into Conv2d, AveragePool and MaxPool where that is exact.

    Zeros go into a Conv2d; into an AveragePool if all its padding then counts; into a MaxPool
    only minus infinity. A Pad between two prescribed formats stays.

    >>> from codegen.ir.text import parse_graph
    >>> print(fold_pad(parse_graph('''
    ...     graph net(x, w, b) -> z
    ...       y = pad(x) before=(0, 1, 0) after=(1, 1, 0)
    ...       z = conv2d(y, w, b)
    ... ''')))
    graph net(x, w, b) -> z
      z = conv2d(x, w, b) pads=(0, 1, 1, 1)
    """
    producers = graph.producers()
    folded = (_fold(graph, node, producers.get(node.inputs[0])) for node in graph.nodes)
    return eliminate_dead(graph.with_nodes(folded))


def _fold(graph: Graph, node: Node, before: Node | None) -> Node:
    if before is None or not isinstance(before.op, Pad) or not _is_one_format(graph, before):
        return node
    pad = before.op
    if len(pad.before) != 3 or pad.before[2] or pad.after[2]:
        return node
    pads = pad.before[0], pad.before[1], pad.after[0], pad.after[1]
    op = _padded(node.op, pad.value, pads)
    return node if op is None else replace(node, op=op, inputs=(*before.inputs, *node.inputs[1:]))


def _is_one_format(graph: Graph, pad: Node) -> bool:
    x, y = graph.types.get(pad.inputs[0]), graph.types.get(pad.output)
    return x is None or y is None or x.quant == y.quant


def _padded(op: Op, value: float, pads: Pads) -> Op | None:
    """Return `op` with `pads` of `value` added to its own; None where it has no such form."""
    if isinstance(op, Conv2d) and value == 0.0:
        return replace(op, pads=_sum(op.pads, pads))
    if isinstance(op, AveragePool) and value == 0.0:
        fits = _stays_below(op.kernel_shape, _sum(op.pads, pads))
        if fits and (op.count_include_pad or not any(op.pads)):
            return replace(op, pads=_sum(op.pads, pads), count_include_pad=True)
    if isinstance(op, MaxPool) and value == -math.inf:
        fits = _stays_below(op.kernel_shape, _sum(op.pads, pads))
        return replace(op, pads=_sum(op.pads, pads)) if fits else None
    return None


def _sum(a: Pads, b: Pads) -> Pads:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]


def _stays_below(kernel: tuple[int, int], pads: Pads) -> bool:
    return all(pads[i] < kernel[i % 2] for i in range(4))
