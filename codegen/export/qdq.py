"""The fixed-point graph as standard ONNX operators between QuantizeLinear and DequantizeLinear.

Every value is quantized as it is made and dequantized before it is read. Weights and biases are
integers behind DequantizeLinear, so the model holds every integer of the graph. Ports are floats,
shaped as in the user's model.
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx
from onnx import helper

from codegen.errors import Problem, UnsupportedOperator
from codegen.export.linear import write_conv, write_dense
from codegen.export.moves import (
    write_concat,
    write_pad,
    write_reshape,
    write_slice,
    write_transpose,
)
from codegen.export.pointwise import (
    write_add,
    write_clip,
    write_elementwise,
    write_function,
    write_requantize,
    write_softmax,
)
from codegen.export.pools import write_average_pool, write_max_pool
from codegen.export.writer import (
    PLAIN_OPSET,
    WIDE_OPSET,
    Form,
    NoForm,
    Writer,
    inverse,
    needs_wide,
    order,
)
from codegen.frontend.operand import View
from codegen.ir.graph import Graph, Node
from codegen.ir.op import Op
from codegen.ir.types import DType, Origin
from codegen.ops import (
    Add,
    AveragePool,
    Clip,
    Concat,
    Conv2d,
    Dense,
    Elementwise,
    Function,
    MaxPool,
    Pad,
    Requantize,
    Reshape,
    Slice,
    Softmax,
    Transpose,
)

FORMS: Mapping[type[Op], Form] = {
    Add: write_add,
    AveragePool: write_average_pool,
    Clip: write_clip,
    Concat: write_concat,
    Conv2d: write_conv,
    Dense: write_dense,
    Elementwise: write_elementwise,
    Function: write_function,
    MaxPool: write_max_pool,
    Pad: write_pad,
    Requantize: write_requantize,
    Reshape: write_reshape,
    Slice: write_slice,
    Softmax: write_softmax,
    Transpose: write_transpose,
}
"""How each operator is said in ONNX."""


def qdq_model(graph: Graph) -> onnx.ModelProto:
    """Return the ONNX model of a fixed-point graph, of the oldest operator set that serves.

    Raises UnsupportedOperator with every node that has no form in ONNX.
    """
    opset = WIDE_OPSET if needs_wide(graph) else PLAIN_OPSET
    made = _write(graph, opset)
    needed = max(first_opset(node.op_type) for node in made.node)
    if needed > opset:
        opset, made = needed, _write(graph, needed)
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(
        made,
        opset_imports=opsets,
        ir_version=helper.find_min_ir_version_for(opsets),
        producer_name="codegen",
    )


def first_opset(op_type: str) -> int:
    """Return the first operator set with an operator."""
    known = onnx.defs.get_all_schemas_with_history()
    return min(
        schema.since_version for schema in known if (schema.domain, schema.name) == ("", op_type)
    )


def _write(graph: Graph, opset: int) -> onnx.GraphProto:
    writer = Writer(graph, opset)
    writer.taken.update(graph.inputs, graph.outputs)
    inputs = [_write_input(writer, name) for name in graph.inputs]
    problems = []
    for node in graph.nodes:
        try:
            _write_node(writer, node)
        except NoForm as error:
            problems.append(Problem(str(error), str(node.loc)))
            writer.views[node.output] = View("", node.output, order(writer.shape(node.output)))
    if problems:
        raise UnsupportedOperator.collect(problems)
    outputs = [_write_output(writer, name) for name in graph.outputs]
    initializers = list(writer.initializers.values())
    return helper.make_graph(writer.nodes, graph.name, inputs, outputs, initializers)


def _write_node(writer: Writer, node: Node) -> None:
    form = FORMS.get(type(node.op))
    if form is None:
        raise NoForm(f"{node.op.name} has no form in ONNX that reads back as it is")
    before = len(writer.nodes)
    view = form(writer, node)
    if len(writer.nodes) > before:
        main = next((n for n in writer.nodes[before:] if n.op_type == node.loc.op_type), None)
        if main is not None:
            main.name = node.loc.node
    writer.views[node.output] = _in_format(writer, node.output, view)


def _in_format(writer: Writer, name: str, view: View) -> View:
    """Return a value's reals as those of its integers: quantized and dequantized."""
    kind = writer.graph.types[name]
    if kind.is_plain:
        return view
    quantized = writer.quantized(view.tensor, kind, name)
    y = writer.node("DequantizeLinear", quantized, f"{name}_dequantized")
    return View(y, name, view.perm)


def _write_input(writer: Writer, name: str) -> onnx.ValueInfoProto:
    """Declare an input as in the user's model, and quantize it."""
    origin = writer.graph.origins.get(name, Origin(name))
    perm = origin.perm or order(writer.shape(name))
    view = View(name, name, perm)
    writer.views[name] = _in_format(writer, name, view)
    return _port(writer, name, origin)


def _port(writer: Writer, name: str, origin: Origin) -> onnx.ValueInfoProto:
    kind = writer.graph.types[name]
    perm = origin.perm or order(kind.shape)
    shape = tuple(kind.shape[axis] for axis in inverse(perm))
    dtype = kind.dtype if kind.is_plain else DType.FLOAT32
    element = helper.np_dtype_to_tensor_dtype(dtype.numpy)
    return helper.make_tensor_value_info(name, element, (1, *shape) if origin.batched else shape)


def _write_output(writer: Writer, name: str) -> onnx.ValueInfoProto:
    """Show a value as in the user's model under the output's name."""
    origin = writer.graph.origins.get(name, Origin(name))
    perm = origin.perm or order(writer.shape(name))
    tensor = writer.tensor(name, perm)
    writer.nodes.append(helper.make_node("Identity", [tensor], [name]))
    return _port(writer, name, origin)
