"""Lookup: parts of a table by computed indices. Source: ONNX operator Gather.

The table is (outer, n, inner), constant or computed; indices are (m,); y is (outer, m, inner).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from codegen.ir.op import Op, Signature, Window
from codegen.ir.types import PLAIN_SCALE, Array, DType, Quant, TensorType


@dataclass(frozen=True, slots=True)
class Lookup(Op):
    """y[:, i] = table[:, index[i]]. Negative indices count from the end; others beyond are clamped.

    The result has the format of the table.
    """

    name: ClassVar[str] = "lookup"
    takes_integers: ClassVar[bool] = True

    def takes_int16(self) -> bool:
        return True

    def infer(self, *inputs: TensorType) -> TensorType:
        table, index = inputs
        if len(table.shape) != 3 or len(index.shape) != 1:
            raise ValueError(f"looks up {index} in {table}")
        if index.dtype in (DType.FLOAT32, DType.BOOL):
            raise ValueError(f"indices are {index.dtype.value}")
        shape = (table.shape[0], index.shape[0], table.shape[2])
        if table.dtype is DType.FLOAT32:
            return TensorType(shape)
        return TensorType(shape, table.dtype, table.quant or Quant((PLAIN_SCALE,)))

    def windows(self, signature: Signature) -> tuple[Window, ...]:
        kinds = zip(signature.inputs, signature.constants, strict=True)
        return tuple(Window(kind.rows, 0) for kind, constant in kinds if constant is None)

    def evaluate(self, *arrays: Array) -> Array:
        table, index = arrays
        size = table.shape[-2]
        whole = index.astype(np.int64)
        place = np.clip(np.where(whole < 0, whole + size, whole), 0, size - 1)
        if table.ndim == 3:
            return np.moveaxis(table[:, place], 1, 0)
        return np.take_along_axis(table, place[:, None, :, None], axis=2)

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        return self.evaluate(*arrays)
