"""What the model says about itself before its nodes are read: opset, inputs, shapes."""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from codegen.errors import DynamicShape, InvalidModel, Problem, UnsupportedOperator
from codegen.frontend.shapes import graph_inputs, shape_hint
from codegen.ir.types import DType

FIRST_OPSET = 11


def dtype_of(element: int) -> DType | None:
    """Return an ONNX element type, TensorProto.DataType; None where there is none like it."""
    name = onnx.TensorProto.DataType.Name(element).lower()
    return next((dtype for dtype in DType if dtype.value in (name, f"{name}32")), None)


def opset_of(model: onnx.ModelProto, file: str) -> int:
    """Return the version of the default operator set; UnsupportedOperator below 11."""
    versions = [e.version for e in model.opset_import if e.domain in ("", "ai.onnx")]
    if not versions:
        raise InvalidModel("the model imports no operator set", where=file)
    if versions[0] < FIRST_OPSET:
        raise UnsupportedOperator(
            f"the model uses operator set {versions[0]}; {FIRST_OPSET} is the oldest supported",
            where=file,
            hint="convert it with onnx.version_converter, or export it with a newer opset",
        )
    return int(versions[0])


def input_shapes(model: onnx.ModelProto, file: str) -> dict[str, tuple[int, ...]]:
    """Return each input's shape, 1 where the first dimension is free.

    Raises DynamicShape with every other dimension that is not a number.
    """
    problems, shapes = [], {}
    for value in graph_inputs(model):
        place = f"{file}: input '{value.name}'"
        if not value.type.tensor_type.HasField("shape"):
            problems.append(Problem("the input has no shape", place, shape_hint(value)))
            continue
        dims = value.type.tensor_type.shape.dim
        for axis, dim in enumerate(dims):
            if axis and not dim.HasField("dim_value"):
                name = dim.dim_param or "?"
                message = f"dimension {axis} ('{name}') is not known before the network runs"
                problems.append(Problem(message, place, shape_hint(value)))
        sizes = tuple(int(dim.dim_value) for dim in dims)
        shapes[value.name] = (sizes[0] or 1, *sizes[1:]) if sizes else sizes
    if problems:
        raise DynamicShape.collect(problems)
    return shapes


def unsigned_ports(model: onnx.ModelProto) -> frozenset[str]:
    """Return the inputs and outputs whose elements are uint8."""
    ports = (*graph_inputs(model), *model.graph.output)
    return frozenset(
        port.name for port in ports if port.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    )


@dataclass(frozen=True, slots=True)
class Inferred:
    """What ONNX infers of a tensor for a batch of 1; `shape` is None where it cannot."""

    shape: tuple[int, ...] | None
    is_float: bool


def infer_tensors(model: onnx.ModelProto, file: str) -> dict[str, Inferred]:
    """Return what ONNX infers of the tensors that nodes make; InvalidModel where it objects."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for value in graph_inputs(fixed):
        for dim in value.type.tensor_type.shape.dim[:1]:
            dim.dim_value = dim.dim_value or 1
    del fixed.graph.value_info[:]
    try:
        onnx.checker.check_model(fixed)
        for value in fixed.graph.output:
            value.type.tensor_type.ClearField("shape")
        inferred = onnx.shape_inference.infer_shapes(fixed, data_prop=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise InvalidModel(str(error).strip().splitlines()[0], where=file) from error
    values = (*inferred.graph.value_info, *inferred.graph.output)
    return {value.name: _inferred(value) for value in values}


def _inferred(value: onnx.ValueInfoProto) -> Inferred:
    kind = value.type.tensor_type
    is_float = kind.elem_type == onnx.TensorProto.FLOAT
    known = kind.HasField("shape") and all(dim.HasField("dim_value") for dim in kind.shape.dim)
    return Inferred(tuple(int(d.dim_value) for d in kind.shape.dim) if known else None, is_float)
