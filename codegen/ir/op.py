"""Op: what an operator means, in floats and in integers, apart from any kernel.

Shapes exclude the batch dimension; arrays of activations carry it first, (N, *shape), so that
one call evaluates many samples. Constant operands (weights, bias) are not batched.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from codegen.ir.fixed_point import Int64s
from codegen.ir.types import Array, TensorType


@dataclass(frozen=True, slots=True)
class Signature:
    """A node's operands as its op sees them.

    `constants[i]` is the data of operand i where it is constant, None where it is computed.
    """

    inputs: tuple[TensorType, ...]
    output: TensorType
    constants: tuple[Array | None, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """The rows of an operand that one output row reads.

    Output row y reads operand rows first + k * dilation for 0 <= k < rows, where first is
    (y * stride - pad) / divisor, rounded down; those outside the operand are padding. `clipped`
    windows begin inside the operand: first is the nearest of its rows. Others are not divided, for
    before the operand C would round the other way.
    """

    rows: int = 1
    stride: int = 1
    dilation: int = 1
    pad: int = 0
    divisor: int = 1
    clipped: bool = False

    def __post_init__(self) -> None:
        assert self.clipped or self.divisor == 1

    @property
    def span(self) -> int:
        """Rows from the first to the last."""
        return (self.rows - 1) * self.dilation + 1

    def first(self, row: Int64s, height: int) -> Int64s:
        """Return where the windows of output rows begin in an operand of `height` rows."""
        position = row * self.stride - self.pad
        if self.clipped:
            position = np.clip(position, 0, (height - 1) * self.divisor)
        return position // self.divisor

    def overhangs(self, height: int, out_rows: int) -> bool:
        """Some of `out_rows` output rows read beyond an operand of `height` rows."""
        first = self.first(np.arange(out_rows), height)
        return bool(first.min() < 0 or first.max() + self.span > height)


def has_int16(signature: Signature) -> bool:
    """Some operand, or the result, is an activation of 16 bits."""
    return any(kind.is_int16 for kind in (*signature.inputs, signature.output))


class Op(ABC):
    """An operator with its attributes; immutable, comparable, and free of names and places."""

    name: ClassVar[str]
    in_place: ClassVar[bool] = False
    """An output row may replace the row it is computed from (same shape, same element size)."""
    keeps_quant: ClassVar[bool] = False
    """The output holds operand values unchanged, so it has the operand's scale and zero point."""
    takes_integers: ClassVar[bool] = False
    """It computes on integers of a float graph, too; `infer` then gives element type and format."""

    mixes_widths: ClassVar[bool] = False
    """Its operand may have 8 bits and its result 16, or the other way."""
    only_in_float: ClassVar[bool] = False
    """It has no form in integers: `params` raises ValueError whatever the formats."""

    @abstractmethod
    def infer(self, *inputs: TensorType) -> TensorType:
        """Return the output's type from the operands' types; raise ValueError with the reason."""

    @abstractmethod
    def evaluate(self, *arrays: Array) -> Array:
        """Compute in floating point."""

    @abstractmethod
    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        """Compute in integers: the specification of the kernel, bit for bit."""

    def takes_int16(self) -> bool:
        """It computes on activations of 16 bits, too."""
        return self.keeps_quant

    def macs(self, signature: Signature) -> int:
        """Multiply-accumulates of one inference."""
        return 0

    def windows(self, signature: Signature) -> tuple[Window, ...]:
        """For each computed operand, the rows that one output row reads."""
        return tuple(Window() for constant in signature.constants if constant is None)
