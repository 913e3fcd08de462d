"""Move Transpose towards the inputs, where it costs nothing."""

from __future__ import annotations

from dataclasses import replace

from codegen.ir.graph import Graph, Node
from codegen.ir.rewrite import free_name, replace_uses, result_type
from codegen.ir.types import Origin
from codegen.ops import Clip, Pad, Requantize, Transpose


def raise_transpose(graph: Graph) -> Graph:
    """Transpose before an elementwise operator or a Pad instead of behind it.

    >>> from codegen.ir.text import parse_graph
    >>> print(raise_transpose(parse_graph('''
    ...     graph net(x: float32[3,4,4]) -> z
    ...       y = clip(x)
    ...       z = transpose(y) perm=(1, 2, 0)
    ... ''')))
    graph net(x: float32[3,4,4]) -> z
      y_transpose = transpose(x) perm=(1, 2, 0) : float32[4,4,3]
      z = clip(y_transpose) : float32[4,4,3]
    """
    while (raised := _raise_one(graph)) is not None:
        graph = raised
    return graph


def _raise_one(graph: Graph) -> Graph | None:
    consumers = graph.consumers()
    for node in graph.nodes:
        readers = consumers.get(node.output, ())
        ops = {reader.op for reader in readers}
        if len(ops) != 1 or node.output in graph.outputs:
            continue
        op = ops.pop()
        if isinstance(op, Transpose) and isinstance(node.op, Clip | Pad | Requantize):
            return _swap(graph, node, op, readers)
    return None


def _swap(graph: Graph, node: Node, transpose: Transpose, readers: tuple[Node, ...]) -> Graph:
    """Replace `readers`, equal Transposes of `node`'s result, by one before `node`."""
    operand, result = node.inputs[0], readers[0].output
    early = free_name(graph, f"{node.output}_transpose")
    op = node.op
    if isinstance(op, Pad):
        before = tuple(op.before[axis] for axis in transpose.perm)
        op = replace(op, before=before, after=tuple(op.after[axis] for axis in transpose.perm))
    entry = graph.types[operand]
    moved = replace(result_type(transpose, (entry,)), dtype=entry.dtype, quant=entry.quant)
    pair = (
        Node(transpose, (operand,), early, readers[0].loc),
        Node(op, (early,), result, node.loc),
    )
    nodes: list[Node] = []
    for other in graph.nodes:
        if other is node:
            nodes += pair
        elif other not in readers:
            nodes.append(other)
    same = {reader.output: result for reader in readers[1:]}
    outputs = tuple(same.get(name, name) for name in graph.outputs)
    origins = dict(graph.origins)
    if operand in origins:
        origins[early] = transposed(origins[operand], transpose.perm)
    types = {**graph.types, early: moved}
    return graph.with_nodes(
        replace_uses(tuple(nodes), same), outputs=outputs, types=types, origins=origins
    )


def transposed(origin: Origin, perm: tuple[int, ...]) -> Origin:
    """Return the origin of value.transpose(perm).

    >>> transposed(Origin("x", (1, 2, 0)), (2, 0, 1))
    Origin(tensor='x', perm=(), batched=True, scales=())
    """
    base = origin.perm or tuple(range(len(perm)))
    found = tuple(base[axis] for axis in perm)
    is_plain = found == tuple(range(len(perm)))
    return Origin(origin.tensor, () if is_plain else found, origin.batched)
