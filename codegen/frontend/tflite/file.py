"""A TFLite file as plain data: the only place that knows the `tflite` package and flatbuffers."""

from __future__ import annotations

import importlib
import inspect
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np

from codegen.errors import MissingTool, UnreadableFile
from codegen.ir.types import Array

IDENTIFIER = b"TFL3"
"""Bytes 4 to 8 of every TFLite file."""

HINT = "give a .tflite file as the TensorFlow Lite converter writes it"
ELEMENTS = MappingProxyType(
    {
        "BOOL": "bool",
        "FLOAT16": "float16",
        "FLOAT32": "float32",
        "FLOAT64": "float64",
        "INT16": "int16",
        "INT32": "int32",
        "INT64": "int64",
        "INT8": "int8",
        "UINT8": "uint8",
    }
)
"""NumPy's name of each element type that can be read."""

MISREAD = (AttributeError, IndexError, OverflowError, TypeError, ValueError, struct.error)
"""What the package raises where bytes are not those of a network."""


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A tensor: `data` where it is constant, `scales` where it is quantized, along `axis`.

    `free` dimensions have a size of the caller's choice; `shape` holds 1 there.
    """

    index: int
    name: str
    type: str
    shape: tuple[int, ...]
    free: tuple[int, ...] = ()
    data: Array | None = None
    scales: Array = field(default_factory=lambda: np.zeros(0, np.float32))
    zero_points: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    axis: int = 0
    is_sparse: bool = False

    @property
    def is_quantized(self) -> bool:
        return self.scales.size > 0 and "INT" in self.type

    def same_format(self, other: Tensor) -> bool:
        """Both hold the same reals in the same integers."""
        return (
            self.type == other.type
            and np.array_equal(self.scales, other.scales)
            and np.array_equal(self.zero_points, other.zero_points)
        )


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator by its name in the schema; an absent operand is -1."""

    index: int
    type: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Subgraph:
    """Operators in order, over the tensors that they name by index."""

    name: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_subgraphs(data: bytes, file: str) -> tuple[Subgraph, ...]:
    """Return the subgraphs of a file, the network first.

    Quantized constants of uint8 are int8, biases of int64 are int32.

    Raises MissingTool where the package is absent, UnreadableFile where the bytes are damaged.
    """
    schema = _schema(file)
    try:
        if data[4:8] != IDENTIFIER:
            raise ValueError("it has no TFLite identifier")
        model = schema.Model.GetRootAs(data)
        graphs = [model.Subgraphs(i) for i in range(model.SubgraphsLength())]
        found = tuple(_subgraph(schema, model, graph) for graph in graphs)
    except MISREAD as error:
        raise UnreadableFile(
            f"this is no TFLite file, or a damaged one: {error}", where=file, hint=HINT
        ) from error
    if not found or not found[0].outputs:
        raise UnreadableFile("this TFLite file holds no network", where=file, hint=HINT)
    return found


def _schema(file: str) -> ModuleType:
    try:
        return importlib.import_module("tflite")
    except ImportError as error:
        raise MissingTool(
            "reading TFLite files needs the Python package 'tflite'",
            where=file,
            hint="pip install 'codegen-mcu[tflite]'",
        ) from error


def _subgraph(schema: ModuleType, model: Any, graph: Any) -> Subgraph:
    types = _names(schema.TensorType)
    tensors = tuple(
        _short(_signed(_tensor(types, model, graph.Tensors(i), i)))
        for i in range(graph.TensorsLength())
    )
    operators = tuple(
        _operator(schema, model, graph.Operators(i), i) for i in range(graph.OperatorsLength())
    )
    inputs, outputs = _integers(graph.InputsAsNumpy()), _integers(graph.OutputsAsNumpy())
    used = {*inputs, *outputs}
    used.update(i for operator in operators for i in (*operator.inputs, *operator.outputs))
    if not all(-1 <= index < len(tensors) for index in used):
        raise ValueError("it names a tensor that it does not hold")
    made = {*inputs, *outputs, *(i for operator in operators for i in operator.outputs)}
    if any(index < 0 or tensors[index].data is not None for index in made):
        raise ValueError("a tensor that is given or computed is constant")
    return Subgraph(_text(graph.Name()), tensors, operators, inputs, outputs)


