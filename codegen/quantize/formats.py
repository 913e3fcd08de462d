"""Formats: a scale and zero point for every value, and where values must change theirs.

A value that only moves (Reshape, Concat, MaxPool ...) keeps its format, so values joined by such
operators form a group with one format. Where the file prescribes different ones within a group,
or sharing would cost an operand much of its precision, a Requantize stands between.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from codegen.errors import BadQuantization, Problem
from codegen.ir.graph import Graph, Node
from codegen.ir.types import PLAIN_SCALE, Array, DType, Quant, TensorType
from codegen.ops import (
    AveragePool,
    Cast,
    Clip,
    Concat,
    Lookup,
    Pad,
    Recurrent,
    Requantize,
    Softmax,
    Take,
)
from codegen.quantize.ranges import Range, Ranges, intersect, span, union

PROBABILITIES = {
    DType.INT8: Quant((1 / 256,), -128),
    DType.INT16: Quant((1 / 2**15,), element=DType.INT16),
}
"""The format of a Softmax result: from 0 to a step below 1, the same for every network."""
LEAST_SPAN = 1e-30
"""A value that never exceeds this is zero; it gets the scale 1."""
LEAST_SHARE = 0.5
"""An operand read elsewhere too joins a Concat's format if its span is this part of it or more."""
HEADROOM = 2
"""How much more than its range int16 covers: few samples do not show the extremes of all."""
POOL_SHARE = 0.75
"""An average keeps its operand's format if its own span is this part of it or more."""


@dataclass(slots=True)
class Groups:
    """Disjoint groups of values; of each root, the format fixed by file or operator, and range.

    Formats that ranges give are of the type `element`; int16 where one of the group is `wide`.
    """

    element: DType
    wide: set[str] = field(default_factory=set)
    parents: dict[str, str] = field(default_factory=dict)
    fixed: dict[str, Quant] = field(default_factory=dict)
    ranges: dict[str, Range | None] = field(default_factory=dict)

    def add(self, name: str, fixed: Quant | None, found: Range | None) -> None:
        """Start a group of one value."""
        self.parents[name] = name
        self.ranges[name] = found
        if fixed is not None:
            self.fixed[name] = fixed

    def root(self, name: str) -> str:
        """Return the value that stands for the group."""
        while self.parents[name] != name:
            name = self.parents[name]
        return name

    def join(self, first: str, second: str) -> bool:
        """Make one group of two; False, and nothing done, where fixed formats differ."""
        a, b = self.root(first), self.root(second)
        fixed = {self.fixed[root] for root in (a, b) if root in self.fixed}
        if len(fixed) > 1:
            return False
        if a != b:
            self.parents[b] = a
            self.wide |= {a} if b in self.wide else set()
            self.ranges[a] = union(self.ranges[a], self.ranges[b])
            for quant in fixed:
                self.fixed[a] = quant
        return True

    def include(self, name: str, found: Range) -> None:
        """Widen the group's range."""
        root = self.root(name)
        self.ranges[root] = union(self.ranges[root], found)

    def span(self, name: str) -> float:
        """Return the length of the group's range, 0 where it is unknown."""
        found = self.ranges[self.root(name)]
        return 0.0 if found is None else span(found)

    def quant(self, name: str) -> Quant | None:
        """Return the group's format, None where neither it nor the range is known."""
        root = self.root(name)
        found = self.ranges[root]
        element = DType.INT16 if root in self.wide else self.element
        return self.fixed.get(root) or (None if found is None else make_format(found, element))


def make_format(found: Range, element: DType = DType.INT8) -> Quant:
    """Return the format that covers a range and zero; zero is exact, scales are float32.

    That of int16 is symmetric, and covers more.

    >>> make_format((0.0, 255.0)).scale, make_format((-1.0, 3.0)).zero_point
    (1.0, -64)
    >>> make_format((-1.0, 32767.0), DType.INT16).scale
    2.0
    """
    low, high = min(found[0], 0.0), max(found[1], 0.0)
    if high - low < LEAST_SPAN:
        return Quant((1.0,), 0, element=element)
    if element is DType.INT16:
        greatest = HEADROOM * max(-low, high) / element.max
        return Quant((float(np.float32(greatest)),), element=element)
    scale = float(np.float32((high - low) / 255))
    return Quant((scale,), int(np.clip(round(-128 - low / scale), -128, 127)))


