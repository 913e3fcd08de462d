"""Elementwise: functions of several values, element by element, that broadcast as in NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from codegen.ir.op import Op, Signature, Window
from codegen.ir.types import PLAIN_SCALE, Array, DType, Quant, TensorType
from codegen.ops.exact import EXACT
from codegen.ops.functions import FUNCTIONS, PREDICATES
from codegen.ops.rounded import (
    COMPARED,
    LINEAR,
    PICKED,
    Linear,
    Power,
    Product,
    Quotient,
    WideQuotient,
    compared,
    linear_params,
    linear_result,
    power_params,
    power_result,
    product_params,
    product_result,
    quotient_params,
    quotient_result,
    wide_quotient_result,
)

PLAIN = Quant((PLAIN_SCALE,))


@dataclass(frozen=True, slots=True)
class Elementwise(Op):
    """y = f(a, b ...), f named by `kind`.

    Where it is `exact` the operands are integers that stand for themselves, and results wrap;
    else they are reals, but for the condition of a `where`. Computed operands have as many
    dimensions as the result, constants may have fewer.
    """

    name: ClassVar[str] = "elementwise"
    in_place: ClassVar[bool] = True
    takes_integers: ClassVar[bool] = True

    kind: str = "add"
    exact: bool = False

    def infer(self, *inputs: TensorType) -> TensorType:
        if self.kind not in (EXACT if self.exact else FUNCTIONS):
            raise ValueError(f"there is no function '{self.kind}'")
        shape = np.broadcast_shapes(*(kind.shape for kind in inputs))
        if self.kind in PREDICATES:
            return TensorType(shape, DType.BOOL, PLAIN)
        if not self.exact:
            return TensorType(shape)
        return TensorType(shape, inputs[-1].dtype, PLAIN)

    def takes_int16(self) -> bool:
        return self.kind not in ("fmod", "mod", "pow")

    def windows(self, signature: Signature) -> tuple[Window, ...]:
        rows = signature.output.rows
        kinds = zip(signature.inputs, signature.constants, strict=True)
        computed = (kind for kind, constant in kinds if constant is None)
        return tuple(Window(stride=int(kind.rows == rows)) for kind in computed)

    def evaluate(self, *arrays: Array) -> Array:
        with np.errstate(all="ignore"):
            found = (EXACT if self.exact else FUNCTIONS)[self.kind](*arrays)
        return np.where(np.isnan(found), 0.0, found) if found.dtype.kind == "f" else found

    def params(
        self, signature: Signature
    ) -> Linear | Product | Quotient | WideQuotient | Power | None:
        """Return what the kernel is told; ValueError where it does not fit 32 bits."""
        if self.exact:
            return None
        if self.kind in (*LINEAR, *PICKED, *COMPARED):
            return linear_params(self.kind, signature)
        if self.kind in ("mul", "prelu"):
            return product_params(self.kind, signature)
        if self.kind == "div":
            return quotient_params(signature)
        assert self.kind == "pow", f"no kernel for {self.kind}"
        return power_params(signature)

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        if self.exact:
            return self.evaluate(*arrays).astype(signature.output.dtype.numpy)
        if DType.FLOAT32 in (kind.dtype for kind in signature.inputs):
            return self.evaluate(*arrays)
        p = self.params(signature)
        if isinstance(p, Linear):
            apply = compared if self.kind in COMPARED else linear_result
            y = apply(self.kind, p, list(arrays))
        elif isinstance(p, Product):
            y = product_result(self.kind, p, *arrays)
        elif isinstance(p, Quotient):
            y = quotient_result(p, *arrays)
        elif isinstance(p, WideQuotient):
            y = wide_quotient_result(p, *arrays)
        else:
            assert isinstance(p, Power)
            y = power_result(p, *arrays)
        return y.astype(signature.output.dtype.numpy)


def differs_by_row(signature: Signature) -> bool:
    """Some constant differs from row to row of the result."""
    kinds = zip(signature.inputs, signature.constants, strict=True)
    constants = (kind for kind, constant in kinds if constant is not None)
    return any(has_rows_of(kind, signature.output) for kind in constants)


def has_rows_of(kind: TensorType, y: TensorType) -> bool:
    """A constant of this type differs from row to row of a result of type `y`."""
    return len(y.shape) > 1 and len(kind.shape) == len(y.shape) and kind.shape[0] > 1
