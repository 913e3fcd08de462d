"""Equalize channels: scale them so that one format suits all, and undo it in the next weights.

Values have one scale for all channels, which leaves few steps to channels of small numbers. What a
convolution or dense layer makes can be scaled by channel in its weights, passes through Relu,
pools, sums, slices, concatenations and nearest or linear resizing, and is scaled back in the
weights that read it: the float network stays what it is. Weights have a scale for each filter, so
those that make a channel lose nothing; those that read it lose precision where its numbers grow.
How far to go is chosen by the noise that both make. Source: Nagel et al. 2019, "Data-Free
Quantization Through Weight Equalization and Bias Correction", arXiv 1906.04721, section 4.1; with
measured ranges of activations instead of those of weights, as in Xiao et al. 2022, "SmoothQuant",
arXiv 2211.10438.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from codegen.ir.graph import Graph, Node
from codegen.ir.types import Array
from codegen.ops import (
    Add,
    AveragePool,
    Clip,
    Concat,
    Conv2d,
    Dense,
    MaxPool,
    Pad,
    Reshape,
    Resize,
    Slice,
)
from codegen.options import Scheme
from codegen.quantize.formats import make_format, power_of_two
from codegen.quantize.linear_layers import filter_order, own_layers
from codegen.quantize.ranges import Channels, Range, Ranges

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""How far channels may be brought to the range of the widest: not at all, to all of it."""
GREATEST = 2.0**16
"""The most that a channel is scaled up by; one that would need more is as good as zero."""
LEAST_ENERGY = 0.01
"""Filters with less than this share of the mean energy count as if they had it."""
WEIGHT_STEPS = 127
FIXED = 0
"""The class of channels that keep their scale."""


@dataclass(slots=True)
class Classes:
    """Channels that have to have the same scale: a number for each channel of each value."""

    parents: list[int] = field(default_factory=lambda: [FIXED])
    of: dict[str, Array] = field(default_factory=dict)

    def fresh(self, count: int) -> Array:
        """Return numbers of channels that are tied to no others yet."""
        first = len(self.parents)
        self.parents.extend(range(first, first + count))
        return np.arange(first, first + count)

    def root(self, number: int) -> int:
        while self.parents[number] != number:
            self.parents[number] = self.parents[self.parents[number]]
            number = self.parents[number]
        return number

    def roots(self, name: str) -> Array:
        """Return the class of each channel of a value."""
        return np.array([self.root(number) for number in self.of[name].tolist()])

    def tie(self, first: Array, second: Array) -> None:
        """Give channels the same scale one by one; that of a fixed one is fixed."""
        for a, b in zip(first.tolist(), second.tolist(), strict=True):
            low, high = sorted((self.root(a), self.root(b)))
            self.parents[high] = low

    def fix(self, name: str) -> None:
        """Let a value's channels keep their scale."""
        self.tie(self.of[name], np.full_like(self.of[name], FIXED))


def equalize(graph: Graph, ranges: Ranges, scheme: Scheme = "affine") -> tuple[Graph, Ranges]:
    """Return the float graph with equalized channels, and the ranges of its values.

    What the graph computes stays the same, but for the rounding of floats and clamps that no
    sample reached, which are left out where their channel is scaled. Where formats are of the
    scheme pow2, channels are scaled by powers of two.
    """
    classes, channels = find_classes(graph, ranges)
    chosen = choose_scales(graph, classes, channels, scheme)
    scales: dict[str, Array] = {}
    for name in classes.of:
        scale = np.array([chosen.get(root, 1.0) for root in classes.roots(name).tolist()])
        if (scale != 1).any():
            scales[name] = scale
    if not scales:
        return graph, ranges
    return rescale_graph(graph, scales), rescale_ranges(ranges, scales)


def find_classes(graph: Graph, ranges: Ranges) -> tuple[Classes, Mapping[str, Channels]]:
    """Return which channels are tied together or fixed, and what was measured of them all.

    Values that only move hold what their operands were measured to hold.
    """
    classes, channels = Classes(), dict(ranges.channels)
    own = frozenset(own_layers(graph))
    for name in graph.inputs:
        classes.of[name] = np.full(last_size(graph, name), FIXED)
    for node in graph.nodes:
        name, count = node.output, last_size(graph, node.output)
        operands = graph.activations(node)
        is_free = is_unclamped(node, ranges.seen(name))
        if name in own and is_free:
            classes.of[name] = classes.fresh(count)
        elif is_free and passes_channels(graph, node):
            known = [classes.of[operand] for operand in operands]
            if isinstance(node.op, Add):
                classes.tie(known[0], known[1])
            whole = np.concatenate(known)
            places = channels_read(node, count, len(whole))
            classes.of[name] = whole[places]
            if name not in channels and all(operand in channels for operand in operands):
                joined = Channels.concatenate([channels[operand] for operand in operands])
                channels[name] = joined.select(places)
        else:
            for operand in () if name in own else operands:
                classes.fix(operand)
            classes.of[name] = np.full(count, FIXED)
    formatted = [name for name in classes.of if graph.types[name].quant is not None]
    for name in (*graph.outputs, *formatted):
        classes.fix(name)
    return classes, channels


