"""Facts about a network that need no data: what folds, what is open, how much there is of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import onnx

from codegen.frontend import loc_of
from codegen.frontend.shapes import graph_inputs, is_open, shape_hint
from codegen.ir.graph import Graph
from codegen.ir.types import Loc
from codegen.quantize.calibrate import unformatted

ARITHMETIC = ("Add", "Div", "Mul", "Sub")
"""With a constant they scale or shift; with two values they are layers."""
KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("batch-norms", ("BatchNormalization",)),
    ("activations", ("Relu", "Clip")),
    ("pads", ("Pad",)),
    ("transposes", ("Transpose",)),
    ("reshapes", ("Flatten", "Reshape", "Squeeze", "Unsqueeze")),
    ("identities", ("Cast", "Dropout", "Identity")),
    ("formats", ("DequantizeLinear", "QuantizeLinear")),
    ("scales and offsets", ARITHMETIC),
)
"""How nodes are called that leave no layer behind, by their operators."""


@dataclass(frozen=True, slots=True)
class Fold:
    """Nodes of one kind that become part of others, or nothing at all."""

    kind: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpenInput:
    """An input with dimensions that only the user can know; `fix` is what to do."""

    name: str
    dimensions: tuple[str, ...]
    fix: str


@dataclass(frozen=True, slots=True)
class Summary:
    """How much there is: ONNX nodes by operator, most first; layers, work and parameters.

    The latter are of what could be read: `complete` where that is all.
    """

    operators: Mapping[str, int]
    layers: int
    macs: int
    parameters: int
    complete: bool


OTHERS = "others"
FOLDING = {op_type: kind for kind, op_types in KINDS for op_type in op_types}


def find_folds(
    model: onnx.ModelProto,
    file: str,
    graph: Graph,
    constants: Collection[str],
    refused: Collection[str],
) -> tuple[Fold, ...]:
    """Return the nodes of the model that are no layers of the canonical graph, by kind."""
    layers = _layers(model, file, graph, constants)
    needed = _needed(model)
    found: dict[str, list[str]] = {}
    for proto in model.graph.node:
        loc = loc_of(proto, file)
        if loc in layers or str(loc) in refused:
            continue
        if all(name in constants for name in proto.output):
            kind = "constants"
        elif needed.isdisjoint(proto.output):
            kind = "unused"
        else:
            kind = _kind(proto, constants)
        found.setdefault(kind, []).append(loc.node)
    order = ("constants", *(kind for kind, _ in KINDS), OTHERS, "unused")
    return tuple(Fold(kind, tuple(found[kind])) for kind in order if kind in found)


def _kind(proto: onnx.NodeProto, constants: Collection[str]) -> str:
    """Return what a node is called that folds; others are layers, or moves that others absorb."""
    if proto.op_type in ARITHMETIC and not any(name in constants for name in proto.input):
        return OTHERS
    return FOLDING.get(proto.op_type, OTHERS)


def _layers(
    model: onnx.ModelProto, file: str, graph: Graph, constants: Collection[str]
) -> set[Loc]:
    """Return the places that are layers.

    A layer with which others are fused bears the place of the last of them; the one that they
    are fused with is found before it.
    """
    makers = {name: proto for proto in model.graph.node for name in proto.output}
    named = {node.loc for node in graph.nodes}
    layers = set(named)
    for proto in model.graph.node:
        last, at = loc_of(proto, file), proto
        if last not in named:
            continue
        while _kind(at, constants) != OTHERS and at.input and at.input[0] in makers:
            at = makers[at.input[0]]
            if loc_of(at, file) in named:
                break
        first = loc_of(at, file)
        if first not in named and _kind(at, constants) == OTHERS:
            layers ^= {last, first}
    return layers


def _needed(model: onnx.ModelProto) -> set[str]:
    """Return the tensors that some output depends on."""
    needed = {value.name for value in model.graph.output}
    for proto in reversed(model.graph.node):
        if not needed.isdisjoint(proto.output):
            needed.update(proto.input)
    return needed


def find_open(model: onnx.ModelProto) -> tuple[OpenInput, ...]:
    """Return the inputs whose dimensions are not all known, the batch aside."""
    return tuple(
        OpenInput(value.name, _open_dimensions(value), shape_hint(value))
        for value in graph_inputs(model)
        if is_open(value)
    )


def _open_dimensions(value: onnx.ValueInfoProto) -> tuple[str, ...]:
    tensor = value.type.tensor_type
    return tuple(
        dim.dim_param or f"dimension {axis}"
        for axis, dim in enumerate(tensor.shape.dim)
        if axis and not dim.dim_value
    )


def summarize(model: onnx.ModelProto, graph: Graph, *, complete: bool) -> Summary:
    """Return how much there is of a network."""
    return Summary(
        dict(Counter(proto.op_type for proto in model.graph.node).most_common()),
        len(graph.nodes),
        graph.macs,
        sum(data.size for data in graph.constants.values()),
        complete,
    )


def count_unmeasured(graph: Graph) -> tuple[int, int]:
    """Return how many values need samples for their format, and how many there are."""
    return len(unformatted(graph)), len(graph.inputs) + len(graph.nodes)
