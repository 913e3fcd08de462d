"""Masks before a Softmax: elements so low that they have no part in it, and need no format.

A mask adds or selects -inf, the least float32, or -10000. A format that covers these has no steps
for the others. Their values get one that begins a little below all that counts: there masked
elements saturate, and their exponentials are nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from codegen.ir.graph import Graph, Node
from codegen.ir.rewrite import free_name
from codegen.ir.types import Array, DType, TensorType
from codegen.ops import Add, Elementwise, Function, Pad, Softmax, Take
from codegen.ops.functions import VARIABLE
from codegen.ops.softmax import MASKED
from codegen.quantize.ranges import Range, Ranges

PASSING = ("add", "max", "min", "sub", "where")
"""Elementwise functions whose results are masked where an operand is."""
ASKED: Mapping[str, str] = {
    "equal": "less_equal",
    "greater": "greater",
    "less_equal": "less_equal",
}
"""How a comparison with minus infinity is one with a number above what is masked."""
LEAST_SHARE = 512
"""All masked elements together have less than one part of so many of a Softmax."""


def logits(graph: Graph) -> frozenset[str]:
    """Return the values and constants that become operands of a Softmax by sums and choices."""
    found: set[str] = set()
    for node in reversed(graph.nodes):
        if isinstance(node.op, Softmax):
            found.update(node.inputs)
        elif node.output in found and (node.op.keeps_quant or _passes(node)):
            is_real = (graph.types[name].dtype is DType.FLOAT32 for name in node.inputs)
            found.update(n for n, real in zip(node.inputs, is_real, strict=True) if real)
    return frozenset(found)


def _passes(node: Node) -> bool:
    op = node.op
    return isinstance(op, Add) or (
        isinstance(op, Elementwise) and op.kind in PASSING and not op.exact
    )


def unmasked(array: Array) -> Array:
    """Return the elements that are not masked."""
    found: Array = array[array > MASKED]
    return found


def bound_masks(graph: Graph, ranges: Ranges | None) -> tuple[Graph, Ranges | None]:
    """Replace masks by a number low enough, and widen the ranges of what they mask.

    What asks whether an element is masked then asks whether it is nearer to that number.
    """
    hidden = logits(graph)
    masks = [name for name in graph.constants if name in hidden and _is_mask(graph, name)]
    masked = frozenset() if ranges is None else ranges.masked
    if not masks and not masked:
        return graph, ranges
    bounds = {} if ranges is None else dict(ranges.bounds)
    margin = math.log(LEAST_SHARE * _most_terms(graph))
    depth = -margin - 2 * max((_reach(bounds[name]) for name in hidden & bounds.keys()), default=0)
    constants = dict(graph.constants)
    for name in masks:
        constants[name] = np.maximum(constants[name], np.float32(depth))
    heads = _heads(graph)
    halfway = {}
    for name in masked & bounds.keys():
        least, most = bounds[name]
        lowest = least - margin if name in heads else depth
        bounds[name], halfway[name] = (min(lowest, least), most), (lowest + least) / 2
    nodes = []
    for node in graph.nodes:
        known = halfway.get(node.inputs[0]) if node.inputs else None
        if known is not None and node.op.keeps_quant:
            halfway[node.output] = known
        if isinstance(node.op, Pad | Take) and node.output in hidden and node.op.value <= MASKED:
            node = replace(node, op=replace(node.op, value=depth))
        nodes.append(node if known is None else _asking(graph, node, known, constants))
    types = {name: TensorType(data.shape) for name, data in constants.items()} | dict(graph.types)
    graph = graph.with_nodes(nodes, constants=constants, types=types)
    return graph, None if ranges is None else replace(ranges, bounds=bounds)


def _asking(graph: Graph, node: Node, halfway: float, constants: dict[str, Array]) -> Node:
    """Return a node that compares masked elements with a number that tells them from others."""
    op = node.op
    if isinstance(op, Function) and isinstance(op.expression, tuple):
        kind, *operands = op.expression
        if kind == "is_inf" and operands[0] == VARIABLE:
            return replace(node, op=Function(("less_equal", VARIABLE, halfway)))
        if kind in ASKED and operands[0] == VARIABLE and _is_low(operands[1]):
            return replace(node, op=Function((ASKED[kind], VARIABLE, halfway)))
    if isinstance(op, Elementwise) and op.kind in ASKED:
        low = graph.constants.get(node.inputs[1])
        if low is not None and (low <= MASKED).all():
            name = free_name(graph, f"{node.inputs[1]}_for_{node.output}")
            constants[name] = np.full(low.shape, halfway, np.float32)
            return replace(node, op=replace(op, kind=ASKED[op.kind]), inputs=(node.inputs[0], name))
    return node


def _is_low(number: object) -> bool:
    return isinstance(number, int | float) and number <= MASKED


def _is_mask(graph: Graph, name: str) -> bool:
    data = graph.constants[name]
    return data.dtype.kind == "f" and bool(data.size) and bool((data <= MASKED).any())


def _most_terms(graph: Graph) -> int:
    """Return the greatest number of elements that a Softmax shares."""
    nodes = (node for node in graph.nodes if isinstance(node.op, Softmax))
    return max((graph.types[node.output].channels for node in nodes), default=1)


def _reach(found: Range) -> float:
    return max(abs(found[0]), abs(found[1]))


def _heads(graph: Graph) -> frozenset[str]:
    """Return the values that a Softmax reads as they are, or moved."""
    found: set[str] = set()
    for node in reversed(graph.nodes):
        if isinstance(node.op, Softmax) or (node.op.keeps_quant and node.output in found):
            found.update(node.inputs)
    return frozenset(found)
