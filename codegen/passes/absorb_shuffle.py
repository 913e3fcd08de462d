"""Make channel shuffles part of the layers around them, where they cost nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from codegen.ir.fixed_point import Int64s
from codegen.ir.graph import Graph, Node
from codegen.ir.rewrite import bypass, single_reader, with_constant
from codegen.ops import (
    Add,
    AveragePool,
    Clip,
    Conv2d,
    Dense,
    MaxPool,
    Pad,
    Requantize,
    Reshape,
    Resize,
    Transpose,
)
from codegen.passes.eliminate_dead import eliminate_dead

CHANNEL_BY_CHANNEL = (Add, AveragePool, Clip, MaxPool, Pad, Requantize, Resize)
"""Operators that treat all channels alike and apart from each other."""


def absorb_shuffle(graph: Graph) -> Graph:
    """Let Reshape and Transpose that only reorder channels go into a convolution.

    The one before them computes its filters in the new order, or lets its groups take turns;
    where it cannot, the one behind reads its channels in the old order. What works channel by
    channel may stand between. Values that are then in an order of channels that no ONNX tensor
    has lose their origin.

    >>> from codegen.ir.text import parse_graph
    >>> print(absorb_shuffle(parse_graph('''
    ...     graph net(x: float32[4,4,6]) -> z
    ...       const w: float32[6,1,1,2]
    ...       const b: float32[6]
    ...       y = conv2d(x, w, b) group=3
    ...       r = reshape(y) shape=(4, 4, 3, 2)
    ...       t = transpose(r) perm=(0, 1, 3, 2)
    ...       z = reshape(t) shape=(4, 4, 6)
    ... ''')))
    graph net(x: float32[4,4,6]) -> z
      const w: float32[6,1,1,2]
      const b: float32[6]
      z = conv2d(x, w, b) group=3 interleave=True : float32[4,4,6]
    """
    while (absorbed := _absorb_one(graph)) is not None:
        graph = eliminate_dead(absorbed)
    return graph


def _absorb_one(graph: Graph) -> Graph | None:
    for node in graph.nodes:
        found = _find_shuffle(graph, node)
        if found is None:
            continue
        operand, order = found
        before = _reorder(graph, operand, order)
        if before is not None:
            return bypass(before, before.producers()[node.output], operand)
        behind = _read_reordered(graph, node.output, operand, order)
        if behind is not None:
            return behind
    return None


def _find_shuffle(graph: Graph, last: Node) -> tuple[str, Int64s] | None:
    """Return the value, farthest back, of which `last` only reorders channels, and how.

    Channel c of the result is channel order[c] of the value.
    """
    shape = graph.types[last.output].shape
    for chain in reversed(list(_chains(graph, last))):
        operand = chain[0].inputs[0]
        if graph.types[operand].shape != shape or not shape:
            continue
        index = np.arange(graph.types[operand].elements).reshape(1, *shape)
        moved = index
        for node in chain:
            moved = node.op.evaluate(moved)
        order = moved.reshape(-1, shape[-1])[0]
        is_channel = order.max() < shape[-1] and np.any(order != np.arange(shape[-1]))
        if is_channel and np.array_equal(moved, index[..., order]):
            return operand, order
    return None


def _chains(graph: Graph, last: Node) -> Iterator[tuple[Node, ...]]:
    """Yield the runs of moves of one format that end with `last`, ever longer ones."""
    producers = graph.producers()
    chain: tuple[Node, ...] = ()
    node: Node | None = last
    while node is not None and isinstance(node.op, Reshape | Transpose):
        if graph.types[node.inputs[0]].quant != graph.types[node.output].quant:
            return
        chain = (node, *chain)
        yield chain
        node = producers.get(node.inputs[0])


def _reorder(graph: Graph, value: str, order: Int64s) -> Graph | None:
    """Let the producer of `value` make its channels in another order; None where it cannot."""
    node = graph.producers().get(value)
    if node is None or single_reader(graph, value) is None:
        return None
    graph = _without_origin(graph, value)
    if isinstance(node.op, Dense) or (isinstance(node.op, Conv2d) and node.op.group == 1):
        return _permute_filters(graph, node, order)
    if isinstance(node.op, Conv2d):
        if _is_depthwise(graph, node):
            reordered = _reorder(graph, node.inputs[0], order)
            return None if reordered is None else _permute_filters(reordered, node, order)
        turns = np.arange(len(order)).reshape(node.op.group, -1).T.ravel()
        if node.op.interleave or not np.array_equal(order, turns):
            return None
        return _replaced(graph, node, replace(node, op=replace(node.op, interleave=True)))
    if not _is_channel_by_channel(node):
        return None
    found: Graph | None = graph
    for operand in dict.fromkeys(node.inputs):
        found = None if found is None else _reorder(found, operand, order)
    return found


def _read_reordered(graph: Graph, shuffled: str, value: str, order: Int64s) -> Graph | None:
    """Let the one reader of `shuffled` read `value`, whose channels order[c] are `shuffled`'s c."""
    node = single_reader(graph, shuffled)
    if node is None or len(graph.activations(node)) != 1:
        return None
    moved = replace(node, inputs=(value, *node.inputs[1:]))
    graph = _replaced(graph, node, moved)
    inverse = np.argsort(order)
    if isinstance(node.op, Conv2d) and node.op.group == 1:
        return _permute_columns(graph, moved, inverse)
    if _is_depthwise(graph, node):
        graph = _permute_filters(graph, moved, inverse)
    elif not _is_channel_by_channel(node):
        return None
    return _read_reordered(_without_origin(graph, node.output), node.output, node.output, order)


def _is_depthwise(graph: Graph, node: Node) -> bool:
    return isinstance(node.op, Conv2d) and node.op.is_depthwise(graph.signature(node))


def _is_channel_by_channel(node: Node) -> bool:
    if isinstance(node.op, Pad):
        return node.op.before[-1] == node.op.after[-1] == 0
    return isinstance(node.op, CHANNEL_BY_CHANNEL)


def _permute_filters(graph: Graph, node: Node, order: Int64s) -> Graph:
    """Let filter i be what filter order[i] was: weights with their scales, and bias."""
    x, w, b = node.inputs
    quant = graph.types[w].quant
    if quant is not None and quant.axis is not None:
        quant = replace(quant, scales=tuple(quant.scales[i] for i in order))
    current = graph.producers()[node.output]
    graph, weights = with_constant(graph, current, w, graph.constants[w][order], quant)
    graph, bias = with_constant(graph, current, b, graph.constants[b][order])
    return _replaced(graph, current, replace(current, inputs=(x, weights, bias)))


def _permute_columns(graph: Graph, node: Node, order: Int64s) -> Graph:
    """Let input channel i meet the weights that channel order[i] met."""
    x, w, b = node.inputs
    data, quant = graph.constants[w][..., order], graph.types[w].quant
    graph, weights = with_constant(graph, node, w, data, quant)
    return _replaced(graph, node, replace(node, inputs=(x, weights, b)))


def _replaced(graph: Graph, old: Node, new: Node) -> Graph:
    return graph.with_nodes(new if node is old else node for node in graph.nodes)


def _without_origin(graph: Graph, value: str) -> Graph:
    origins = {name: origin for name, origin in graph.origins.items() if name != value}
    return replace(graph, origins=origins)
