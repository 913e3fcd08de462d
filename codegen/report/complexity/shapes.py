"""Shapes of a network's values by ONNX shape inference, without the data of its weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from codegen.errors import DynamicShape, InvalidModel, Problem
from codegen.frontend.shapes import graph_inputs, is_open, shape_hint

KEPT_ELEMENTS = 64
"""Constants up to this size keep their data: shapes, scales and bounds that shapes follow from."""
SHOWN_PROBLEMS = 5

Shape = tuple[int, ...]
Data = npt.NDArray[Any]


def infer_shapes(model: onnx.ModelProto, name: str) -> dict[str, Shape]:
    """Return the shapes of values and constants, a free batch taken as 1.

    `name` is what errors call the model. Raises DynamicShape where the shape of a node's output
    does not follow from the model, InvalidModel where ONNX objects.
    """
    bare = _without_data(model)
    hint = "; ".join(shape_hint(value) for value in graph_inputs(model) if is_open(value))
    for value in graph_inputs(bare):
        dims = value.type.tensor_type.shape.dim
        if dims and not dims[0].dim_value:
            dims[0].dim_value = 1
    for value in bare.graph.output:
        value.type.tensor_type.ClearField("shape")
    shapes = _infer(bare, name)
    while _unknown(bare, shapes) and _fold_shapes(bare.graph, shapes):
        shapes = _infer(bare, name)
    unknown = _unknown(bare, shapes)
    if unknown:
        _infer(bare, name, strict=True)
        raise DynamicShape.collect(
            Problem(f"the shape of '{value}' does not follow from the model", name, hint)
            for value in unknown[:SHOWN_PROBLEMS]
        )
    return shapes


def _infer(model: onnx.ModelProto, name: str, strict: bool = False) -> dict[str, Shape]:
    """Return the shapes that ONNX infers, all dimensions known.

    `strict`: raise InvalidModel where a node contradicts its inputs.
    """
    try:
        graph = onnx.shape_inference.infer_shapes(model, strict_mode=strict, data_prop=True).graph
    except (onnx.shape_inference.InferenceError, ValueError) as error:
        raise InvalidModel(str(error).strip().splitlines()[0], where=name) from error
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        dims = kind.shape.dim
        if kind.HasField("shape") and all(dim.HasField("dim_value") for dim in dims):
            shapes.setdefault(value.name, tuple(int(dim.dim_value) for dim in dims))
    return shapes


def _unknown(model: onnx.ModelProto, shapes: Mapping[str, Shape]) -> Sequence[str]:
    names = [value.name for value in graph_inputs(model)]
    names += [output for node in model.graph.node for output in node.output if output]
    return [name for name in names if name not in shapes]


def _fold_shapes(graph: onnx.GraphProto, shapes: Mapping[str, Shape]) -> bool:
    """Replace nodes that compute small constants and shapes; say whether there was one."""
    known = {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in graph.initializer
        if _has_data(tensor)
    }
    kept = []
    before = len(known)
    for node in graph.node:
        result = _evaluate(node, known, shapes)
        known.update(result)
        if not result:
            kept.append(node)
    graph.initializer.extend(
        numpy_helper.from_array(array, name) for name, array in list(known.items())[before:]
    )
    del graph.node[:]
    graph.node.extend(kept)
    return len(known) > before


def _evaluate(
    node: onnx.NodeProto, known: Mapping[str, Data], shapes: Mapping[str, Shape]
) -> dict[str, Data]:
    """Return the small results of a node on known data, by name; nothing where it has others."""
    if node.op_type == "Shape" and node.input[0] in shapes:
        given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        dims = np.array(shapes[node.input[0]], np.int64)
        return {node.output[0]: dims[given.get("start", 0) : given.get("end", len(dims))]}
    if len(node.output) != 1 or not all(name in known or not name for name in node.input):
        return {}
    feeds = {name: known[name] for name in node.input if name}
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
        for name, a in feeds.items()
    ]
    outputs = [onnx.ValueInfoProto(name=name) for name in node.output]
    try:
        (result,) = ReferenceEvaluator(
            helper.make_model(helper.make_graph([node], "fold", inputs, outputs))
        ).run(None, feeds)
    except Exception:
        return {}
    data = np.asarray(result)
    return {node.output[0]: data} if data.size <= KEPT_ELEMENTS else {}


def _without_data(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy whose large constants have dimensions only."""
    bare = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    graph = model.graph
    bare.graph.name = graph.name
    bare.graph.node.extend(graph.node)
    bare.graph.input.extend(graph.input)
    bare.graph.output.extend(graph.output)
    bare.functions.extend(model.functions)
    bare.graph.initializer.extend(map(_bare_tensor, graph.initializer))
    return bare


def _bare_tensor(tensor: onnx.TensorProto) -> onnx.TensorProto:
    if math.prod(tensor.dims) <= KEPT_ELEMENTS:
        return tensor
    return onnx.TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)


def _has_data(tensor: onnx.TensorProto) -> bool:
    """The tensor's data are in the model: zoo networks declare weights without."""
    return math.prod(tensor.dims) <= KEPT_ELEMENTS and any(
        tensor.HasField(field.name) if field.name == "raw_data" else getattr(tensor, field.name)
        for field in tensor.DESCRIPTOR.fields
        if field.name.endswith("_data")
    )
