"""Steps that stages share: rename values, read one value for another, find free names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

import numpy as np

from codegen.ir.graph import Graph, Node
from codegen.ir.op import Op
from codegen.ir.types import Array, DType, Quant, TensorType

T = TypeVar("T")


def rename_values(graph: Graph, names: Mapping[str, str]) -> Graph:
    """Return the graph with values called by new names; types and origins move along.

    A new name must be free, or that of a value that is renamed itself.
    """

    def renamed(found: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(names.get(name, name) for name in found)

    def moved(entries: Mapping[str, T]) -> dict[str, T]:
        fresh = {new: entries[old] for old, new in names.items() if old in entries}
        return {**{k: v for k, v in entries.items() if k not in names}, **fresh}

    nodes = tuple(
        replace(node, inputs=renamed(node.inputs), output=names.get(node.output, node.output))
        for node in graph.nodes
    )
    return replace(
        graph,
        inputs=renamed(graph.inputs),
        outputs=renamed(graph.outputs),
        nodes=nodes,
        types=moved(graph.types),
        constants=moved(graph.constants),
        origins=moved(graph.origins),
    )


def replace_uses(nodes: tuple[Node, ...], values: Mapping[str, str]) -> tuple[Node, ...]:
    """Return nodes that read values[name] wherever they read name."""
    return tuple(
        replace(node, inputs=tuple(values.get(name, name) for name in node.inputs))
        if any(name in values for name in node.inputs)
        else node
        for node in nodes
    )


def bypass(graph: Graph, node: Node, operand: str) -> Graph:
    """Drop `node`, whose result is `operand` itself.

    The operand takes the result's name and origin, which show more of the user's model; a port
    keeps its own. The graph stays as it is where both are ports.
    """
    result = node.output
    rest = tuple(other for other in graph.nodes if other is not node)
    if operand not in (*graph.inputs, *graph.outputs):
        hidden = operand if result in graph.origins else None
        origins = {name: origin for name, origin in graph.origins.items() if name != hidden}
        types = {name: found for name, found in graph.types.items() if name != result}
        cleared = replace(graph, nodes=rest, types=types, origins=origins)
        return rename_values(cleared, {operand: result})
    if result in graph.outputs:
        return graph
    return graph.with_nodes(replace_uses(rest, {result: operand}))


def single_reader(graph: Graph, value: str) -> Node | None:
    """Return the one node that reads `value`; None where there are others or it is an output."""
    readers = [node for node in graph.nodes if value in node.inputs]
    return readers[0] if len(readers) == 1 and value not in graph.outputs else None


def free_name(graph: Graph, base: str) -> str:
    """Return `base`, with a number behind where a value or constant has that name."""
    taken = {*graph.types, *graph.inputs, *(node.output for node in graph.nodes)}
    name, suffix = base, 0
    while name in taken:
        suffix += 1
        name = f"{base}_{suffix}"
    return name


def with_constant(
    graph: Graph, reader: Node, name: str, data: Array, quant: Quant | None = None
) -> tuple[Graph, str]:
    """Give `reader` its own version of the constant `name`; return it and its name.

    The name stays where nobody else reads the constant. `data` is integers where `quant` is given.
    """
    is_shared = any(name in node.inputs for node in graph.nodes if node is not reader)
    new = free_name(graph, name) if is_shared else name
    entry = TensorType(
        data.shape, DType.FLOAT32 if quant is None else DType(data.dtype.name), quant
    )
    types = {**graph.types, new: entry}
    return replace(graph, types=types, constants={**graph.constants, new: data}), new


def real_constant(graph: Graph, name: str) -> Array:
    """Return a constant as float64 reals."""
    quant = graph.types[name].quant
    data = graph.constants[name]
    is_integer = graph.types[name].dtype is not DType.FLOAT32
    return quant.dequantize(data) if quant is not None and is_integer else data.astype(np.float64)


def result_type(op: Op, operands: tuple[TensorType, ...]) -> TensorType:
    """Infer a node's type; what only moves integers yields integers of the same format."""
    found = op.infer(*operands)
    if op.keeps_quant and operands[0].dtype is not DType.FLOAT32:
        return replace(found, dtype=operands[0].dtype, quant=operands[0].quant)
    return found
