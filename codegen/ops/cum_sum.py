"""CumSum: running sums along groups. Source: ONNX operator CumSum.

x and y are (outer, n, inner): groups run along the middle dimension.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from codegen.ir.fixed_point import INT32_MAX, Rescale, magnitude, rescale_for
from codegen.ir.op import Op, Signature
from codegen.ir.types import Array, TensorType
from codegen.ops.reduce import check_groups, is_plain


@dataclass(frozen=True, slots=True)
class CumSum(Op):
    """The sum of a value and all before it; without itself if `exclusive`, behind if `reverse`."""

    name: ClassVar[str] = "cum_sum"
    takes_integers: ClassVar[bool] = True

    exclusive: bool = False
    reverse: bool = False

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        check_groups(x)
        return replace(x) if is_plain(x) else TensorType(x.shape)

    def takes_int16(self) -> bool:
        return True

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        wide = x.astype(np.float64) if x.dtype.kind == "f" else x
        return self.sums(wide)

    def sums(self, x: Array) -> Array:
        """Return the running sums of (N, outer, n, inner) in the type of x."""
        ordered = x[:, :, ::-1] if self.reverse else x
        total = np.cumsum(ordered, axis=2, dtype=x.dtype)
        total = total - ordered if self.exclusive else total
        return total[:, :, ::-1] if self.reverse else total

    def params(self, signature: Signature) -> Rescale | None:
        """Derive the rescale; ValueError where sums do not fit 32 bits."""
        x, y = signature.inputs[0], signature.output
        if is_plain(x):
            return None
        assert x.quant is not None and y.quant is not None
        bound = magnitude(x) * x.shape[1]
        if bound > INT32_MAX:
            raise ValueError(f"sums of {x.shape[1]} values overflow 32 bits")
        return rescale_for((x,), [x.quant.scale / y.quant.scale], bound, y)

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        p, quant = self.params(signature), signature.inputs[0].quant
        if p is None:
            return self.sums(arrays[0])
        assert quant is not None
        total = self.sums(arrays[0].astype(np.int64) - quant.zero_point)
        return p.apply(total, signature.output.dtype)
