"""Counting a network's multiply-adds and parameters from its structure."""

from __future__ import annotations

import math

import onnx
from onnx import shape_inference

Shapes = dict[str, tuple[int, ...]]


def infer_shapes(model: onnx.ModelProto) -> Shapes:
    """Return the shapes of all values but the inputs, without the batch, as ONNX infers them."""
    inferred = shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    values = [*inferred.graph.value_info, *inferred.graph.output]
    return {v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim[1:]) for v in values}


def dimensions(model: onnx.ModelProto) -> Shapes:
    """Return the shapes of the parameters."""
    return {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}


def count_macs(model: onnx.ModelProto, *op_types: str) -> int:
    """Return the multiply-adds of nodes of these types; of convolutions and dense layers."""
    shapes, weights = infer_shapes(model), dimensions(model)
    return sum(
        math.prod(weights[node.input[1]][1:]) * math.prod(shapes[node.output[0]])
        for node in model.graph.node
        if node.op_type in (op_types or ("Conv", "Gemm"))
    )


def count_weights(model: onnx.ModelProto) -> int:
    """Return the weights of convolutions and dense layers: no batch norm, no bias."""
    return count_parameters(model, "_weights")


def count_parameters(model: onnx.ModelProto, *endings: str) -> int:
    """Return the parameters whose names end so."""
    shapes = dimensions(model)
    return sum(math.prod(shape) for name, shape in shapes.items() if name.endswith(endings))
