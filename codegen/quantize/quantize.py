"""Quantize: turn a float graph into the fixed-point graph that C is generated from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from codegen.errors import BadQuantization, Problem, UnsupportedOperator
from codegen.ir.graph import Graph, Node
from codegen.ir.op import Signature
from codegen.ir.types import Array, DType, Quant, TensorType
from codegen.ops import (
    Conv2d,
    Dense,
    InFloat,
    Lookup,
    Recurrent,
    has_float_form,
)
from codegen.options import REPAIRS, Repair
from codegen.quantize.closed_loop import RealLayer, close_loop
from codegen.quantize.formats import assign_formats, make_format, prescribed, real_constant
from codegen.quantize.linear_layers import (
    Constant,
    coarsen_weights,
    quantize_bias,
    quantize_weights,
)
from codegen.quantize.masks import bound_masks
from codegen.quantize.ranges import Channels, Progress, Ranges
from codegen.quantize.recurrent import quantize_fine, quantize_rows
from codegen.quantize.weight_form import INT8, NO_FORMS, WeightForm
from codegen.quantize.widen import widen

AS_INT8 = "quantize it to int8: --activations int8, or int8 formats in the file"
FLOAT_HINT = "--float-ops allow computes this layer in floats"


@dataclass(slots=True)
class Constants:
    """The fixed-point constants made so far; one read in two formats gets two names."""

    made: dict[str, Constant] = field(default_factory=dict)

    def add(self, name: str, constant: Constant, reader: str) -> str:
        """Keep the constant and return its name."""
        for candidate in (name, f"{name}_for_{reader}"):
            known = self.made.setdefault(candidate, constant)
            if known.type == constant.type and np.array_equal(known.data, constant.data):
                return candidate
        raise AssertionError(f"{reader} reads {name} in two formats")


def quantize(
    graph: Graph,
    ranges: Ranges | None = None,
    progress: Progress | None = None,
    *,
    activations: DType | None = None,
    allow_float: bool = False,
    repair: Collection[Repair] = REPAIRS,
    forms: Mapping[str, WeightForm] = NO_FORMS,
    wide: Collection[str] = (),
) -> Graph:
    """Return the fixed-point graph: int8 or int16 values, int8 weights, int32 biases, with formats.

    Formats that the file prescribes (QDQ) are taken as they are; other values get theirs from
    `ranges`, of the type `activations`: int16 where the file has such formats, else int8, unless it
    is given; values of `wide` get int16. Weights and biases are repaired where it holds evidence of
    what the float network does, as `repair` names it. `forms` tells what integers weights may be,
    by the result of their layer: of 8 bits where it does not, and those that are integers in the
    file stay.
    Requantize nodes stand where formats meet that the file prescribes differently. `progress` is
    called with the nodes corrected and their number. `allow_float`: a node whose numbers do not fit
    32 bits becomes an InFloat, if it has a form in floats.
    Raises BadQuantization with every value that has no format and every layer whose numbers do
    not fit, UnsupportedOperator with every one that has no meaning in `activations`.
    """
    element = activation_type(graph, activations)
    placed, formats, narrowed = widen(*assign_formats(*bound_masks(graph, ranges), element, wide))
    forms = {narrowed.get(name, name): form for name, form in forms.items()}
    types = {
        name: replace(kind, dtype=fixed_dtype(kind, quant), quant=quant)
        for name, quant, kind in ((name, q, placed.types[name]) for name, q in formats.items())
    }
    check_elements(placed, types)
    constants = Constants()
    weighing = Weighing(forms, {} if ranges is None else ranges.channels)
    nodes: list[Node] = []
    problems: list[Problem] = []
    for node in placed.nodes:
        try:
            made = quantize_operands(placed, node, types, constants, weighing)
            check_params(made, types, constants)
        except ValueError as error:
            has_floats = has_float_form(node.op) and element_of(placed, node, types) is DType.INT8
            if allow_float and has_floats:
                made = in_float(placed, node, constants)
            else:
                hint = FLOAT_HINT if has_floats else ""
                problems.append(Problem(str(error), str(node.loc), hint))
                continue
        nodes.append(made)
    if problems:
        raise BadQuantization.collect(problems)
    types.update({name: constant.type for name, constant in constants.made.items()})
    data = {name: constant.data for name, constant in constants.made.items()}
    fixed = placed.with_nodes(nodes, types=types, constants=data)
    if ranges is None or ranges.evidence is None:
        return fixed
    means = ranges.evidence.means if "bias" in repair else {}
    means = {narrowed.get(name, name): mean for name, mean in means.items()}
    evidence = replace(ranges.evidence, means=means)
    layers = real_layers(placed, forms) if "round" in repair and not ranges.synthetic else {}
    if not layers and not evidence.means:
        return fixed
    return close_loop(fixed, evidence, layers, progress)


def activation_type(graph: Graph, asked: DType | None) -> DType:
    """Return the type of formats that the file does not prescribe."""
    has_int16 = any(kind.is_int16 for kind in graph.types.values())
    return asked or (DType.INT16 if has_int16 else DType.INT8)


def real_layers(graph: Graph, forms: Mapping[str, WeightForm] = NO_FORMS) -> dict[str, RealLayer]:
    """Return the layers whose weights are given in floats, by their results."""
    layers = (node for node in graph.nodes if isinstance(node.op, (Conv2d, Dense)))
    return {
        node.output: RealLayer(
            graph.constants[node.inputs[1]],
            real_constant(graph, node.inputs[2]),
            forms.get(node.output, INT8),
        )
        for node in layers
        if graph.types[node.inputs[1]].dtype is DType.FLOAT32 and node.inputs[1] in graph.constants
    }


def fixed_dtype(value: TensorType, quant: Quant) -> DType:
    """Return a value's element type in fixed point: its own where it is an integer already."""
    return quant.element if value.dtype is DType.FLOAT32 else value.dtype


