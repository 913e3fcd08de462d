"""Compute on elements before they move, where a layer is that can compute it too."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from codegen.ir.graph import Graph, Node
from codegen.ir.rewrite import free_name, single_reader, with_constant
from codegen.ops import Add, Clip, Conv2d, Dense, DepthToSpace, Reshape, Transpose

LAYERS = Add | Conv2d | Dense
MOVES = DepthToSpace | Reshape | Transpose


def raise_pointwise(graph: Graph) -> Graph:
    """Clip before Reshape, Transpose and DepthToSpace, and scale channels before the last.

    Only behind a layer, into which `fuse_clip` or `fold_affine` then merges them.

    >>> from codegen.ir.text import parse_graph
    >>> print(raise_pointwise(parse_graph('''
    ...     graph net(a: float32[4,4,8], b: float32[4,4,8]) -> z
    ...       x = add(a, b)
    ...       y = depth_to_space(x) block=(2, 2) size=(8, 8)
    ...       z = clip(y)
    ... ''')))
    graph net(a: float32[4,4,8], b: float32[4,4,8]) -> z
      x = add(a, b) : float32[4,4,8]
      z_early = clip(x) : float32[4,4,8]
      z = depth_to_space(z_early) block=(2, 2) size=(8, 8) : float32[8,8,2]
    """
    while (raised := _raise_one(graph)) is not None:
        graph = raised
    return graph


def _raise_one(graph: Graph) -> Graph | None:
    producers = graph.producers()
    for node in graph.nodes:
        move = producers.get(node.inputs[0])
        if move is None or not isinstance(move.op, MOVES) or not _follows_layer(graph, move):
            continue
        if single_reader(graph, move.output) is not node:
            continue
        if isinstance(node.op, Clip):
            return _swap(graph, move, node)
        if isinstance(move.op, DepthToSpace) and _is_affine(graph, node):
            return _swap(_spread(graph, move.op, node), move, node)
    return None


def _follows_layer(graph: Graph, move: Node) -> bool:
    """A layer makes what moves, maybe by several moves of one format, which nobody else reads."""
    producers = graph.producers()
    node: Node | None = move
    while node is not None and isinstance(node.op, MOVES):
        operand = node.inputs[0]
        same = graph.types[operand].quant == graph.types[node.output].quant
        if not same or single_reader(graph, operand) is not node:
            return False
        node = producers.get(operand)
    return node is not None and isinstance(node.op, LAYERS)


def _is_affine(graph: Graph, node: Node) -> bool:
    """The node scales and shifts channels by constants of its own, in no prescribed format."""
    if not isinstance(node.op, Conv2d) or any(i not in graph.constants for i in node.inputs[1:]):
        return False
    shape = graph.types[node.inputs[1]].shape
    alone = node.op == Conv2d(group=shape[0], clamp=node.op.clamp) and shape[1:] == (1, 1, 1)
    return alone and graph.types[node.inputs[1]].quant is graph.types[node.inputs[0]].quant is None


def _spread(graph: Graph, move: DepthToSpace, node: Node) -> Graph:
    """Let an affine node that stands behind a move scale the channels before it."""
    copies = move.block[0] * move.block[1]
    assert isinstance(node.op, Conv2d)
    current = node
    for index in (1, 2):
        data = graph.constants[node.inputs[index]]
        apart = data.reshape(move.groups, 1, -1, *data.shape[1:])
        spread = np.repeat(apart, copies, axis=1).reshape(-1, *data.shape[1:])
        graph, name = with_constant(graph, current, current.inputs[index], spread)
        inputs = (*current.inputs[:index], name, *current.inputs[index + 1 :])
        changed = replace(current, inputs=inputs, op=Conv2d(group=len(spread), clamp=node.op.clamp))
        nodes = tuple(changed if other is current else other for other in graph.nodes)
        graph, current = replace(graph, nodes=nodes), changed
    return graph


def _swap(graph: Graph, move: Node, node: Node) -> Graph:
    """Let `node`, or what now stands for it, compute before `move`."""
    current = graph.producers()[node.output]
    operand, result = move.inputs[0], node.output
    early = free_name(graph, f"{result}_early")
    known = graph.types[result]
    moved = replace(graph.types[operand], quant=known.quant, dtype=known.dtype)
    pair = (
        replace(current, inputs=(operand, *current.inputs[1:]), output=early),
        replace(move, inputs=(early,), output=result),
    )
    nodes: list[Node] = []
    for other in graph.nodes:
        if other is current:
            nodes += pair
        elif other is not move:
            nodes.append(other)
    return graph.with_nodes(nodes, types={**graph.types, early: moved})
