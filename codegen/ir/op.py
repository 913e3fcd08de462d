"""Op: what an operator means, in floats and in integers, apart from any kernel.

Shapes exclude the batch dimension; arrays of activations carry it first, (N, *shape), so that
one call evaluates many samples. Constant operands (weights, bias) are not batched.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

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

    Output row y reads operand rows y * stride + k * dilation - pad for 0 <= k < rows; those
    outside the operand are padding.
    """

    rows: int = 1
    stride: int = 1
    dilation: int = 1
    pad: int = 0

    def overhangs(self, height: int, out_rows: int) -> bool:
        """Some of `out_rows` output rows read beyond an operand of `height` rows."""
        last = (out_rows - 1) * self.stride + (self.rows - 1) * self.dilation - self.pad
        return self.pad > 0 or last >= height


class Op(ABC):
    """An operator with its attributes; immutable, comparable, and free of names and places."""

    name: ClassVar[str]
    in_place: ClassVar[bool] = False
    """An output row may replace the row it is computed from (same shape, same element size)."""
    keeps_quant: ClassVar[bool] = False
    """The output holds operand values unchanged, so it has the operand's scale and zero point."""

    @abstractmethod
    def infer(self, *inputs: TensorType) -> TensorType:
        """Return the output's type from the operands' types; raise ValueError with the reason."""

    @abstractmethod
    def evaluate(self, *arrays: Array) -> Array:
        """Compute in floating point."""

    @abstractmethod
    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        """Compute in integers: the specification of the kernel, bit for bit."""

    def macs(self, signature: Signature) -> int:
        """Multiply-accumulates of one inference."""
        return 0

    def windows(self, signature: Signature) -> tuple[Window, ...]:
        """For each computed operand, the rows that one output row reads."""
        return tuple(Window() for constant in signature.constants if constant is None)