def assign_formats(
    graph: Graph,
    ranges: Ranges | None,
    element: DType = DType.INT8,
    wide: Collection[str] = (),
) -> tuple[Graph, Mapping[str, Quant]]:
    """Return the graph with Requantize where it is needed, and a format for every computed value.

    Formats that the file does not prescribe are of the type `element`, those of `wide` int16.
    Raises BadQuantization for values with neither a prescribed format nor a range.
    """
    bounds: Mapping[str, Range] = {} if ranges is None else ranges.bounds
    groups = Groups(element, set(wide))
    for name in graph.inputs:
        groups.add(name, prescribed(graph.types[name]), bounds.get(name))
    nodes: list[Node] = []
    for node in graph.nodes:
        fixed = PROBABILITIES[element] if isinstance(node.op, Softmax) else None
        known = prescribed(graph.types[node.output])
        groups.add(node.output, known or fixed, own_range(graph, node, bounds, element))
        nodes += place_node(graph, node, groups)
    types = dict(graph.types)
    for node in nodes:
        if node.output not in types:
            types[node.output] = node.op.infer(*(types[name] for name in node.inputs))
    placed = graph.with_nodes(nodes, types=types)
    return placed, collect_formats(placed, groups)


def prescribed(value: TensorType) -> Quant | None:
    """Return the format that a value of the float graph has: integers stand for themselves."""
    return Quant((PLAIN_SCALE,)) if value.is_plain else value.quant


def own_range(
    graph: Graph, node: Node, bounds: Mapping[str, Range], element: DType
) -> Range | None:
    """Return the measured range of a node's result within what its clamp lets through.

    What is looked up in a constant has the range of all of it.
    """
    if isinstance(node.op, Lookup) and graph.types[node.output].dtype is DType.FLOAT32:
        return constant_range(graph, node)
    found = bounds.get(node.output)
    if found is None or node.op.keeps_quant:
        return None
    if isinstance(node.op, Clip):
        return intersect(found, (node.op.low, node.op.high))
    if isinstance(node.op, Cast):
        return whole_steps(found, element)
    return intersect(found, getattr(node.op, "clamp", None))


