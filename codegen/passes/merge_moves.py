"""Say in few moves what exporters say in many: parts of an image's channels, in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations

import numpy as np

from codegen.ir.graph import Graph, Node
from codegen.ir.op import Op
from codegen.ir.rewrite import bypass, free_name
from codegen.ir.types import Array
from codegen.ops import Concat, Reshape, Slice, Take, Transpose
from codegen.ops.take import FILL
from codegen.passes.eliminate_dead import eliminate_dead
from codegen.passes.raise_transpose import transposed

MOVES = Reshape | Take | Transpose


def merge_moves(graph: Graph) -> Graph:
    """Replace moves that give evenly spaced channels of an image by a Slice and a Transpose.

    A Concat of values transposed alike is transposed itself, so that the next moves find an image.

    >>> from codegen.ir.text import parse_graph
    >>> print(merge_moves(parse_graph('''
    ...     graph net(a: float32[4,5,6], b: float32[4,5,6]) -> z
    ...       s = transpose(a) perm=(2, 0, 1)
    ...       t = transpose(b) perm=(2, 0, 1)
    ...       c = concat(s, t)
    ...       d = transpose(c) perm=(1, 2, 0)
    ...       z = clip(d)
    ... ''')))
    graph net(a: float32[4,5,6], b: float32[4,5,6]) -> z
      d = concat(a, b) axis=2 : float32[4,5,12]
      z = clip(d) : float32[4,5,12]
    """
    while (merged := _merge_one(graph)) is not None:
        graph = eliminate_dead(merged)
    return graph


def _merge_one(graph: Graph) -> Graph | None:
    for node in graph.nodes:
        if isinstance(node.op, MOVES):
            for chain in reversed(list(_chains(graph, node))):
                merged = _shorten(graph, chain)
                if merged is not None:
                    return merged
        if isinstance(node.op, Concat):
            merged = _sink(graph, node)
            if merged is not None:
                return merged
    return None


def _chains(graph: Graph, last: Node) -> Iterator[tuple[Node, ...]]:
    """Yield the runs of two moves or more, of one format and without fill, that end with `last`."""
    producers = graph.producers()
    chain: tuple[Node, ...] = ()
    node: Node | None = last
    while node is not None and isinstance(node.op, MOVES):
        if graph.types[node.inputs[0]].quant != graph.types[node.output].quant:
            return
        if isinstance(node.op, Take) and (graph.constants[node.inputs[1]] == FILL).any():
            return
        chain = (node, *chain)
        if len(chain) > 1:
            yield chain
        node = producers.get(node.inputs[0])


def _shorten(graph: Graph, chain: tuple[Node, ...]) -> Graph | None:
    """Put a Slice of channels and a Transpose, or one of them, in place of more moves or a Take."""
    root, last = chain[0].inputs[0], chain[-1]
    shape, wanted = graph.types[root].shape, graph.types[last.output].shape
    if len(shape) != 3 or len(wanted) != 3:
        return None
    perms = [p for p in permutations(range(3)) if tuple(wanted[a] for a in p)[:2] == shape[:2]]
    if not perms:
        return None
    numbers = np.arange(graph.types[root].elements).reshape(1, *shape)
    moved = numbers
    for node in chain:
        moved = node.op.evaluate(moved, *(graph.constants[name] for name in node.inputs[1:]))
    for perm in perms:
        image = moved[0].transpose(perm)
        channels = _evenly(image[0, 0] % shape[2])
        if channels is None or not np.array_equal(image, numbers[0][..., list(channels)]):
            continue
        inverse = tuple(int(axis) for axis in np.argsort(perm))
        moves: list[Op] = []
        if channels != range(shape[2]):
            steps = (1, 1, channels.step)
            moves.append(Slice((0, 0, channels.start), (*shape[:2], len(channels)), steps))
        if perm != (0, 1, 2):
            moves.append(Transpose(inverse))
        takes = any(isinstance(node.op, Take) for node in chain)
        if len(moves) < len(chain) or takes:
            return _replaced(graph, last, root, moves, perm)
    return None


def _evenly(channels: Array) -> range | None:
    """Return channels as a range, None where they are none that goes up."""
    first = int(channels[0])
    step = int(channels[1]) - first if len(channels) > 1 else 1
    found = range(first, first + step * len(channels), step) if step > 0 else range(0)
    return found if list(found) == channels.tolist() else None


def _replaced(
    graph: Graph, last: Node, root: str, moves: list[Op], perm: tuple[int, ...]
) -> Graph | None:
    """Let `last` be made from `root` by none, one or two moves."""
    if not moves:
        return bypass(graph, last, root) if last.output not in graph.outputs else None
    types, origins = dict(graph.types), dict(graph.origins)
    made: list[Node] = []
    value = root
    for index, op in enumerate(moves):
        name = last.output
        if index + 1 < len(moves):
            name = free_name(graph, f"{last.output}_channels")
            types[name] = replace(types[last.output], shape=op.infer(types[value]).shape)
            if last.output in origins:
                origins[name] = transposed(origins[last.output], perm)
        made.append(Node(op, (value,), name, last.loc))
        value = name
    nodes = [new for node in graph.nodes for new in (made if node is last else (node,))]
    return graph.with_nodes(nodes, types=types, origins=origins)


def _sink(graph: Graph, concat: Node) -> Graph | None:
    """Join values before they are transposed alike, and transpose the result."""
    assert isinstance(concat.op, Concat)
    producers = graph.producers()
    before = [producers.get(name) for name in concat.inputs]
    ops = {node.op if node is not None else None for node in before}
    op = next(iter(ops))
    known = graph.types[concat.output]
    if len(ops) != 1 or not isinstance(op, Transpose):
        return None
    early = [node.inputs[0] for node in before if node is not None]
    pairs = zip(early, concat.inputs, strict=True)
    if any(graph.types[a].quant != graph.types[b].quant for a, b in pairs):
        return None
    inverse = tuple(int(axis) for axis in np.argsort(op.perm))
    name = free_name(graph, f"{concat.output}_joined")
    types, origins = dict(graph.types), dict(graph.origins)
    types[name] = replace(known, shape=tuple(known.shape[axis] for axis in inverse))
    if concat.output in origins:
        origins[name] = transposed(origins[concat.output], inverse)
    pair = (
        replace(concat, op=Concat(op.perm[concat.op.axis]), inputs=tuple(early), output=name),
        Node(op, (name,), concat.output, concat.loc),
    )
    nodes = [new for node in graph.nodes for new in (pair if node is concat else (node,))]
    return graph.with_nodes(nodes, types=types, origins=origins)
