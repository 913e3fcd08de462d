"""Merge functions of one value into one, which is one table whatever its length."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from codegen.ir.graph import Graph, Node
from codegen.ir.rewrite import real_constant
from codegen.ir.types import DType
from codegen.ops import Clip, Conv2d, Function
from codegen.ops.functions import VARIABLE, Expression, substitute

LONGEST = 500
"""Characters of an expression as text."""


def fuse_functions(graph: Graph) -> Graph:
    """Merge chains of functions, clips and affine maps that are the same for all channels.

    A value between must have one reader and no prescribed format.

    >>> from codegen.ir.text import parse_graph
    >>> print(fuse_functions(parse_graph('''
    ...     graph net(x: float32[4]) -> z
    ...       y = clip(x) low=0.0
    ...       z = function(y) expression=("tanh", "x")
    ... ''')))
    graph net(x: float32[4]) -> z
      z = function(x) expression=("tanh", ("max", "x", 0.0)) : float32[4]
    """
    while (fused := _fuse_one(graph)) is not None:
        graph = fused
    return graph


def _fuse_one(graph: Graph) -> Graph | None:
    producers, readers = graph.producers(), graph.consumers()
    for node in graph.nodes:
        outer = unary_form(graph, node)
        if outer is None:
            continue
        before = producers.get(node.inputs[0])
        if before is None or not is_private(graph, readers, before.output):
            continue
        inner = unary_form(graph, before)
        if inner is None or not any(isinstance(n.op, Function) for n in (node, before)):
            continue
        expression = substitute(outer, inner)
        if len(repr(expression)) > LONGEST:
            continue
        merged = Node(Function(expression), before.inputs[:1], node.output, node.loc)
        return graph.with_nodes(_replaced(graph, node, merged, {before.output}))
    return None


def _replaced(graph: Graph, node: Node, merged: Node, dropped: set[str]) -> Iterator[Node]:
    for other in graph.nodes:
        if other.output not in dropped:
            yield merged if other is node else other


def is_private(graph: Graph, readers: Mapping[str, tuple[Node, ...]], value: str) -> bool:
    """One node reads the value, and nobody prescribed its format."""
    kind = graph.types.get(value)
    is_free = kind is None or (kind.quant is None and kind.dtype is DType.FLOAT32)
    return is_free and value not in graph.outputs and len(readers.get(value, ())) == 1


def unary_form(graph: Graph, node: Node) -> Expression | None:
    """Return a node as an expression of its first operand; None where it is none."""
    op = node.op
    if isinstance(op, Function):
        return op.expression
    if isinstance(op, Clip):
        return limited(VARIABLE, op.low, op.high)
    if isinstance(op, Conv2d):
        return uniform_affine(graph, node, op)
    return None


def uniform_affine(graph: Graph, node: Node, op: Conv2d) -> Expression | None:
    """Return a depthwise 1x1 Conv2d that treats all channels alike as an expression."""
    if not all(name in graph.constants for name in node.inputs[1:]):
        return None
    weights = graph.types[node.inputs[1]].shape
    if op != Conv2d(group=weights[0], clamp=op.clamp) or weights[1:] != (1, 1, 1):
        return None
    scale, shift = (np.unique(real_constant(graph, name)) for name in node.inputs[1:])
    if scale.size > 1 or shift.size > 1:
        return None
    y: Expression = VARIABLE
    if scale[0] != 1:
        y = ("mul", y, float(scale[0]))
    if shift[0] != 0:
        y = ("add", y, float(shift[0]))
    return y if op.clamp is None else limited(y, *op.clamp)


def limited(y: Expression, low: float, high: float) -> Expression:
    """Return the expression within bounds."""
    if low > -math.inf:
        y = ("max", y, low)
    return ("min", y, high) if high < math.inf else y
