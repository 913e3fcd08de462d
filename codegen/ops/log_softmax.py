"""LogSoftmax over the innermost dimension. Source: ONNX operator LogSoftmax."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from codegen.ir.op import Op, Signature
from codegen.ir.roots import log2
from codegen.ir.types import Array, TensorType
from codegen.ops.reduce import ReduceParams, exponential_params


@dataclass(frozen=True, slots=True)
class LogSoftmax(Op):
    """x - max - log(sum(exp(x - max))) along the last axis."""

    name: ClassVar[str] = "log_softmax"
    in_place: ClassVar[bool] = True

    def infer(self, *inputs: TensorType) -> TensorType:
        return TensorType(inputs[0].shape)

    def takes_int16(self) -> bool:
        return True

    def evaluate(self, *arrays: Array) -> Array:
        x = arrays[0].astype(np.float64)
        rest = x - x.max(axis=-1, keepdims=True)
        y: Array = rest - np.log(np.exp(rest).sum(axis=-1, keepdims=True))
        return y

    def params(self, signature: Signature) -> ReduceParams:
        """Derive table and rescale; y = rescale((x - greatest) * step - log2(sum) - offset)."""
        x, y = signature.inputs[0], signature.output
        assert x.quant is not None and y.quant is not None
        return exponential_params(x.channels, x, y)

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        p = self.params(signature)
        x = arrays[0].astype(np.int64)
        rest = x - x.max(axis=-1, keepdims=True)
        total = p.exponentials.at(-rest).sum(axis=-1, keepdims=True)
        acc = p.in_logs(rest) - (log2(total, p.bits) + p.offset)
        return p.rescale.apply(acc, signature.output.dtype)
