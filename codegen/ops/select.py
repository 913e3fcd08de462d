"""The greatest or least of each group, in order: their values, their indices, or where one stands.

Source: the ONNX operators TopK, ReduceMax, ReduceMin, ArgMax, ArgMin and Hardmax. x is (outer, n,
inner), y (outer, k, inner): groups run along the middle dimension.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from codegen.ir.fixed_point import Int64s
from codegen.ir.op import Op, Signature
from codegen.ir.types import Array, DType, TensorType
from codegen.ops.reduce import check_groups


@dataclass(frozen=True, slots=True)
class Select(Op):
    """The first `k` of each group: the greatest, or the least unless `greatest`.

    Of equal values that of the least index comes first; with `last`, that of the greatest, which
    is then the only one.
    """

    k: int = 1
    greatest: bool = True
    last: bool = False

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        check_groups(x)
        if not 1 <= self.k <= x.shape[1]:
            raise ValueError(f"selects {self.k} of {x.shape[1]} values")
        return TensorType((x.shape[0], self.k, x.shape[2]))

    def order(self, x: Array) -> Int64s:
        """Return the indices of the selected, (N, outer, k, inner)."""
        _, ranks = np.unique(x, return_inverse=True)
        keys = ranks.reshape(x.shape).astype(np.int64) * (-1 if self.greatest else 1)
        if self.last:
            behind: Int64s = np.argmin(keys[:, :, ::-1], axis=2, keepdims=True)
            return np.asarray(x.shape[2] - 1 - behind)
        order: Int64s = np.argsort(keys, axis=2, kind="stable")[:, :, : self.k]
        return order


@dataclass(frozen=True, slots=True)
class SelectValues(Select):
    """The values themselves."""

    name: ClassVar[str] = "select_values"
    keeps_quant: ClassVar[bool] = True

    def evaluate(self, *arrays: Array) -> Array:
        return np.take_along_axis(arrays[0], self.order(arrays[0]), axis=2)

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        return self.evaluate(*arrays)


@dataclass(frozen=True, slots=True)
class SelectIndices(Select):
    """Their indices in the group, int32."""

    name: ClassVar[str] = "select_indices"
    takes_integers: ClassVar[bool] = True

    def infer(self, *inputs: TensorType) -> TensorType:
        # By the name of the class: slots make a new one, which super() does not know.
        shape = Select.infer(self, *inputs).shape
        return TensorType(shape, DType.INT32)

    def evaluate(self, *arrays: Array) -> Array:
        return self.order(arrays[0]).astype(np.int32)

    def takes_int16(self) -> bool:
        return True

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        return self.evaluate(*arrays)


@dataclass(frozen=True, slots=True)
class Hardmax(Op):
    """1 for the first of the greatest values of each group, 0 for all others."""

    name: ClassVar[str] = "hardmax"

    def infer(self, *inputs: TensorType) -> TensorType:
        check_groups(inputs[0])
        return TensorType(inputs[0].shape)

    def evaluate(self, *arrays: Array) -> Array:
        y = np.zeros(arrays[0].shape)
        np.put_along_axis(y, arrays[0].argmax(axis=2)[:, :, None], 1.0, axis=2)
        return y

    def takes_int16(self) -> bool:
        return True

    def params(self, signature: Signature) -> tuple[int, int]:
        """Return what stands for 0 and for 1."""
        quant, dtype = signature.output.quant, signature.output.dtype
        assert quant is not None
        return int(quant.quantize(0.0, dtype)), int(quant.quantize(1.0, dtype))

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        zero, one = self.params(signature)
        dtype = signature.output.dtype.numpy
        y: Array = np.where(self.evaluate(*arrays) > 0, one, zero)
        return y.astype(dtype)
