"""ONNX ModelProto -> float Graph: channels last inside, constants folded, problems collected."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import onnx
from onnx import numpy_helper

from codegen.errors import (
    CodegenError,
    DynamicShape,
    InvalidModel,
    Problem,
    UnsupportedOperator,
)
from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.convert import CONVERTERS, DIVIDING, MICROSOFT
from codegen.frontend.convert.move import held
from codegen.frontend.convert.quantized import dequantized_constant
from codegen.frontend.fold import fold_node, shape_of
from codegen.frontend.operand import Const, Operand, Unknown, Unsupported, View
from codegen.frontend.ports import (
    Inferred,
    dtype_of,
    infer_tensors,
    input_shapes,
    opset_of,
)
from codegen.frontend.raise_normalization import Placed, raise_normalizations
from codegen.frontend.refused import DOMAIN, refusal
from codegen.frontend.shapes import graph_inputs
from codegen.ir.graph import Graph
from codegen.ir.rewrite import free_name, rename_values
from codegen.ir.types import DType, Loc, Origin
from codegen.ops import Reshape


@dataclass(slots=True)
class _State:
    """One import: the graph so far, what each tensor is, and what was refused.

    `edges` are values that refused nodes read, `stand_ins` those that stand for their results.
    """

    file: str
    opset: int
    inferred: dict[str, Inferred]
    builder: Builder
    tensors: dict[str, Operand]
    read: frozenset[str]
    problems: list[Problem] = field(default_factory=list)
    edges: list[str] = field(default_factory=list)
    stand_ins: list[str] = field(default_factory=list)

    @property
    def constants(self) -> frozenset[str]:
        """The tensors that are known before the network runs."""
        return frozenset(name for name, found in self.tensors.items() if isinstance(found, Const))


@dataclass(frozen=True, slots=True, eq=False)
class Imported:
    """What a model says as far as it is understood, and all that is not.

    Where there are errors, the graph is what is left without the nodes that they name: what they
    make are inputs, what they read are outputs. `constants` are the ONNX tensors that fold.
    """

    graph: Graph
    errors: tuple[CodegenError, ...]
    constants: frozenset[str]


def import_model(model: onnx.ModelProto, file: str) -> Graph:
    """Return the float graph of `model`; `file` is its name in messages.

    Raises InvalidModel, DynamicShape, or UnsupportedOperator with every node that is refused.
    QuantizeLinear and DequantizeLinear of activations stay nodes; those of constants become the
    constants' formats.
    """
    found = read_model(model, file)
    for error in found.errors:
        raise error
    return found.graph


def read_model(model: onnx.ModelProto, file: str) -> Imported:
    """Return the float graph of `model` with the errors that `import_model` raises the first of.

    Raises InvalidModel, and UnsupportedOperator where the operator set is too old to be read.
    """
    opset = opset_of(model, file)
    errors: list[CodegenError] = []
    ports: dict[str, tuple[int, ...]] = {}
    try:
        ports = input_shapes(model, file)
    except DynamicShape as error:
        errors.append(error)
    tensors = tuple(value.name for value in model.graph.output)
    read = frozenset(name for node in model.graph.node for name in node.input if name)
    name = model.graph.name or "model"
    try:
        inferred = infer_tensors(model, file)
    except InvalidModel as error:
        return Imported(Graph(name, (), (), ()), (*errors, error), frozenset())
    state = _State(file, opset, inferred, _builder(model), {"": None}, read | {*tensors})
    for stored in model.graph.initializer:
        state.tensors[stored.name] = Const(stored.name, numpy_helper.to_array(stored))
    for value in graph_inputs(model):
        if errors:
            state.tensors[value.name] = Unknown()
        else:
            _declare_input(state, value, ports[value.name])
    shapes = {tensor: found.shape for tensor, found in inferred.items()}
    for placed in raise_normalizations(model.graph, shapes):
        _import_node(state, placed)
    outputs: tuple[str, ...] = ()
    for tensor in tensors:
        outputs += (_import_output(state, tensor, (*ports, *outputs)),)
    if state.problems:
        errors.append(UnsupportedOperator.collect(state.problems))
    builder = state.builder
    made = {node.output for node in builder.nodes}
    graph = Graph(
        name,
        tuple(dict.fromkeys((*ports, *state.stand_ins))),
        outputs if not errors else tuple(_edges(state, outputs, made)),
        tuple(builder.nodes),
        builder.types,
        builder.constants,
        builder.origins,
    )
    graph = graph.with_nodes(graph.nodes)
    if not errors:
        graph = _named_after_outputs(graph, tensors)
    return Imported(graph, tuple(errors), state.constants)


def _edges(state: _State, outputs: tuple[str, ...], made: set[str]) -> Iterator[str]:
    """Yield what is to be kept of a graph with gaps: outputs and operands of refused nodes."""
    yield from dict.fromkeys(name for name in (*outputs, *state.edges) if name in made)


def _builder(model: onnx.ModelProto) -> Builder:
    names = {value.name for value in model.graph.input}
    names.update(tensor.name for tensor in model.graph.initializer)
    names.update(name for node in model.graph.node for name in node.output)
    return Builder(frozenset(names))


def _declare_input(state: _State, value: onnx.ValueInfoProto, shape: tuple[int, ...]) -> None:
    dtype = dtype_of(value.type.tensor_type.elem_type)
    if dtype is None:
        name = onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type).lower()
        state.problems.append(
            Problem(
                f"the input's element type is {name}",
                f"{state.file}: input '{value.name}'",
                "only float (float32), integer and bool inputs are supported",
            )
        )
    if not all(shape):
        place = f"{state.file}: input '{value.name}'"
        state.problems.append(Problem(f"the input of shape {shape} holds nothing", place))
    view = state.builder.declare(value.name, shape, dtype or DType.FLOAT32)
    state.tensors[value.name] = view


def loc_of(proto: onnx.NodeProto, file: str) -> Loc:
    """Return the node's place: its name, or one made of its operator and first result."""
    return Loc(file, proto.name or f"{proto.op_type}_{proto.output[0]}", proto.op_type)


