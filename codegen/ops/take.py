"""Take: any choice and order of elements, and a fill value. All that moves values is one.

Source: the ONNX operators Gather, GatherElements, GatherND, Slice, Expand, Tile, Pad, DepthToSpace
and others, with constant operands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from codegen.ir.op import Op, Signature, Window
from codegen.ir.types import PLAIN_SCALE, Array, Quant, TensorType

FILL = -1
"""The index that stands for the fill value."""


@dataclass(frozen=True, slots=True)
class Take(Op):
    """y[i] = x.flat[index[i]], or `value` where the index is -1. Operands: x, constant index.

    The result has the shape of the index.
    """

    name: ClassVar[str] = "take"
    keeps_quant: ClassVar[bool] = True

    value: float = 0.0

    def infer(self, *inputs: TensorType) -> TensorType:
        return TensorType(inputs[1].shape)

    def windows(self, signature: Signature) -> tuple[Window, ...]:
        return (Window(signature.inputs[0].rows, 0),)

    def evaluate(self, *arrays: Array) -> Array:
        return take(arrays[0], arrays[1], self.value)

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        return take(arrays[0], arrays[1], self.fill(signature))

    def fill(self, signature: Signature) -> int:
        """Return the fill value in the output's scale and zero point, where it has any."""
        quant = signature.output.quant or Quant((PLAIN_SCALE,))
        return int(quant.quantize(self.value, signature.output.dtype))


def take(x: Array, index: Array, value: float) -> Array:
    """Return the elements of each sample, `value` where an index is -1."""
    taken = x.reshape(len(x), -1)[:, np.maximum(index, 0)]
    found: Array = np.where(index == FILL, np.asarray(value, x.dtype), taken)
    return found