def _tensor(types: Mapping[int, str], model: Any, tensor: Any, index: int) -> Tensor:
    shape = _integers(tensor.ShapeAsNumpy())
    signature = _integers(tensor.ShapeSignatureAsNumpy()) or shape
    name = _text(tensor.Name()) or f"tensor_{index}"
    found = Tensor(
        index,
        name,
        types.get(tensor.Type(), f"of type {tensor.Type()}"),
        shape,
        tuple(axis for axis, size in enumerate(signature) if size < 0),
        is_sparse=tensor.Sparsity() is not None,
    )
    buffer = model.Buffers(tensor.Buffer())
    if buffer.DataLength() and found.type in ELEMENTS and not found.is_sparse:
        data = np.frombuffer(buffer.DataAsNumpy().tobytes(), f"<{_code(found.type)}")
        found = replace(found, data=data.reshape(shape).astype(ELEMENTS[found.type]))
    quantization = tensor.Quantization()
    if quantization is None or not quantization.ScaleLength():
        return found
    scales = np.asarray(quantization.ScaleAsNumpy(), np.float32)
    zeros = [quantization.ZeroPoint(i) for i in range(quantization.ZeroPointLength())]
    return replace(
        found,
        scales=scales,
        zero_points=np.resize(np.asarray(zeros or [0], np.int64), scales.size),
        axis=quantization.QuantizedDimension(),
    )


def _code(element: str) -> str:
    """Return NumPy's code of an element type, its byte order aside."""
    return np.dtype(ELEMENTS[element]).str[1:]


def _signed(tensor: Tensor) -> Tensor:
    """Return a quantized uint8 constant as the int8 constant of the same reals, 128 less."""
    data = tensor.data
    if tensor.type != "UINT8" or not tensor.is_quantized or data is None:
        return tensor
    signed = (data.astype(np.int16) - 128).astype(np.int8)
    return replace(tensor, type="INT8", zero_points=tensor.zero_points - 128, data=signed)


def _short(tensor: Tensor) -> Tensor:
    """Return a quantized int64 constant, a bias of int16 activations, as int32 where it fits."""
    data, limits = tensor.data, np.iinfo(np.int32)
    if tensor.type != "INT64" or not tensor.is_quantized or data is None:
        return tensor
    if data.size and (data.min() < limits.min or data.max() > limits.max):
        return tensor
    return replace(tensor, type="INT32", data=data.astype(np.int32))


def _operator(schema: ModuleType, model: Any, operator: Any, index: int) -> Operator:
    code = model.OperatorCodes(operator.OpcodeIndex())
    names = _names(schema.BuiltinOperator)
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    name = names.get(number, f"OPERATOR_{number}")
    if name == "CUSTOM":
        name = f"CUSTOM_{_text(code.CustomCode())}"
    return Operator(
        index,
        name,
        _integers(operator.InputsAsNumpy()),
        _integers(operator.OutputsAsNumpy()),
        _options(schema, operator),
    )


def _options(schema: ModuleType, operator: Any) -> Mapping[str, Any]:
    """Return the scalars among an operator's options, by their names in the schema."""
    table = operator.BuiltinOptions()
    name = _names(schema.BuiltinOptions).get(operator.BuiltinOptionsType(), "NONE")
    if table is None or name == "NONE":
        return {}
    kind = getattr(schema, name)
    options = kind()
    options.Init(table.Bytes, table.Pos)
    return {key: getattr(options, key)() for key, get in vars(kind).items() if _is_getter(get)}


def _is_getter(member: object) -> bool:
    return inspect.isfunction(member) and [*inspect.signature(member).parameters] == ["self"]


def _names(enumeration: Any) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


def _integers(vector: Any) -> tuple[int, ...]:
    """Return a vector of the file, which is 0 where it is absent."""
    return tuple(int(i) for i in vector) if isinstance(vector, np.ndarray) else ()


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")