def passes_channels(graph: Graph, node: Node) -> bool:
    """The channels of the result are those of the operands, one after the other, scaled alike."""
    shapes = [graph.types[name].shape for name in node.inputs]
    result = graph.types[node.output].shape
    if graph.activations(node) != node.inputs:
        return False
    if isinstance(node.op, Add):
        return len(shapes) == 2 and shapes[0] == shapes[1]
    if isinstance(node.op, Concat):
        return node.op.axis == len(result) - 1
    if isinstance(node.op, Reshape):
        return len(shapes[0]) > 0 and (len(result) == 1 or result[-1:] == shapes[0][-1:])
    if isinstance(node.op, Pad):
        return node.op.value == 0 and result[-1] == shapes[0][-1]
    return isinstance(node.op, MaxPool | AveragePool | Clip | Resize | Slice)


def channels_read(node: Node, count: int, known: int) -> Array:
    """Return which of the operands' `known` channels each of a result's `count` holds."""
    if isinstance(node.op, Slice):
        return node.op.starts[-1] + node.op.steps[-1] * np.arange(count)
    return np.arange(count) % known


def is_unclamped(node: Node, seen: Range | None) -> bool:
    """Scaling changes nothing of what the node's clamp does, as far as samples tell."""
    low, high = clamp_of(node)
    is_reached = seen is None or seen[1] >= high
    return low in (0.0, -math.inf) and (high == math.inf or not is_reached)


def clamp_of(node: Node) -> tuple[float, float]:
    """Return the reals between which a node's result stays."""
    if isinstance(node.op, Clip):
        return node.op.low, node.op.high
    return getattr(node.op, "clamp", None) or (-math.inf, math.inf)


def last_size(graph: Graph, name: str) -> int:
    """Return the number of a value's channels: its last dimension."""
    return (graph.types[name].shape or (1,))[-1]


def choose_scales(
    graph: Graph, classes: Classes, channels: Mapping[str, Channels], scheme: Scheme = "affine"
) -> dict[int, float]:
    """Return what each class of channels is divided by, where that makes less noise."""
    found: dict[int, float] = {}
    own = frozenset(own_layers(graph))
    for names in connected(classes):
        known = [name for name in names if name in channels]
        greatest = class_ranges(classes, channels, known)
        readers = [
            Reader(graph, node, classes, channels, scheme)
            for node in graph.nodes
            if node.output in own and node.inputs[0] in known and node.output in channels
        ]
        if not readers or max(greatest.values()) == 0:
            continue
        trials = [scales_for(greatest, share, scheme) for share in SHARES]
        noises = [sum(reader.noise(scales) for reader in readers) for scales in trials]
        found |= trials[int(np.argmin(noises))]
    return found


def connected(classes: Classes) -> Iterator[list[str]]:
    """Yield sets of values that share no class with others, without those all fixed."""
    groups: list[tuple[set[int], list[str]]] = []
    for name in classes.of:
        roots = set(classes.roots(name).tolist()) - {FIXED}
        names = [name]
        for group in [group for group in groups if group[0] & roots]:
            groups.remove(group)
            roots |= group[0]
            names = group[1] + names
        if roots:
            groups.append((roots, names))
    for _, names in groups:
        yield names


def class_ranges(
    classes: Classes, channels: Mapping[str, Channels], names: list[str]
) -> dict[int, float]:
    """Return the greatest magnitude in each class; FIXED is one of them."""
    found: dict[int, float] = {FIXED: 0.0}
    for name in names:
        for root, value in zip(
            classes.roots(name).tolist(), channels[name].greatest.tolist(), strict=True
        ):
            found[root] = max(found.get(root, 0.0), value)
    return found


def scales_for(
    greatest: Mapping[int, float], share: float, scheme: Scheme = "affine"
) -> dict[int, float]:
    """Return the scale of each class that takes it that far to the widest; of none above 1.

    Of pow2, scales are the least powers of two that take none farther.
    """
    top = max(greatest.values())
    scales = {
        root: (value / top) ** share if value * GREATEST >= top and root != FIXED else 1.0
        for root, value in greatest.items()
    }
    if scheme == "pow2":
        return {root: float(power_of_two(scale)) for root, scale in scales.items()}
    return scales


