"""What no fixed-point network for a microcontroller has: cases that are out of scope, and why."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx

from codegen.conformance.cases import Case
from codegen.ir.types import Array

Kind = onnx.TensorProto
ELEMENTS = {
    "strings": {Kind.STRING},
    "complex numbers": {Kind.COMPLEX64, Kind.COMPLEX128},
    "float64": {Kind.DOUBLE},
    "floats of 16 bits or fewer": {
        Kind.FLOAT16,
        Kind.BFLOAT16,
        Kind.FLOAT8E4M3FN,
        Kind.FLOAT8E4M3FNUZ,
        Kind.FLOAT8E5M2,
        Kind.FLOAT8E5M2FNUZ,
        *(value for name, value in Kind.DataType.items() if name.startswith(("FLOAT4", "FLOAT8"))),
    },
    "integers of 4 bits or fewer": {
        value for name, value in Kind.DataType.items() if name in ("INT4", "UINT4", "INT2", "UINT2")
    },
}
OPERATORS = {
    "training": {
        "Adagrad",
        "Adam",
        "Gradient",
        "Momentum",
        "NegativeLogLikelihoodLoss",
        "SoftmaxCrossEntropyLoss",
    },
    "control flow": {"If", "Loop", "Scan", "SequenceMap"},
    "random values": {"Bernoulli", "Multinomial", "RandomNormal", "RandomUniform"},
    "results of no fixed shape": {"Compress", "NonMaxSuppression", "NonZero", "Unique"},
    "text and image files": {"ImageDecoder", "TfIdfVectorizer", "LabelEncoder"},
}
TRAINING = ("training_", "batchnorm_epsilon_training", "batchnorm_example_training")


def out_of_scope(case: Case) -> str:
    """Return the category of what the case has and no such network does; "" where it has none."""
    ports = (*case.model.graph.input, *case.model.graph.output)
    if any(not port.type.HasField("tensor_type") for port in ports):
        return "sequences, optionals and maps"
    elements = set(_elements(case.model))
    operators = {node.op_type for node in case.model.graph.node}
    found = [name for name, kinds in ELEMENTS.items() if elements & kinds]
    found += [name for name, kinds in OPERATORS.items() if operators & kinds]
    if any(array is not None and not array.size for array in (*case.inputs, *case.outputs)):
        found.append("tensors that hold nothing")
    if any(map(_is_unbounded, case.outputs)):
        found.append("results that no integer stands for: infinity, NaN")
    if case.stem.startswith(TRAINING) or any(map(_trains, case.model.graph.node)):
        found.append("training")
    return found[0] if found else ""


def _is_unbounded(array: Array | None) -> bool:
    return array is not None and array.dtype.kind == "f" and not np.isfinite(array).all()


def _elements(model: onnx.ModelProto) -> Iterator[int]:
    for port in (*model.graph.input, *model.graph.output):
        yield port.type.tensor_type.elem_type
    for node in model.graph.node:
        for attribute in node.attribute:
            is_type = attribute.name in ("to", "output_dtype")
            if is_type and node.op_type in ("Cast", "QuantizeLinear"):
                yield attribute.i


def _trains(node: onnx.NodeProto) -> bool:
    mode = next((a.i for a in node.attribute if a.name == "training_mode"), 0)
    return bool(mode) or (node.op_type == "Dropout" and len(node.input) > 2 and bool(node.input[2]))