def _import_node(state: _State, placed: Placed) -> None:
    proto, loc = placed.proto, loc_of(placed.place, state.file)
    undefined = [tensor for tensor in proto.input if tensor not in state.tensors]
    if undefined:
        raise InvalidModel(f"tensor '{undefined[0]}' is read and never made", where=str(loc))
    operands = tuple(state.tensors[tensor] for tensor in proto.input)
    call = Call(proto, operands, state.opset, loc)
    try:
        results = _results(state, call)
    except Unsupported as error:
        _refuse(state, call, error)
        return
    for tensor, result in zip(proto.output, results, strict=False):
        state.tensors[tensor] = result


def _results(state: _State, call: Call) -> tuple[Operand, ...]:
    """Return what the node's results are; Unsupported with the reason where they are nothing."""
    op_type, first = call.proto.op_type, call.operand(0)
    converter = dict(CONVERTERS).get(op_type)
    if call.proto.domain == DOMAIN:
        raise refusal(call.proto)
    is_known = call.proto.domain == "com.microsoft" and op_type in MICROSOFT
    if call.proto.domain not in ("", "ai.onnx") and not is_known:
        raise Unsupported(f"operator of domain '{call.proto.domain}'")
    if op_type == "Shape" and isinstance(first, View):
        return (shape_of(call, state.builder.full_shape(first)),)
    if op_type == "Size" and isinstance(first, View):
        size = math.prod(state.builder.full_shape(first))
        return (Const(call.output, np.asarray(size, np.int64)),)
    known = [operand for operand in call.operands if operand is not None]
    if any(isinstance(operand, Unknown) for operand in known):
        if converter is not None or not _is_activation(state, call):
            return tuple(_placeholder(state, tensor) for tensor in call.proto.output)
    elif all(isinstance(operand, Const) for operand in known) and not _reads_beside(state, call):
        if op_type == "DequantizeLinear":
            return (dequantized_constant(call),)
        return fold_node(call)
    if converter is None:
        raise Unsupported("there is no fixed-point kernel", HINTS.get(op_type, ""))
    if op_type in DIVIDING:
        return tuple(
            converter(state.builder, replace(call, result=part)) if tensor in state.read else None
            for part, tensor in enumerate(call.proto.output)
        )
    for tensor in call.proto.output[1:]:
        if tensor in state.read:
            raise Unsupported(f"its result '{tensor}' is used", "only the first result is made")
    return (converter(state.builder, call),)