class Reader:
    """A layer that reads equalized channels: what noise its result has for given scales."""

    def __init__(
        self,
        graph: Graph,
        node: Node,
        classes: Classes,
        channels: Mapping[str, Channels],
        scheme: Scheme = "affine",
    ) -> None:
        name = node.inputs[0]
        self.scheme = scheme
        self.weights = np.square(by_channel(node, graph.constants[node.inputs[1]]))
        self.operand = channels[name]
        self.roots = classes.roots(name).tolist()
        energy = filter_order(node, channels[node.output].squares).reshape(len(self.weights), -1)
        self.energy = energy + max(LEAST_ENERGY * float(energy.mean()), 1e-30)

    def noise(self, scales: Mapping[int, float]) -> float:
        """Return the energy of each filter's error over that of its results, added up."""
        by = np.array([scales[root] for root in self.roots])
        operand = self.operand.divided(by)
        weights = self.weights * np.square(by).reshape(len(self.weights), -1, 1, 1)
        step = make_format(operand.bounds, scheme=self.scheme).scale
        from_values = step**2 * weights.sum(axis=(1, 3))
        squares = operand.squares.reshape(len(weights), -1).sum(axis=1, keepdims=True)
        steps = weights.max(axis=(1, 3)) / WEIGHT_STEPS**2
        if self.scheme == "pow2":
            steps = np.square(power_of_two(np.sqrt(steps)))
        from_weights = steps * weights.shape[3] * squares
        return float(((from_values + from_weights) / self.energy).sum())


def by_channel(node: Node, weights: Array) -> Array:
    """View weights as (groups, channels of a group, filters of it, taps)."""
    group = node.op.group if isinstance(node.op, Conv2d) else 1
    apart = weights.astype(np.float64).reshape(group, len(weights) // group, -1, weights.shape[-1])
    return apart.transpose(0, 3, 1, 2)


def rescale_graph(graph: Graph, scales: Mapping[str, Array]) -> Graph:
    """Return the graph whose values are divided by `scales`, channel by channel."""
    constants, nodes = dict(graph.constants), []
    own = frozenset(own_layers(graph))
    for node in graph.nodes:
        if node.output in own:
            weights, bias = (constants[name] for name in node.inputs[1:])
            constants[node.inputs[1]], constants[node.inputs[2]] = rescale_layer(
                node, weights, bias, scales.get(node.inputs[0]), scales.get(node.output)
            )
        nodes.append(without_ceiling(node) if node.output in scales else node)
    origins = {
        name: origin.divided(scales[name]) if name in scales else origin
        for name, origin in graph.origins.items()
    }
    return replace(graph, nodes=tuple(nodes), constants=constants, origins=origins)


def rescale_layer(
    node: Node, weights: Array, bias: Array, before: Array | None, after: Array | None
) -> tuple[Array, Array]:
    """Return weights and bias for an operand divided by `before`, a result by `after`."""
    if before is not None:
        apart = by_channel(node, weights) * before.reshape(
            by_channel(node, weights).shape[0], -1, 1, 1
        )
        weights = apart.transpose(0, 2, 3, 1).reshape(weights.shape)
    if after is not None:
        filters = filter_order(node, after)
        weights = weights / filters.reshape(-1, *[1] * (weights.ndim - 1))
        bias = bias / filters
    return weights.astype(np.float32), bias.astype(np.float32)


def without_ceiling(node: Node) -> Node:
    """Return the node without an upper bound of its result, which no sample reached."""
    low, high = clamp_of(node)
    if high == math.inf:
        return node
    if isinstance(node.op, Clip):
        return replace(node, op=replace(node.op, high=math.inf))
    assert isinstance(node.op, Conv2d | Dense | Add)
    return replace(node, op=replace(node.op, clamp=(low, math.inf)))


def rescale_ranges(ranges: Ranges, scales: Mapping[str, Array]) -> Ranges:
    """Return the ranges of values divided by `scales`."""
    channels = {
        name: found.divided(scales[name]) if name in scales else found
        for name, found in ranges.channels.items()
    }
    bounds = {
        name: channels[name].bounds if name in scales else found
        for name, found in ranges.bounds.items()
    }
    evidence = ranges.evidence
    if evidence is not None:
        means = {
            name: mean / scales[name] if name in scales else mean
            for name, mean in evidence.means.items()
        }
        evidence = replace(evidence, means=means)
    extremes = {name: found for name, found in ranges.extremes.items() if name not in scales}
    return replace(ranges, bounds=bounds, channels=channels, evidence=evidence, extremes=extremes)
