"""Operators that move values and compute none: Concat, Copy, Deliver, Pad, Receive, Reshape,
Transpose.

Axes count from the first dimension after the batch. Source: the ONNX operators of these names.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from codegen.ir.op import Op, Signature, Window
from codegen.ir.types import Array, TensorType

MOST_PADDED = 3
"""The dimensions that the kernel pads."""


@dataclass(frozen=True, slots=True)
class Concat(Op):
    """Join values along `axis`."""

    name: ClassVar[str] = "concat"
    keeps_quant: ClassVar[bool] = True

    axis: int = 0

    def infer(self, *inputs: TensorType) -> TensorType:
        shapes = [t.shape for t in inputs]
        rests = {shape[: self.axis] + shape[self.axis + 1 :] for shape in shapes}
        if len(rests) != 1 or len({len(shape) for shape in shapes}) != 1:
            raise ValueError(f"shapes {shapes} differ apart from axis {self.axis}")
        joined = sum(shape[self.axis] for shape in shapes)
        return TensorType((*shapes[0][: self.axis], joined, *shapes[0][self.axis + 1 :]))

    def evaluate(self, *arrays: Array) -> Array:
        return np.concatenate(arrays, axis=self.axis + 1)

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        return self.evaluate(*arrays)


@dataclass(frozen=True, slots=True)
class Copy(Op):
    """The same value in another place; only scheduling inserts it."""

    name: ClassVar[str] = "copy"
    keeps_quant: ClassVar[bool] = True

    def infer(self, *inputs: TensorType) -> TensorType:
        return TensorType(inputs[0].shape)

    def evaluate(self, *arrays: Array) -> Array:
        return arrays[0]

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        return arrays[0]


@dataclass(frozen=True, slots=True)
class Receive(Copy):
    """An input that the caller pushes row by row, now in the arena."""

    name: ClassVar[str] = "receive"


@dataclass(frozen=True, slots=True)
class Deliver(Copy):
    """An output of which the caller is handed each row as soon as it is made."""

    name: ClassVar[str] = "deliver"


@dataclass(frozen=True, slots=True)
class Pad(Op):
    """Surround with `value`; `before` and `after` give the counts for each axis."""

    name: ClassVar[str] = "pad"
    keeps_quant: ClassVar[bool] = True

    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    value: float = 0.0

    def infer(self, *inputs: TensorType) -> TensorType:
        shape = inputs[0].shape
        if not len(shape) == len(self.before) == len(self.after):
            raise ValueError(f"{inputs[0]} needs {len(shape)} pads, got {self.before}")
        if min(*self.before, *self.after) < 0:
            raise ValueError("negative pads crop; that is not supported")
        sizes = (n + b + a for n, b, a in zip(shape, self.before, self.after, strict=True))
        return TensorType(tuple(sizes))

    def windows(self, signature: Signature) -> tuple[Window, ...]:
        return (Window(pad=self.before[0] if len(self.before) > 1 else 0),)

    def evaluate(self, *arrays: Array) -> Array:
        return self._pad(arrays[0], self.value)

    def params(self, signature: Signature) -> int:
        """The padding value in the output's scale and zero point."""
        quant = signature.output.quant
        assert quant is not None
        return int(quant.quantize(self.value, signature.output.dtype))

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        return self._pad(arrays[0], self.params(signature))

    def _pad(self, x: Array, value: float) -> Array:
        widths = ((0, 0), *zip(self.before, self.after, strict=True))
        return np.pad(x, widths, constant_values=value)


@dataclass(frozen=True, slots=True)
class Reshape(Op):
    """The same elements in the same order under another shape; costs nothing."""

    name: ClassVar[str] = "reshape"
    keeps_quant: ClassVar[bool] = True

    shape: tuple[int, ...] = ()

    def infer(self, *inputs: TensorType) -> TensorType:
        if math.prod(self.shape) != inputs[0].elements:
            raise ValueError(f"{inputs[0]} does not hold the elements of shape {self.shape}")
        return TensorType(self.shape)

    def evaluate(self, *arrays: Array) -> Array:
        return arrays[0].reshape(len(arrays[0]), *self.shape)

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        return self.evaluate(*arrays)


@dataclass(frozen=True, slots=True)
class Transpose(Op):
    """Reorder dimensions: output dimension i is operand dimension perm[i]."""

    name: ClassVar[str] = "transpose"
    keeps_quant: ClassVar[bool] = True

    perm: tuple[int, ...] = ()

    def infer(self, *inputs: TensorType) -> TensorType:
        shape = inputs[0].shape
        if sorted(self.perm) != list(range(len(shape))):
            raise ValueError(f"perm {self.perm} does not reorder {inputs[0]}")
        return TensorType(tuple(shape[p] for p in self.perm))

    def evaluate(self, *arrays: Array) -> Array:
        return arrays[0].transpose(0, *(p + 1 for p in self.perm))

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        return self.evaluate(*arrays)

    def windows(self, signature: Signature) -> tuple[Window, ...]:
        return (Window() if self.keeps_rows else Window(signature.inputs[0].rows, 0),)

    @property
    def keeps_rows(self) -> bool:
        """Each row of the result is made of the same row of the operand."""
        return len(self.perm) > 1 and self.perm[0] == 0
