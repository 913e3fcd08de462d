"""The reference: run a Graph in NumPy, in floats or, once quantized, in integers bit for bit."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from codegen.ir.graph import Graph, Node
from codegen.ir.types import Array, DType


def evaluate(graph: Graph, inputs: Sequence[Array], keep: Collection[str] = ()) -> dict[str, Array]:
    """Return the graph's outputs, and the values named in `keep`, for a batch of inputs.

    `inputs` are (N, *shape) in the order of `graph.inputs`, in their types' element type. A value
    is dropped after its last reader, so memory is that of the live values.
    """
    values: dict[str, Array] = dict(zip(graph.inputs, inputs, strict=True))
    wanted = {*graph.outputs, *keep}
    last = graph.last_readers()
    kept: dict[str, Array] = {name: values[name] for name in wanted & values.keys()}
    for node in graph.nodes:
        made = evaluate_node(graph, node, values)
        if not graph.activations(node):
            made = np.repeat(made, len(inputs[0]), axis=0)
        values[node.output] = made
        if node.output in wanted:
            kept[node.output] = values[node.output]
        forget(node, values, last)
    return kept


def forget(node: Node, values: dict[str, Array], last: Mapping[str, Node]) -> None:
    """Drop the values that no node after this one reads; `last` is that of the graph's readers."""
    for name in set(node.inputs):
        if last[name] is node:
            values.pop(name, None)


def evaluate_node(graph: Graph, node: Node, values: Mapping[str, Array]) -> Array:
    """Run one node on the given values: by `evaluate_fixed` where its result is an integer."""
    is_real = graph.types[node.output].dtype is DType.FLOAT32
    operands = [operand(graph, name, values, is_real) for name in node.inputs]
    if is_real:
        return node.op.evaluate(*operands)
    return node.op.evaluate_fixed(graph.signature(node), *operands)


def operand(graph: Graph, name: str, values: Mapping[str, Array], is_real: bool) -> Array:
    """Return a node's operand: a computed value, or a constant, dequantized if `is_real`."""
    if name not in graph.constants:
        return values[name]
    quant = graph.types[name].quant
    data = graph.constants[name]
    is_integer = graph.types[name].dtype is not DType.FLOAT32
    return quant.dequantize(data) if is_real and is_integer and quant is not None else data