def whole_steps(found: Range, element: DType = DType.INT8) -> Range:
    """Widen a range of integers such that each is a whole number of steps, if all have some.

    >>> make_format(whole_steps((0.0, 100.0))).scale, whole_steps((-1.0, 300.0))
    (0.5, (-1.0, 300.0))
    """
    low, high = min(found[0], 0.0), max(found[1], 0.0)
    if element is DType.INT16:
        greatest = element.max / HEADROOM
        steps = int(greatest // max(high, -low, 1.0))
        return (low, greatest / steps) if steps else found
    steps = int(255 // max(high - low, 1.0))
    return (low, low + 255 / steps) if steps else found


def place_node(graph: Graph, node: Node, groups: Groups) -> tuple[Node, ...]:
    """Join the formats that the node ties together; return it with the Requantize it needs."""
    if isinstance(node.op, Concat):
        return place_concat(graph, node, groups)
    operand = kept_operand(graph, node)
    if operand is None:
        if isinstance(node.op, AveragePool) and node.output not in groups.fixed:
            keep_pool_format(node, groups)
        if isinstance(node.op, Recurrent):
            share_state_format(graph, node, groups)
        return (node,)
    if isinstance(node.op, Pad | Take) and math.isfinite(node.op.value):
        groups.include(operand, (node.op.value, node.op.value))
    if groups.join(operand, node.output):
        return (node,)
    moved = f"{node.output}_{node.op.name}"
    groups.add(moved, None, None)
    groups.join(operand, moved)
    return (
        replace(node, output=moved),
        Node(Requantize(), (moved,), node.output, node.loc),
    )


def kept_operand(graph: Graph, node: Node) -> str | None:
    """Return the computed operand whose elements the result holds as they are."""
    if node.op.keeps_quant:
        return graph.activations(node)[0]
    is_kept = isinstance(node.op, Lookup) and node.inputs[0] not in graph.constants
    return node.inputs[0] if is_kept else None


def keep_pool_format(node: Node, groups: Groups) -> None:
    """Let an average that nearly fills its operand's range keep its operand's format."""
    found = groups.span(node.output)
    if found and found >= POOL_SHARE * groups.span(node.inputs[0]):
        groups.join(node.inputs[0], node.output)


def share_state_format(graph: Graph, node: Node, groups: Groups) -> None:
    """Give a state before the first step the format of those after, so that it can be fed back."""
    assert isinstance(node.op, Recurrent)
    state = node.inputs[node.op.state_given]
    if state not in graph.constants:
        groups.join(state, node.output)


def place_concat(graph: Graph, node: Node, groups: Groups) -> tuple[Node, ...]:
    """Give all operands one format, each by joining its group or through a Requantize."""
    computed = dict.fromkeys(graph.activations(node))
    total = constant_range(graph, node)
    for name in computed:
        total = union(total, groups.ranges[groups.root(name)])
    if total is not None:
        groups.include(node.output, total)
    made: list[Node] = []
    names: dict[str, str] = {}
    for name in computed:
        is_wider = groups.root(name) in groups.wide
        apart = would_suffer(graph, node, groups, name) or is_narrower(groups, name, node.output)
        if apart or is_wider or not groups.join(node.output, name):
            names[name] = f"{name}_for_{node.output}"
            groups.add(names[name], None, None)
            groups.join(node.output, names[name])
            made.append(Node(Requantize(), (name,), names[name], node.loc))
    inputs = tuple(names.get(name, name) for name in node.inputs)
    return (*made, replace(node, inputs=inputs))


def is_narrower(groups: Groups, name: str, whole: str) -> bool:
    """An operand's format is fixed, that of the whole is not, and exceeds it by over a step."""
    fixed, found = groups.fixed.get(groups.root(name)), groups.ranges[groups.root(whole)]
    if fixed is None or found is None or groups.root(whole) in groups.fixed:
        return False
    low, high = fixed.dequantize(np.array([DType.INT8.min - 1, DType.INT8.max + 1]))
    return bool(found[0] < low or found[1] > high)


def constant_range(graph: Graph, node: Node) -> Range | None:
    """Return the range of a node's constant operands."""
    found: Range | None = None
    for name in node.inputs:
        if name in graph.constants:
            data = real_constant(graph, name)
            found = union(found, (float(data.min()), float(data.max())))
    return found


def would_suffer(graph: Graph, node: Node, groups: Groups, name: str) -> bool:
    """The operand's range is much the narrower, and something else computes with it."""
    if groups.span(name) >= LEAST_SHARE * groups.span(node.output):
        return False
    consumers = graph.consumers()
    root = groups.root(name)
    members = [member for member in groups.parents if groups.root(member) == root]
    return any(is_computed_with(consumers, member, node) for member in members)


def is_computed_with(
    consumers: Mapping[str, tuple[Node, ...]], name: str, apart_from: Node
) -> bool:
    """Some node other than `apart_from` computes with the value, moved or as it is."""
    return any(
        reader is not apart_from
        and (not reader.op.keeps_quant or is_computed_with(consumers, reader.output, apart_from))
        for reader in consumers.get(name, ())
    )


def collect_formats(graph: Graph, groups: Groups) -> Mapping[str, Quant]:
    """Return each value's format; BadQuantization names all that have none."""
    locations = {node.output: str(node.loc) for node in graph.nodes}
    formats: dict[str, Quant] = {}
    problems: list[Problem] = []
    for name in (*graph.inputs, *locations):
        found = groups.quant(name)
        if found is not None:
            formats[name] = found
            continue
        problems.append(
            Problem(
                f"value {name!r} has neither a prescribed format nor a measured range",
                locations.get(name, ""),
                "give samples with --calibrate",
            )
        )
    if problems:
        raise BadQuantization.collect(problems)
    return formats


def real_constant(graph: Graph, name: str) -> Array:
    """Return the reals that a constant stands for, float64."""
    data, quant = graph.constants[name], graph.types[name].quant
    if quant is None or graph.types[name].dtype is DType.FLOAT32:
        return data.astype(np.float64)
    return quant.dequantize(data)
