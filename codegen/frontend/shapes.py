"""Fix the dimensions of inputs that a model leaves open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx

from codegen.errors import BadOption, Problem

Shapes = Mapping[str, Sequence[int]]


def graph_inputs(model: onnx.ModelProto) -> tuple[onnx.ValueInfoProto, ...]:
    """Return the inputs that a caller gives: those without an initializer."""
    stored = {tensor.name for tensor in model.graph.initializer}
    return tuple(value for value in model.graph.input if value.name not in stored)


def fix_shapes(model: onnx.ModelProto, shapes: Shapes, file: str) -> onnx.ModelProto:
    """Return the model with the inputs of `shapes`, batch included, in these.

    A dimension that has a name gets its size wherever the model names it. Raises BadOption with
    every name, rank or size that the model contradicts.
    """
    if not shapes:
        return model
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    known = {value.name: value for value in graph_inputs(fixed)}
    sizes: dict[str, int] = {}
    problems: list[Problem] = []
    for name, dims in shapes.items():
        message = (
            _fix(known[name].type.tensor_type, dims, sizes)
            if name in known
            else f"the model has no input of that name, but {', '.join(known)}"
        )
        if message:
            problems.append(Problem(f"--shape {write_shape(name, dims)}: {message}", file))
    if problems:
        raise BadOption.collect(problems)
    for value in (*fixed.graph.input, *fixed.graph.output, *fixed.graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in sizes:
                dim.dim_value = sizes[dim.dim_param]
    return fixed


def is_open(value: onnx.ValueInfoProto) -> bool:
    """Some dimension behind the batch has no size."""
    tensor = value.type.tensor_type
    return not tensor.HasField("shape") or not all(d.dim_value for d in tensor.shape.dim[1:])


def shape_hint(value: onnx.ValueInfoProto) -> str:
    """Return the option that fixes an input's dimensions, with names for those that are open."""
    tensor = value.type.tensor_type
    behind = tensor.shape.dim[1:] if tensor.HasField("shape") else ()
    sizes = [str(d.dim_value or (d.dim_param or "size").upper()) for d in behind] or ["..."]
    return f"fix it by --shape {write_shape(value.name, ('1', *sizes))}, or when exporting"


def write_shape(name: str, dims: Sequence[object]) -> str:
    """Return a shape as the option gives it.

    >>> write_shape("image", (1, 3, 96, 96))
    'image=1,3,96,96'
    """
    return f"{name}={','.join(map(str, dims))}"


def _fix(tensor: onnx.TypeProto.Tensor, dims: Sequence[int], sizes: dict[str, int]) -> str:
    """Give a tensor its dimensions, and note the sizes of their names; return what is wrong."""
    if not tensor.HasField("shape"):
        tensor.shape.dim.extend(onnx.TensorShapeProto.Dimension(dim_value=size) for size in dims)
        return ""
    rank = len(tensor.shape.dim)
    if rank != len(dims):
        return f"the input has {rank} dimensions, not {len(dims)}"
    for axis, (dim, size) in enumerate(zip(tensor.shape.dim, dims, strict=True)):
        found = dim.dim_value or sizes.get(dim.dim_param, size)
        if found != size:
            named = f" ('{dim.dim_param}')" if dim.dim_param else ""
            return f"dimension {axis}{named} is {found}, not {size}"
        if dim.dim_param:
            sizes[dim.dim_param] = size
        dim.dim_value = size
    return ""
