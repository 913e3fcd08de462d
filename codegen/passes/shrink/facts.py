"""What is known of each channel for every input: its range, and which other channel it equals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from codegen.ir.graph import Graph, Node
from codegen.ir.op import Op, Signature
from codegen.ir.types import Array, TensorType
from codegen.ops import (
    Add,
    AveragePool,
    Clip,
    Concat,
    Conv2d,
    Dense,
    MaxPool,
    Pad,
    Requantize,
    Reshape,
    Resize,
)

CHANNELWISE = (Add, AveragePool, Clip, MaxPool, Pad, Requantize, Resize)
"""Operators of which a channel of the result is computed from that channel of the operands alone,
and never falls where those rise."""


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """Of the channels of a value: least and greatest integer, at any place, for any input.

    `same[k]` is the first channel that equals channel k everywhere.
    """

    low: Array
    high: Array
    same: Array

    @property
    def constant(self) -> Array:
        """The channels that are one number."""
        found: Array = np.equal(self.low, self.high)
        return found


def find_facts(graph: Graph) -> Mapping[str, Facts]:
    """Return the facts of every computed value of a fixed-point graph, by interval analysis."""
    found = {name: unknown(graph.types[name]) for name in graph.inputs}
    for node in graph.nodes:
        known = [found[name] for name in graph.activations(node)]
        found[node.output] = _of_node(node, graph.signature(node), known)
    return found


def unknown(kind: TensorType) -> Facts:
    """Return what is known of any value of a type."""
    n = kind.channels
    return Facts(np.full(n, kind.dtype.min), np.full(n, kind.dtype.max), np.arange(n))


def is_channelwise(op: Op) -> bool:
    """The operator is one of CHANNELWISE, and makes no channels."""
    return isinstance(op, CHANNELWISE) and not (
        isinstance(op, Pad) and op.before[-1] + op.after[-1] > 0
    )


def repeats(op: Op, signature: Signature) -> int:
    """Return how often a Reshape's result repeats the channels of its operand; 0: it mixes them."""
    before, after = signature.inputs[0], signature.output
    if not isinstance(op, Reshape):
        return 0
    if after.channels == before.channels:
        return 1
    return before.elements // before.channels if len(after.shape) == 1 else 0


def joins_channels(op: Op, signature: Signature) -> bool:
    """The operator puts the channels of its operands one after another."""
    return isinstance(op, Concat) and op.axis == len(signature.output.shape) - 1


def border_value(op: Op, signature: Signature) -> int | None:
    """Return what some windows of a linear operator read beyond the image; None if none does."""
    if not isinstance(op, Conv2d) or not any(op.pads):
        return None
    return op.params(signature).input_zero_point


def _of_node(node: Node, signature: Signature, known: Sequence[Facts]) -> Facts:
    op = node.op
    if isinstance(op, Conv2d | Dense):
        return _of_linear(op, signature, known[0])
    if is_channelwise(op):
        return _of_channelwise(op, signature, known)
    if joins_channels(op, signature):
        starts = np.cumsum([0, *(len(facts.low) for facts in known)])
        same = [facts.same + start for facts, start in zip(known, starts[:-1], strict=True)]
        low, high = ([getattr(f, side) for f in known] for side in ("low", "high"))
        return _facts(np.concatenate(low), np.concatenate(high), np.concatenate(same))
    if times := repeats(op, signature):
        x, steps = known[0], np.arange(times) * len(known[0].low)
        places = (steps[:, None] + x.same).ravel()
        return Facts(np.tile(x.low, times), np.tile(x.high, times), places)
    return unknown(signature.output)


def _of_linear(op: Conv2d | Dense, signature: Signature, x: Facts) -> Facts:
    """Sum the least and the greatest products; a border may take part in any of them."""
    p = op.params(signature)
    border = border_value(op, signature)
    low = x.low if border is None else np.minimum(x.low, border)
    high = x.high if border is None else np.maximum(x.high, border)
    groups = op.group if isinstance(op, Conv2d) else 1
    weights = by_tap(p.weights)
    rows = merge_equal(weights, x.same) if groups == 1 else weights
    low, high, same = (_of_filters(side, groups, len(weights)) for side in (low, high, x.same))
    ends = [
        p.bias + np.where(weights > 0, weights * a, weights * b).sum(axis=(1, 2))
        for a, b in ((low, high), (high, low))
    ]
    least, greatest = (
        p.rescale.apply(end, signature.output.dtype).astype(np.int64) for end in ends
    )
    multipliers = np.resize(np.array(p.rescale.multipliers), len(weights))
    whole = zip(rows, same, p.bias, multipliers, strict=True)
    keys: list[object] = [(row.tobytes(), read.tobytes(), b, m) for row, read, b, m in whole]
    for filter_, (lo, hi) in enumerate(zip(least, greatest, strict=True)):
        if lo == hi:
            keys[filter_] = lo
    found = _first_of_each(keys)
    return _ordered(op, least, greatest, found)


def by_tap(weights: Array) -> Array:
    """Return weights as (filters, taps, channels that a filter reads)."""
    return weights.reshape(len(weights), -1, weights.shape[-1]).astype(np.int64)


def _of_filters(channels: Array, groups: int, filters: int) -> Array:
    """Return (filters, 1, depth): what a filter of each group finds of its channels."""
    by_group = channels.reshape(groups, 1, -1)
    return np.repeat(by_group, filters // groups, axis=0)


def merge_equal(weights: Array, same: Array) -> Array:
    """Return (filters, taps, channels) with weights of equal channels summed at the first."""
    merged = weights.copy()
    for channel in np.flatnonzero(same != np.arange(len(same))):
        merged[:, :, same[channel]] += merged[:, :, channel]
        merged[:, :, channel] = 0
    return merged


def _ordered(op: Op, low: Array, high: Array, same: Array) -> Facts:
    """Bring facts in the order of the filters into that of the channels."""
    if not isinstance(op, Conv2d) or not op.interleave:
        return Facts(low, high, same)
    order = op.ordered(np.arange(len(low)))
    return _facts(low[order], high[order], same[order])


def _of_channelwise(op: Op, signature: Signature, known: Sequence[Facts]) -> Facts:
    """Compute the operator on the least and on the greatest values."""
    ends = []
    for side in ("low", "high"):
        images = [
            np.broadcast_to(getattr(facts, side), kind.shape)[None].astype(kind.dtype.numpy)
            for facts, kind in zip(known, signature.inputs, strict=True)
        ]
        ends.append(op.evaluate_fixed(signature, *images).astype(np.int64))
    low, high = (end.reshape(-1, signature.output.channels) for end in ends)
    rows = zip(*(facts.same.tolist() for facts in known), strict=True)
    return _facts(low.min(axis=0), high.max(axis=0), _first_of_each(list(rows)))


def _facts(low: Array, high: Array, same: Array) -> Facts:
    """Return facts of which equal constants are the same, and `same` names first channels."""
    keys = [
        (int(a), None) if a == b else (None, int(s))
        for a, b, s in zip(low, high, same, strict=True)
    ]
    return Facts(low, high, _first_of_each(keys))


def _first_of_each(keys: Sequence[object]) -> Array:
    """Return for each place the first one of an equal key."""
    first: dict[object, int] = {}
    return np.array([first.setdefault(key, place) for place, key in enumerate(keys)])
