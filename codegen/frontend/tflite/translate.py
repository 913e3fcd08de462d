"""TFLite network -> ONNX ModelProto in QDQ form, which the importer takes like any other.

A quantized tensor keeps its name, integers, scale and zero point: QuantizeLinear makes it and
DequantizeLinear reads it, around operators of floats. Images stay channels last outside, and are
transposed where ONNX wants channels first.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from onnx import TensorProto, helper

from codegen.frontend.operand import Unsupported
from codegen.frontend.refused import DOMAIN, refused_node
from codegen.frontend.tflite.call import Call
from codegen.frontend.tflite.convert import convert
from codegen.frontend.tflite.convert.state import STATEFUL, Variables, convert_stateful
from codegen.frontend.tflite.file import ELEMENTS, Subgraph, Tensor, read_subgraphs
from codegen.frontend.tflite.writer import Writer

OPSET = 21
"""The first whose QuantizeLinear makes int16."""

IR_VERSION = 10


def load_tflite(data: bytes, file: str) -> onnx.ModelProto:
    """Return the network in a TFLite file; `file` is its name in messages.

    Raises MissingTool, UnreadableFile. Operators without translation become refused nodes.
    """
    return translate(read_subgraphs(data, file))


def translate(graphs: tuple[Subgraph, ...]) -> onnx.ModelProto:
    """Return the ONNX model of the first subgraph."""
    graph = graphs[0]
    writer = Writer(graph)
    writer.name_tensors()
    variables = Variables(graphs)
    for operator in graph.operators:
        _translate(Call(writer, operator), variables)
    inputs = [value_info(writer.names[i], graph.tensors[i]) for i in graph.inputs]
    inputs += [value_info(name, tensor) for name, tensor in variables.ports.values()]
    outputs = [value_info(writer.names[i], graph.tensors[i]) for i in graph.outputs]
    for name, tensor in variables.assigned.items():
        successor = writer.unique(f"{name}_next")
        writer.add("Identity", [writer.names[tensor.index]], [successor], name)
        outputs.append(value_info(successor, tensor))
    nodes = live_nodes(writer.nodes, {value.name for value in outputs})
    read = {name for node in nodes for name in node.input}
    stored = [tensor for name, tensor in writer.initializers.items() if name in read]
    network = helper.make_graph(nodes, graph.name or "main", inputs, outputs, stored)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_model(network, opset_imports=opsets, ir_version=IR_VERSION)


def live_nodes(nodes: Sequence[onnx.NodeProto], wanted: set[str]) -> list[onnx.NodeProto]:
    """Return the nodes that make what is wanted, in order, and those that were refused."""
    needed, live = {*wanted}, []
    for node in reversed(nodes):
        if node.domain == DOMAIN or not needed.isdisjoint(node.output):
            needed.update(node.input)
            live.append(node)
    return live[::-1]


def _translate(call: Call, variables: Variables) -> None:
    """Add the nodes that make the results of an operator, or one that says why it is refused."""
    try:
        for tensor in (*call.operands, *call.results):
            _check(tensor, call.operator.type)
        if call.operator.type in STATEFUL:
            convert_stateful(variables, call)
            return
        for value, tensor in zip(convert(call), call.results, strict=True):
            call.writer.make(value, tensor, call.name)
    except Unsupported as error:
        _refuse(call, error)
    except CONTRADICTIONS as error:
        _refuse(call, Unsupported(f"operands or options do not fit together: {error!r}"))


CONTRADICTIONS = (ArithmeticError, LookupError, TypeError, ValueError)
"""What arises where shapes, constants or options are not those that the operator asks for."""


def _check(tensor: Tensor, kind: str) -> None:
    if tensor.is_sparse:
        raise Unsupported(f"tensor '{tensor.name}' is sparse", "convert the model without sparsity")
    if tensor.type not in ELEMENTS and kind not in STATEFUL:
        raise Unsupported(f"tensor '{tensor.name}' is {tensor.type.lower()}", "quantize to int8")


def _refuse(call: Call, error: Unsupported) -> None:
    """Stand in for the results of a refused operator by a node that the importer reports."""
    writer = call.writer
    made = {writer.names[index] for index in writer.graph.inputs}
    made.update(name for node in writer.nodes for name in node.output)
    computed = [writer.names[tensor.index] for tensor in call.operands if tensor.data is None]
    inputs = [name for name in computed if name in made]
    outputs = [writer.names[tensor.index] for tensor in call.results]
    outputs = outputs or [writer.unique(f"{call.name}_refused")]
    writer.nodes.append(refused_node(call.operator.type, inputs, outputs, error, call.name))


def value_info(name: str, tensor: Tensor) -> onnx.ValueInfoProto:
    """Return the description of an input or output; free dimensions but the batch stay free."""
    element = getattr(TensorProto, "FLOAT" if tensor.type == "FLOAT32" else tensor.type, 0)
    shape = [
        None if axis and axis in tensor.free else size for axis, size in enumerate(tensor.shape)
    ]
    return helper.make_tensor_value_info(name, element, shape)
