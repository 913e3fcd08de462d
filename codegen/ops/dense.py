"""Dense: y = x @ w.T + b on a vector. Source: ONNX operators Gemm and MatMul.

x is (K,), w is (M, K), b is (M,).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from codegen.ir.op import Op, Signature
from codegen.ir.types import Array, TensorType
from codegen.ops.linear import Clamp, LinearParams, exact_dtype, linear_params


@dataclass(frozen=True, slots=True)
class Dense(Op):
    """Multiply a vector by a constant matrix, add a bias, clamp."""

    name: ClassVar[str] = "dense"

    clamp: Clamp = None

    def infer(self, *inputs: TensorType) -> TensorType:
        x, w, b = inputs
        if len(x.shape) != 1 or len(w.shape) != 2 or w.shape[1] != x.shape[0]:
            raise ValueError(f"expects a vector and a matrix of as many columns, got {x} and {w}")
        if b.shape != (w.shape[0],):
            raise ValueError(f"{w.shape[0]} outputs need as many biases, got {b}")
        return TensorType((w.shape[0],))

    def takes_int16(self) -> bool:
        return True

    def evaluate(self, *arrays: Array) -> Array:
        x, w, b = arrays
        y = x.astype(np.float64) @ w.astype(np.float64).T + b
        return y if self.clamp is None else np.clip(y, *self.clamp)

    def params(self, signature: Signature) -> LinearParams:
        """The integers of the layer; ValueError where they cannot be held."""
        return linear_params(signature, self.clamp)

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        p = self.params(signature)
        dtype = exact_dtype(p.weights, arrays[0])
        x: Array = arrays[0].astype(dtype)
        acc = x @ p.weights.astype(dtype).T
        return p.rescale.apply(acc.astype(np.int64) + p.bias, signature.output.dtype)

    def macs(self, signature: Signature) -> int:
        return signature.inputs[1].elements
