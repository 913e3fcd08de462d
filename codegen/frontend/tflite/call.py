"""Call: the TFLite operator that is being written, its tensors looked up, its options typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from codegen.frontend.operand import Unsupported
from codegen.frontend.tflite.file import Operator, Tensor
from codegen.frontend.tflite.writer import Writer
from codegen.ir.types import Array


@dataclass(frozen=True, slots=True)
class Call:
    """One TFLite operator, its tensors looked up, and the writer of its ONNX nodes."""

    writer: Writer
    operator: Operator

    @property
    def name(self) -> str:
        """What nodes and messages call the operator: its index and its name."""
        return f"{self.operator.index}_{self.operator.type}"

    @property
    def result(self) -> Tensor:
        return self.results[0]

    @property
    def results(self) -> tuple[Tensor, ...]:
        return tuple(self.writer.graph.tensors[index] for index in self.operator.outputs)

    @property
    def operands(self) -> tuple[Tensor, ...]:
        """Return the operands that are present."""
        return tuple(self.writer.graph.tensors[i] for i in self.operator.inputs if i >= 0)

    def tensor(self, index: int) -> Tensor:
        """Return an operand; Unsupported where it is absent."""
        found = self.optional(index)
        if found is None:
            raise Unsupported(f"operand {index} is absent")
        return found

    def optional(self, index: int) -> Tensor | None:
        """Return an operand, None where it is absent."""
        inputs = self.operator.inputs
        present = index < len(inputs) and inputs[index] >= 0
        return self.writer.graph.tensors[inputs[index]] if present else None

    def constant(self, index: int) -> Array:
        """Return the data of an operand; Unsupported where it is computed."""
        tensor = self.tensor(index)
        if tensor.data is None:
            raise Unsupported(
                f"operand {index}, '{tensor.name}', must be constant",
                "convert the model with fixed shapes",
            )
        return tensor.data

    def integers(self, index: int) -> tuple[int, ...]:
        """Return the integers of a constant operand."""
        return tuple(int(i) for i in self.constant(index).ravel())

    def option(self, name: str, default: int = 0) -> int:
        """Return an integer among the operator's options."""
        return int(self.operator.options.get(name, default))

    def real_option(self, name: str, default: float) -> float:
        """Return a number among the operator's options."""
        return float(self.operator.options.get(name, default))

    def pair(self, name: str, suffixes: tuple[str, str] = ("H", "W")) -> tuple[int, int]:
        """Return an option of both axes of an image, which has a name for each."""
        rows, columns = (f"{name}{suffix}" for suffix in suffixes)
        return self.option(rows, 1), self.option(columns, 1)

    def real(self, index: int) -> str:
        """Return the float tensor of an operand."""
        return self.writer.real(self.tensor(index), self.name)

    def weights(self, index: int, perm: Sequence[int]) -> str:
        """Return the float tensor of constant weights, transposed by `perm`, formats included."""
        self.constant(index)
        tensor = centered(self.tensor(index))
        assert tensor.data is not None
        axis = tuple(perm).index(tensor.axis) if tensor.scales.size > 1 else 0
        return self.writer.stored(tensor, tensor.data.transpose(perm), axis, self.name)

    def bias(self, index: int, factors: tuple[int, int]) -> str | None:
        """Return the float tensor of a bias, None where there is none.

        Its scale is the product of those of the operands `factors` where it has none of its own.
        """
        tensor = self.optional(index)
        if tensor is None:
            return None
        data = self.constant(index)
        if data.dtype == np.int64 and not fits(data, np.int32):
            raise Unsupported("the bias does not fit 32 bits")
        if np.issubdtype(data.dtype, np.integer):
            data = data.astype(np.int32)
            first, second = (self.tensor(factor).scales for factor in factors)
            scales = tensor.scales if tensor.is_quantized else first * second
            tensor = replace(
                tensor, type="INT32", scales=scales, zero_points=np.zeros(scales.size, np.int64)
            )
        return self.writer.stored(tensor, data, 0, self.name)

    def emit(self, op_type: str, *inputs: str, **attributes: Any) -> str:
        """Add a node and return the name of its result."""
        return self.emit_several(op_type, inputs, 1, **attributes)[0]

    def emit_several(
        self, op_type: str, inputs: Sequence[str], count: int, **attributes: Any
    ) -> tuple[str, ...]:
        """Add a node of several results and return their names."""
        base = self.writer.names[self.result.index]
        names = [self.writer.unique(f"{base}_{op_type}") for _ in range(count)]
        self.writer.add(op_type, inputs, names, self.name, **attributes)
        return tuple(names)

    def numbers(self, values: Sequence[int]) -> str:
        """Return a constant of integers, as operators take sizes and axes."""
        return self.writer.constant(f"{self.name}_sizes", np.asarray(values, np.int64))

    def number(self, value: float) -> str:
        """Return a constant of one float."""
        return self.writer.constant(f"{self.name}_value", np.asarray(value, np.float32))

    def channels_first(self, value: str) -> str:
        """Return an image with its channels before rows and columns."""
        return self.writer.channels_first(value, self.name)

    def channels_last(self, value: str) -> str:
        """Return an image with its channels behind rows and columns."""
        return self.writer.channels_last(value, self.name)

    def elementwise(
        self, op_type: str, *values: str, constants: Sequence[str] = (), **attributes: Any
    ) -> str:
        """Add a node that treats all elements alike: of images, where all are, channels first.

        The constants, behind the values, have one element each.
        """
        firsts = [self.writer.firsts.get(value) for value in values]
        images = [first for first in firsts if first is not None]
        if len(images) < len(firsts):
            return self.emit(op_type, *values, *constants, **attributes)
        return self.channels_last(self.emit(op_type, *images, *constants, **attributes))


def centered(tensor: Tensor) -> Tensor:
    """Return quantized weights without a zero point, where their integers still fit."""
    if tensor.data is None or not tensor.zero_points.any():
        return tensor
    zeros = tensor.zero_points
    if zeros.size > 1:
        zeros = zeros.reshape([-1 if i == tensor.axis else 1 for i in range(tensor.data.ndim)])
    data = tensor.data.astype(np.int64) - zeros
    if not fits(data, tensor.data.dtype):
        return tensor
    return replace(tensor, data=data.astype(tensor.data.dtype), zero_points=0 * tensor.zero_points)


def fits(data: Array, dtype: np.typing.DTypeLike) -> bool:
    """All integers are among those of `dtype`."""
    limits = np.iinfo(dtype)
    return bool(np.all((data >= limits.min) & (data <= limits.max)))