def check_elements(graph: Graph, types: Mapping[str, TensorType]) -> None:
    """Raise UnsupportedOperator with all nodes that do not compute on what they are given."""
    problems: list[Problem] = []
    for node in graph.nodes:
        kinds = [types[name] for name in (*graph.activations(node), node.output)]
        if any(kind.is_int16 for kind in kinds) and not node.op.takes_int16():
            problems.append(Problem(f"no int16 kernel for {node.op.name}", str(node.loc), AS_INT8))
    if problems:
        raise UnsupportedOperator.collect(problems)


def element_of(graph: Graph, node: Node, types: Mapping[str, TensorType]) -> DType:
    """Return the type that constants among a node's activations have."""
    is_wide = any(types[name].is_int16 for name in (*graph.activations(node), node.output))
    return DType.INT16 if is_wide else DType.INT8


@dataclass(frozen=True, slots=True)
class Weighing:
    """What the integers of layers may be, and what is known of the channels they read."""

    forms: Mapping[str, WeightForm]
    channels: Mapping[str, Channels]

    def form(self, node: Node) -> WeightForm:
        return self.forms.get(node.output, INT8)

    def squares(self, node: Node, shape: tuple[int, ...]) -> Array | None:
        """Return the mean square of what each weight is multiplied by, as far as known."""
        found = self.channels.get(node.inputs[0])
        if found is None or len(found.squares) % shape[-1]:
            return None
        groups = len(found.squares) // shape[-1]
        by_group = found.squares.reshape(groups, *[1] * (len(shape) - 2), shape[-1])
        return np.repeat(by_group, shape[0] // groups, axis=0)


def quantize_operands(
    graph: Graph,
    node: Node,
    types: dict[str, TensorType],
    constants: Constants,
    weighing: Weighing,
) -> Node:
    """Return the node with its constant operands in fixed point; ValueError if they do not fit."""
    if isinstance(node.op, (Conv2d, Dense)):
        return quantize_linear(graph, node, types, constants, weighing)
    if isinstance(node.op, Recurrent):
        return quantize_recurrent(graph, node, types, constants)
    element = element_of(graph, node, types)
    inputs: list[str] = []
    is_held = node.op.keeps_quant or isinstance(node.op, Lookup)
    for name in node.inputs:
        if name in graph.constants:
            is_shown = is_held or not graph.activations(node)
            quant = format_of(types, node.output) if is_shown else None
            constant = quantize_data(graph, name, quant, element)
            inputs.append(constants.add(name, constant, node.output))
        else:
            inputs.append(name)
    return replace(node, inputs=tuple(inputs))


def quantize_linear(
    graph: Graph,
    node: Node,
    types: dict[str, TensorType],
    constants: Constants,
    weighing: Weighing,
) -> Node:
    """Quantize weights and bias of a convolution or dense layer."""
    x_name, w_name, b_name = node.inputs
    x, y = format_of(types, x_name), format_of(types, node.output)
    bias = real_constant(graph, b_name)
    known = graph.types[w_name]
    if known.dtype is not DType.FLOAT32:
        weights = coarsen_weights(Constant(graph.constants[w_name], known), x, y)
    else:
        real = real_constant(graph, w_name)
        squares = weighing.squares(node, real.shape)
        weights = quantize_weights(real, bias, x, y, weighing.form(node), squares)
    w_name = constants.add(w_name, weights, node.output)
    b_name = constants.add(b_name, quantize_bias(bias, weights, x), node.output)
    return replace(node, inputs=(x_name, w_name, b_name))


def quantize_recurrent(
    graph: Graph, node: Node, types: dict[str, TensorType], constants: Constants
) -> Node:
    """Quantize initial values that are constant, two weights, and biases."""
    assert isinstance(node.op, Recurrent)
    first, element = node.op.weights_from, element_of(graph, node, types)
    inputs = list(node.inputs)
    for place, name in enumerate(node.inputs):
        if name not in graph.constants:
            continue
        if place < first:
            constant = quantize_data(graph, name, None, element)
        else:
            form = quantize_rows if place < first + 2 else quantize_fine
            constant = form(real_constant(graph, name))
        inputs[place] = constants.add(name, constant, node.output)
    return replace(node, inputs=tuple(inputs))


def quantize_data(graph: Graph, name: str, quant: Quant | None, element: DType) -> Constant:
    """Return a constant that stands for a value, in `quant`, its prescribed, or its own format.

    Integers that stand for themselves stay as they are.
    """
    kind = graph.types[name]
    if kind.is_plain:
        return Constant(graph.constants[name], replace(kind, quant=prescribed(kind)))
    real = real_constant(graph, name)
    if not np.isfinite(real).all():
        raise ValueError(f"constant '{name}' holds infinity or NaN, which no integer stands for")
    found = float(real.min()), float(real.max())
    quant = quant or graph.types[name].quant or make_format(found, element)
    dtype = quant.element
    return Constant(quant.quantize(real, dtype), TensorType(real.shape, dtype, quant))


def format_of(types: dict[str, TensorType], name: str) -> Quant:
    """Return the format of a value that has one."""
    quant = types[name].quant
    assert quant is not None, f"{name} has no format"
    return quant


def check_params(node: Node, types: Mapping[str, TensorType], constants: Constants) -> None:
    """Raise ValueError with what keeps a quantized node from computing in 32 bits."""
    params = getattr(node.op, "params", None)
    if params is None:
        return
    held = [constants.made.get(name) for name in node.inputs]
    operands = (
        types[name] if constant is None else constant.type
        for name, constant in zip(node.inputs, held, strict=True)
    )
    data = tuple(None if constant is None else constant.data for constant in held)
    params(Signature(tuple(operands), types[node.output], data))


def in_float(graph: Graph, node: Node, constants: Constants) -> Node:
    """Return the node in floats: its constants are singles, or integers that are themselves."""
    inputs = list(node.inputs)
    for place, name in enumerate(node.inputs):
        if name in graph.constants:
            kind = graph.types[name]
            constant = Constant(graph.constants[name], kind)
            if not kind.is_plain:
                data = real_constant(graph, name).astype(np.float32)
                constant = Constant(data, TensorType(data.shape))
            inputs[place] = constants.add(f"{name}_in_float", constant, node.output)
    return replace(node, op=InFloat(node.op), inputs=tuple(inputs))
