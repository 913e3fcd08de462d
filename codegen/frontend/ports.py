"""What the model says about itself before its nodes are read: opset, inputs, shapes."""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from codegen.errors import DynamicShape, InvalidModel, Problem, UnsupportedOperator
from codegen.frontend.shapes import graph_inputs, shape_hint

FIRST_OPSET = 11


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
    """Return each input's shape behind the batch; the batch must be free or 1.

    Raises DynamicShape with every other dimension that is not a number.
    """
    problems, fixed, shapes = [], [], {}
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
        if not dims or (dims[0].HasField("dim_value") and dims[0].dim_value not in (0, 1)):
            size = dims[0].dim_value if dims else "none"
            hint = "export the model for one sample, with a batch dimension first"
            fixed.append(Problem(f"the batch is {size}; it must be free or 1", place, hint))
        shapes[value.name] = tuple(int(dim.dim_value) for dim in dims[1:])
    if problems:
        raise DynamicShape.collect(problems)
    if fixed:
        raise UnsupportedOperator.collect(fixed)
    return shapes


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
        dims = value.type.tensor_type.shape.dim
        if dims and not dims[0].dim_value:
            dims[0].dim_value = 1
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
