"""Forward: run a network node by node on all samples, with no more values than are still read."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from codegen.ir.evaluate import evaluate_node, forget
from codegen.ir.graph import Graph, Node
from codegen.ir.types import Array

CHUNK = 8
"""Samples evaluated together; bounds the memory of accumulators."""


def evaluate(graph: Graph, node: Node, values: Mapping[str, Array]) -> Array:
    """Run one node on all samples, a chunk at a time."""
    operands = {name: values[name] for name in graph.activations(node)}
    count = len(next(iter(operands.values())))
    parts = [
        evaluate_node(graph, node, {name: x[i : i + CHUNK] for name, x in operands.items()})
        for i in range(0, count, CHUNK)
    ]
    return np.concatenate(parts)


def advance(graph: Graph, node: Node, values: dict[str, Array], last: Mapping[str, Node]) -> None:
    """Add a float node's result to the values, and drop those that are not read again."""
    values[node.output] = evaluate(graph, node, values).astype(np.float32)
    forget(node, values, last)
