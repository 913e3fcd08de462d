"""Constant: a value that is known beforehand, read like a computed one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from codegen.ir.op import Op, Signature
from codegen.ir.types import Array, TensorType


@dataclass(frozen=True, slots=True)
class Constant(Op):
    """Its only operand, which is constant."""

    name: ClassVar[str] = "constant"
    takes_integers: ClassVar[bool] = True

    def infer(self, *inputs: TensorType) -> TensorType:
        return inputs[0]

    def takes_int16(self) -> bool:
        return True

    def evaluate(self, *arrays: Array) -> Array:
        return arrays[0][None]

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        return self.evaluate(*arrays)
