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
from codegen.export.groups import (
    write_cum_sum,
    write_hardmax,
    write_indices,
    write_log_softmax,
    write_matmul,
    write_reduce,
    write_values,
)
from codegen.export.images import write_lrn, write_resize
from codegen.export.linear import write_conv, write_dense
from codegen.export.moves import (
    reshaped,
    write_cast,
    write_concat,
    write_constant,
    write_lookup,
    write_pad,
    write_reshape,
    write_slice,
    write_take,
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
from codegen.export.recurrent import write_recurrent
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
from codegen.ir.types import DType
from codegen.ops import (
    Add,
    AveragePool,
    Cast,
    Clip,
    Concat,
    Constant,
    Conv2d,
    CumSum,
    Dense,
    Elementwise,
    Function,
    Gru,
    Hardmax,
    LogSoftmax,
    Lookup,
    Lrn,
    Lstm,
    MatMul,
    MaxPool,
    Pad,
    Reduce,
    Requantize,
    Reshape,
    Resize,
    Rnn,
    SelectIndices,
    SelectValues,
    Slice,
    Softmax,
    Take,
    Transpose,
)

FORMS: Mapping[type[Op], Form] = {
    Add: write_add,
    AveragePool: write_average_pool,
    Cast: write_cast,
    Clip: write_clip,
    Concat: write_concat,
    Constant: write_constant,
    Conv2d: write_conv,
    CumSum: write_cum_sum,
    Dense: write_dense,
    Elementwise: write_elementwise,
    Function: write_function,
    Gru: write_recurrent,
    Hardmax: write_hardmax,
    LogSoftmax: write_log_softmax,
    Lookup: write_lookup,
    Lrn: write_lrn,
    Lstm: write_recurrent,
    MatMul: write_matmul,
    MaxPool: write_max_pool,
    Pad: write_pad,
    Reduce: write_reduce,
    Requantize: write_requantize,
    Reshape: write_reshape,
    Resize: write_resize,
    Rnn: write_recurrent,
    SelectIndices: write_indices,
    SelectValues: write_values,
    Slice: write_slice,
    Softmax: write_softmax,
    Take: write_take,
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
    model = helper.make_model(
        made,
        opset_imports=opsets,
        ir_version=helper.find_min_ir_version_for(opsets),
        producer_name="codegen",
    )
    _type_outputs(model)
    return model


def _type_outputs(model: onnx.ModelProto) -> None:
    """Give outputs the element types that their operators have: indices are int64 in ONNX."""
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    for port in bare.graph.output:
        port.type.Clear()
    inferred = onnx.shape_inference.infer_shapes(bare)
    for port, found in zip(model.graph.output, inferred.graph.output, strict=True):
        port.type.tensor_type.elem_type = found.type.tensor_type.elem_type


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
    main = next((n for n in writer.nodes[before:] if n.op_type == node.loc.op_type), None)
    if main is not None and node.loc.node not in writer.node_names:
        main.name = node.loc.node
        writer.node_names.add(node.loc.node)
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
    port = _port(writer, name)
    view = _in_format(writer, name, View(name, name, _layout(writer, name)))
    origin = writer.graph.origin(name)
    if not origin.batched:
        batched = reshaped(writer, view.tensor, (1, *dims_of(port)), f"{name}_batched")
        view = View(batched, name, view.perm)
    writer.views[name] = view
    return port


def _write_output(writer: Writer, name: str) -> onnx.ValueInfoProto:
    """Show a value as in the user's model under the output's name."""
    port = _port(writer, name)
    tensor = writer.tensor(name, _layout(writer, name))
    if writer.graph.origin(name).batched:
        writer.nodes.append(helper.make_node("Identity", [tensor], [name]))
    else:
        shape = writer.numbers(f"{name}_shape_of_port", dims_of(port))
        writer.nodes.append(helper.make_node("Reshape", [tensor, shape], [name]))
    return port


def _layout(writer: Writer, name: str) -> tuple[int, ...]:
    origin = writer.graph.origin(name)
    return origin.perm or order(writer.shape(name))


def dims_of(port: onnx.ValueInfoProto) -> tuple[int, ...]:
    """Return the shape of a port."""
    return tuple(dim.dim_value for dim in port.type.tensor_type.shape.dim)


def _port(writer: Writer, name: str) -> onnx.ValueInfoProto:
    kind = writer.graph.types[name]
    shape = tuple(kind.shape[axis] for axis in inverse(_layout(writer, name)))
    dtype = kind.dtype if kind.is_plain else DType.FLOAT32
    element = helper.np_dtype_to_tensor_dtype(dtype.numpy)
    batched = writer.graph.origin(name).batched
    return helper.make_tensor_value_info(name, element, (1, *shape) if batched else shape)
