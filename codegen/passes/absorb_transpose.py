"""Make Transpose part of what surrounds it: an input, an output, or a dense layer's weights."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from codegen.ir.graph import Graph, Node
from codegen.ir.rewrite import free_name, rename_values, replace_uses, with_constant
from codegen.ops import Dense, Reshape, Transpose
from codegen.passes.eliminate_dead import eliminate_dead
from codegen.passes.raise_transpose import transposed


def absorb_transpose(graph: Graph) -> Graph:
    """Let ports take the layout of the Transpose at them, and weights that before a Dense.

    The origin of a port tells its permutation.

    >>> from codegen.ir.text import parse_graph
    >>> graph = parse_graph('''
    ...     graph net(x: float32[3,4,4]) -> z
    ...       y = transpose(x) perm=(1, 2, 0)
    ...       z = max_pool(y) kernel_shape=(2, 2)
    ... ''')
    >>> print(absorb_transpose(graph))
    graph net(x: float32[4,4,3]) -> z
      z = max_pool(x) kernel_shape=(2, 2) : float32[3,3,3]
    """
    for name in graph.inputs:
        graph = _absorb_into_input(graph, name)
    for name in graph.outputs:
        graph = _absorb_into_output(graph, name)
    for node in graph.nodes:
        graph = _absorb_into_dense(graph, node)
    return eliminate_dead(graph)


def _absorb_into_input(graph: Graph, name: str) -> Graph:
    readers = graph.consumers().get(name, ())
    ops = {reader.op for reader in readers}
    transpose = next(iter(ops), None)
    results = {reader.output for reader in readers}
    shown = name in graph.outputs or any(result in graph.outputs for result in results)
    if len(ops) != 1 or not isinstance(transpose, Transpose) or shown:
        return graph
    if any(not _keeps_format(graph, reader) for reader in readers):
        return graph
    entry = graph.types[name]
    shape = tuple(entry.shape[axis] for axis in transpose.perm)
    origins = dict(graph.origins)
    if name in origins:
        origins[name] = transposed(origins[name], transpose.perm)
    rest = tuple(node for node in graph.nodes if node not in readers)
    types = {**graph.types, name: replace(entry, shape=shape)}
    nodes = replace_uses(rest, dict.fromkeys(results, name))
    return graph.with_nodes(nodes, types=types, origins=origins)


def _absorb_into_output(graph: Graph, name: str) -> Graph:
    node = graph.producers().get(name)
    if node is None or not isinstance(node.op, Transpose) or name in graph.consumers():
        return graph
    operand = node.inputs[0]
    if operand in (*graph.inputs, *graph.outputs) or not _keeps_format(graph, node):
        return graph
    inverse = tuple(int(axis) for axis in np.argsort(node.op.perm))
    origins = {key: origin for key, origin in graph.origins.items() if key != operand}
    if name in origins:
        origins[name] = transposed(origins[name], inverse)
    types = {key: entry for key, entry in graph.types.items() if key != name}
    rest = tuple(other for other in graph.nodes if other is not node)
    return rename_values(replace(graph, nodes=rest, types=types, origins=origins), {operand: name})


def _absorb_into_dense(graph: Graph, dense: Node) -> Graph:
    """Reorder the columns of a Dense behind Transpose and Reshape."""
    producers = graph.producers()
    reshape = producers.get(dense.inputs[0])
    if not isinstance(dense.op, Dense) or reshape is None or not isinstance(reshape.op, Reshape):
        return graph
    node = producers.get(reshape.inputs[0])
    if node is None or not isinstance(node.op, Transpose):
        return graph
    if not _keeps_format(graph, node):
        return graph
    operand, columns = node.inputs[0], graph.types[node.output].shape
    inverse = np.argsort(node.op.perm)
    weights = graph.constants[dense.inputs[1]]
    ordered = weights.reshape(-1, *columns).transpose(0, *(inverse + 1)).reshape(weights.shape)
    quant = graph.types[dense.inputs[1]].quant
    data = np.ascontiguousarray(ordered)
    graph, matrix = with_constant(graph, dense, dense.inputs[1], data, quant)
    flat = free_name(graph, f"{operand}_flat")
    shape = (math.prod(columns),)
    origins, types = dict(graph.origins), dict(graph.types)
    types[flat] = types[reshape.output]
    if operand in origins:
        origins[flat] = origins[operand]
    nodes: list[Node] = []
    for other in graph.nodes:
        if other is dense:
            nodes.append(Node(Reshape(shape), (operand,), flat, reshape.loc))
            other = replace(dense, inputs=(flat, matrix, *dense.inputs[2:]))
        nodes.append(other)
    return eliminate_dead(graph.with_nodes(nodes, types=types, origins=origins))


def _keeps_format(graph: Graph, node: Node) -> bool:
    return graph.types[node.inputs[0]].quant == graph.types[node.output].quant
