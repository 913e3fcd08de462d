"""Build small TFLite files with the builder functions of the schema package."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import tflite

from codegen.ir.types import Array

FILE_IDENTIFIER = b"TFL3"
VERSIONS = dict.fromkeys(("DEPTH_TO_SPACE", "HARD_SWISH", "RESHAPE", "SQUEEZE"), 1)
"""Of operators whose int8 form is not their second."""


@dataclass(frozen=True)
class T:
    """A tensor: constant where it has data, quantized where it has a scale."""

    name: str
    shape: tuple[int, ...]
    type: str = "INT8"
    scale: float | tuple[float, ...] | None = None
    zero: int = 0
    data: Array | None = None
    axis: int = 0
    signature: tuple[int, ...] | None = None


@dataclass(frozen=True)
class O:  # noqa: E742
    """An operator over named tensors; '' is an absent one. Options: the table, then its fields."""

    type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    options: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class G:
    """A subgraph."""

    tensors: tuple[T, ...]
    operators: tuple[O, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def int8(name: str, data: Array, scale: float | tuple[float, ...], axis: int = 0) -> T:
    """Return constant int8 weights."""
    return T(name, data.shape, "INT8", scale, 0, data.astype(np.int8), axis)


def int32(name: str, data: Sequence[int] | Array, scale: Any = None) -> T:
    """Return constant int32 numbers: sizes, or a bias where it has a scale."""
    values = np.asarray(data, np.int32)
    return T(name, values.shape, "INT32", scale, 0, values)


def build(*graphs: G) -> bytes:
    """Return the file of the subgraphs, the network first."""
    b = flatbuffers.Builder(1024)
    kinds = sorted({op.type for graph in graphs for op in graph.operators})
    buffers: list[bytes] = [b""]
    parts = [_subgraph(b, graph, kinds, buffers) for graph in graphs]
    codes = [_operator_code(b, kind) for kind in kinds]
    stored = [_buffer(b, data) for data in buffers]
    fields = {
        "Version": 3,
        "OperatorCodes": _offsets(b, codes),
        "Subgraphs": _offsets(b, parts),
        "Buffers": _offsets(b, stored),
    }
    b.Finish(_table(b, "Model", fields), FILE_IDENTIFIER)
    return bytes(b.Output())


def _subgraph(b: Any, graph: G, kinds: Sequence[str], buffers: list[bytes]) -> int:
    names = {tensor.name: index for index, tensor in enumerate(graph.tensors)}
    names[""] = -1
    tensors = [_tensor(b, tensor, buffers) for tensor in graph.tensors]
    operators = [_operator(b, op, names, kinds) for op in graph.operators]
    fields = {
        "Name": b.CreateString("main"),
        "Tensors": _offsets(b, tensors),
        "Operators": _offsets(b, operators),
        "Inputs": _ints(b, [names[name] for name in graph.inputs]),
        "Outputs": _ints(b, [names[name] for name in graph.outputs]),
    }
    return _table(b, "SubGraph", fields)


def _tensor(b: Any, tensor: T, buffers: list[bytes]) -> int:
    number = 0
    if tensor.data is not None:
        number = len(buffers)
        buffers.append(tensor.data.tobytes())
    fields = {
        "Name": b.CreateString(tensor.name),
        "Shape": _ints(b, tensor.shape),
        "Type": getattr(tflite.TensorType, tensor.type),
        "Buffer": number,
    }
    if tensor.signature is not None:
        fields["ShapeSignature"] = _ints(b, tensor.signature)
    if tensor.scale is not None:
        scales = np.atleast_1d(np.asarray(tensor.scale, np.float32))
        zeros = np.full(scales.size, tensor.zero, np.int64)
        quantization = {
            "Scale": b.CreateNumpyVector(scales),
            "ZeroPoint": b.CreateNumpyVector(zeros),
            "QuantizedDimension": tensor.axis,
        }
        fields["Quantization"] = _table(b, "QuantizationParameters", quantization)
    return _table(b, "Tensor", fields)


def _operator(b: Any, op: O, names: Mapping[str, int], kinds: Sequence[str]) -> int:
    fields = {
        "OpcodeIndex": kinds.index(op.type),
        "Inputs": _ints(b, [names[name] for name in op.inputs]),
        "Outputs": _ints(b, [names[name] for name in op.outputs]),
    }
    if op.options:
        values = {
            key: b.CreateString(value) if isinstance(value, str) else value
            for key, value in op.fields.items()
        }
        fields["BuiltinOptions"] = _table(b, op.options, values)
        fields["BuiltinOptionsType"] = getattr(tflite.BuiltinOptions, op.options)
    return _table(b, "Operator", fields)


def _operator_code(b: Any, kind: str) -> int:
    custom = re.fullmatch("CUSTOM_(.*)", kind)
    number = getattr(tflite.BuiltinOperator, "CUSTOM" if custom else kind)
    fields = {
        "DeprecatedBuiltinCode": min(number, 127),
        "BuiltinCode": number,
        "Version": VERSIONS.get(kind, 2),
    }
    if custom:
        fields["CustomCode"] = b.CreateString(custom[1])
    return _table(b, "OperatorCode", fields)


def _buffer(b: Any, data: bytes) -> int:
    fields = {"Data": b.CreateByteVector(data)} if data else {}
    return _table(b, "Buffer", fields)


def _table(b: Any, name: str, fields: Mapping[str, Any]) -> int:
    getattr(tflite, f"{name}Start")(b)
    for key, value in fields.items():
        getattr(tflite, f"{name}Add{key}")(b, value)
    return int(getattr(tflite, f"{name}End")(b))


def _ints(b: Any, values: Sequence[int]) -> int:
    return int(b.CreateNumpyVector(np.asarray(values, np.int32)))


def _offsets(b: Any, values: Sequence[int]) -> int:
    b.StartVector(4, len(values), 4)
    for value in reversed(values):
        b.PrependUOffsetTRelative(value)
    return int(b.EndVector())