def _reads_beside(state: _State, call: Call) -> bool:
    """The node has bodies, and they read tensors that are not its operands."""
    bodies = [a.g for a in call.proto.attribute if a.type == onnx.AttributeProto.GRAPH]
    return any(name in state.tensors for body in bodies for name in _free(body))


def _free(body: onnx.GraphProto) -> set[str]:
    """Return the tensors that a body reads and does not make."""
    read = {name for node in body.node for name in node.input}
    read |= {value.name for value in body.output}
    for node in body.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                read |= _free(attribute.g)
    made = {name for node in body.node for name in node.output}
    made |= {value.name for value in (*body.input, *body.initializer)}
    return read - made - {""}


HINTS = {
    "Loop": "unroll it; export recurrent layers as LSTM, GRU or RNN (Keras: unroll=True)",
}


def _is_activation(state: _State, call: Call) -> bool:
    """The node makes floats, as far as ONNX knows, and not sizes or indices."""
    found = state.inferred.get(call.output)
    return found is None or found.is_float


def _refuse(state: _State, call: Call, error: Unsupported) -> None:
    """Note the problem; go on with the shape ONNX infers, so that all problems are found."""
    op_type = call.proto.op_type
    state.problems.append(Problem(f"{op_type}: {error.reason}", str(call.loc), error.hint))
    first = call.operand(0)
    state.edges += [operand.value for operand in call.operands if isinstance(operand, View)]
    for tensor in call.proto.output:
        if op_type == "DequantizeLinear" and isinstance(first, Const):
            state.tensors[tensor] = Const(tensor, np.zeros(first.data.shape, np.float32))
        else:
            dtype = DType.INT8 if op_type == "QuantizeLinear" else DType.FLOAT32
            state.tensors[tensor] = _placeholder(state, tensor, dtype)


def _placeholder(state: _State, tensor: str, dtype: DType = DType.FLOAT32) -> Operand:
    """Stand in for the result of a refused node, where its shape is known."""
    found = state.inferred.get(tensor)
    if found is None or not found.shape:
        return Unknown()
    state.stand_ins.append(tensor)
    return state.builder.declare(tensor, found.shape, dtype)


def _import_output(state: _State, tensor: str, ports: tuple[str, ...]) -> str:
    """Return a value that shows an output in the order of the ONNX tensor and is no other port."""
    found = state.tensors.get(tensor, Unknown())
    builder = state.builder
    place = Loc(state.file)
    if isinstance(found, Const) and found.data.size:
        found = held(builder, found, place)
    if not isinstance(found, View):
        if isinstance(found, Const):
            where = f"{state.file}: output '{tensor}'"
            state.problems.append(Problem("the output is empty", where, "remove the output"))
        return tensor
    value = builder.plain(found, place)
    if value in ports:
        copy = Reshape(builder.types[value].shape)
        value = builder.add(copy, (value,), place, tensor)
    builder.origins[value] = Origin(tensor, (), found.batched)
    return value


def _named_after_outputs(graph: Graph, tensors: tuple[str, ...]) -> Graph:
    """Give output values the names of the ONNX outputs; inputs keep theirs."""
    names = dict(zip(graph.outputs, tensors, strict=True))
    ports = {*graph.inputs, *graph.outputs}
    names = {old: new for old, new in names.items() if new == old or new not in ports}
    for old, new in tuple(names.items()):
        if new != old and new in graph.types:
            names[new] = free_name(graph, f"{new}_inner")
    return rename_values(graph, {old: new for old, new in names.items() if old != new})
