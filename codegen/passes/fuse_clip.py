"""Make activations part of the layers before them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from codegen.ir.graph import Graph, Node
from codegen.ir.rewrite import single_reader
from codegen.ops import Add, Clip, Conv2d, Dense
from codegen.ops.linear import Clamp


def fuse_clip(graph: Graph) -> Graph:
    """Clamp the result of a Conv2d, Dense or Add that only a Clip reads.

    A result with a prescribed format other than the Clip's stays: it is rounded twice.

    >>> from codegen.ir.text import parse_graph
    >>> print(fuse_clip(parse_graph('''
    ...     graph net(a, b) -> z
    ...       y = add(a, b)
    ...       z = clip(y) high=6.0
    ... ''')))
    graph net(a, b) -> z
      z = add(a, b) clamp=(0.0, 6.0)
    """
    made: dict[str, Node] = {}
    for node in graph.nodes:
        before = made.get(node.inputs[0])
        if before is not None and isinstance(node.op, Clip) and _fits(graph, before, node):
            del made[before.output]
            node = replace(node, op=_clamped(before, node.op), inputs=before.inputs)
        made[node.output] = node
    return graph.with_nodes(made.values())


def _fits(graph: Graph, before: Node, clip: Node) -> bool:
    inner, outer = graph.types.get(before.output), graph.types.get(clip.output)
    same = inner is None or outer is None or inner.quant in (None, outer.quant)
    is_fusible = isinstance(before.op, Add | Conv2d | Dense)
    return is_fusible and same and single_reader(graph, before.output) is clip


def _clamped(node: Node, clip: Clip) -> Add | Conv2d | Dense:
    op = node.op
    assert isinstance(op, Add | Conv2d | Dense)
    bounds: Clamp = (clip.low, clip.high)
    if op.clamp is not None:
        low, high = np.clip(op.clamp, clip.low, clip.high)
        bounds = (float(low), float(high))
    return replace(op, clamp=bounds)
