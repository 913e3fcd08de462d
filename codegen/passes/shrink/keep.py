"""Which channels stay: those that an output needs and nothing else can stand for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from codegen.ir.coding import has_codes
from codegen.ir.graph import Graph, Node
from codegen.ir.types import Array
from codegen.ops import Conv2d, Dense
from codegen.passes.shrink.facts import (
    Facts,
    border_value,
    by_tap,
    is_channelwise,
    joins_channels,
    merge_equal,
    repeats,
)

WEIGHT_MAX = 127


@dataclass(frozen=True, slots=True, eq=False)
class Folding:
    """What a layer no longer reads: `weights` (filters, taps, channels) and `bias` instead."""

    weights: Array
    bias: Array

    @property
    def needs(self) -> Array:
        """The channels that it still reads."""
        found: Array = np.any(self.weights, axis=(0, 1))
        return found


def find_kept(
    graph: Graph, facts: Mapping[str, Facts], whole: Collection[str]
) -> Mapping[str, Array]:
    """Return for each computed value which channels stay; all of `whole` and of the ports do.

    A channel stays where a reader needs it. Operators that compute channel by channel have the
    same ones on both sides.
    """
    names = (*graph.inputs, *(node.output for node in graph.nodes))
    full = {*graph.inputs, *graph.outputs, *whole}
    kept = {name: np.full(graph.types[name].channels, name in full) for name in names}
    while True:
        before = _count(kept)
        for node in (*reversed(graph.nodes), *graph.nodes):
            _demand(graph, node, facts, kept)
        if _count(kept) == before:
            for channels in kept.values():
                channels[0] |= not channels.any()
        if _count(kept) == before:
            return kept


def _count(kept: Mapping[str, Array]) -> int:
    return sum(int(channels.sum()) for channels in kept.values())


def fold(graph: Graph, node: Node, x: Facts, filters: Array) -> Folding:
    """Return a layer of one group with what its `filters` can do without taken out of it.

    A constant goes into the bias where no border is read or the border is that constant; an equal
    channel's weights go to the first of its kind where all sums are weights, in its coding too.
    """
    signature = graph.signature(node)
    data, bias = signature.constants[1], signature.constants[2]
    assert data is not None and bias is not None
    border = border_value(node.op, signature)
    quant = signature.inputs[0].quant
    assert quant is not None
    weights, bias = by_tap(data)[filters], bias[filters].astype(np.int64)
    constant = x.constant if border is None else x.constant & (x.low == border)
    moved = np.where(constant, weights, 0).sum(axis=1) @ np.where(
        constant, x.low - quant.zero_point, 0
    )
    if np.abs(bias + moved).max(initial=0) < 2**31:
        weights, bias = np.where(constant, 0, weights), bias + moved
    merged = merge_equal(weights, x.same)
    held = np.abs(merged) <= WEIGHT_MAX
    if coding := signature.inputs[1].coding:
        held &= has_codes(merged, data, coding)
    fits = np.all(held, axis=(0, 1))[x.same]
    return Folding(np.where(fits, merged, weights), bias)


def is_foldable(node: Node) -> bool:
    """The node is a linear layer of one group."""
    return isinstance(node.op, Dense) or (isinstance(node.op, Conv2d) and node.op.group == 1)


def is_narrowable(graph: Graph, node: Node) -> bool:
    """The node computes each channel of its result from the same one of its operand."""
    op = node.op
    if isinstance(op, Conv2d):
        signature = graph.signature(node)
        return op.is_depthwise(signature) and not op.interleave
    return is_channelwise(op)


def _demand(graph: Graph, node: Node, facts: Mapping[str, Facts], kept: dict[str, Array]) -> None:
    """Keep what `node` asks of its operands, and what they give it."""
    result, operands = kept[node.output], graph.activations(node)
    signature = graph.signature(node)
    if is_foldable(node):
        if result.any():
            kept[operands[0]] |= fold(graph, node, facts[operands[0]], result).needs
    elif is_narrowable(graph, node):
        for name in operands:
            result |= kept[name]
        for name in operands:
            kept[name] |= result
    elif joins_channels(node.op, signature):
        start = 0
        for name in operands:
            part = result[start : start + len(kept[name])]
            part |= kept[name]
            kept[name] |= part
            start += len(part)
    elif times := repeats(node.op, signature):
        kept[operands[0]] |= result.reshape(times, -1).any(axis=0)
        result |= np.tile(kept[operands[0]], times)
    else:
        result[:] = True
        for name in operands:
            kept[name][:] = True
