"""Slice: every step-th index of each dimension from a start on. Source: ONNX operator Slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from codegen.ir.op import Op, Signature, Window
from codegen.ir.types import Array, TensorType

MOST_SLICED = 4
"""The dimensions that the kernel moves; that of the rows is not its own."""


@dataclass(frozen=True, slots=True)
class Slice(Op):
    """Result index i of an axis is operand index start + i * step; steps may be negative."""

    name: ClassVar[str] = "slice"
    keeps_quant: ClassVar[bool] = True

    starts: tuple[int, ...] = ()
    shape: tuple[int, ...] = ()
    steps: tuple[int, ...] = ()

    def infer(self, *inputs: TensorType) -> TensorType:
        sizes = inputs[0].shape
        if not len(sizes) == len(self.starts) == len(self.shape) == len(self.steps):
            raise ValueError(f"{inputs[0]} needs {len(sizes)} ranges, got {self.shape}")
        axes = zip(sizes, self.starts, self.shape, self.steps, strict=True)
        for size, start, count, step in axes:
            if count < 1 or not 0 <= start < size or not 0 <= start + (count - 1) * step < size:
                raise ValueError(f"{count} indices from {start} by {step} leave {inputs[0]}")
        return TensorType(self.shape)

    def windows(self, signature: Signature) -> tuple[Window, ...]:
        if len(self.shape) == 1:
            return (Window(),)
        return (Window(stride=self.steps[0], pad=-self.starts[0]),)

    def evaluate(self, *arrays: Array) -> Array:
        x = arrays[0]
        axes = zip(self.starts, self.shape, self.steps, strict=True)
        for axis, (start, count, step) in enumerate(axes, 1):
            x = x.take(range(start, start + count * step, step), axis)
        return x

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        return self.evaluate(*arrays)
