"""InFloat: an operator that computes in single precision, from int8 values to an int8 result.

It stands for one whose integers do not fit, and only where floats are allowed. Operands become
singles by their formats, the result takes its own; between, arithmetic is that of
codegen/ir/single.py, which has one result on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import ClassVar

import numpy as np

from codegen.ir import single
from codegen.ir.op import Op, Signature, Window
from codegen.ir.single import Singles
from codegen.ir.types import Array, TensorType
from codegen.ops.add import Add
from codegen.ops.elementwise import Elementwise
from codegen.ops.grid_sample import GridSample
from codegen.ops.matmul import MatMul
from codegen.ops.normalize import InverseDeviation, Normalize
from codegen.ops.reduce import Reduce

PAIRS: Mapping[str, Callable[[Singles, Singles], Singles]] = {
    "add": np.add,
    "div": np.divide,
    "fmod": single.remainder,
    "max": single.greatest,
    "mean": np.add,
    "min": single.least,
    "mod": single.modulo,
    "mul": np.multiply,
    "pow": single.power,
    "prelu": lambda a, b: np.where(a < 0, a * b, a),
    "sub": np.subtract,
}
"""Functions of two, or of all operands in their order; a mean is divided by their number then."""


@dataclass(frozen=True, slots=True)
class InFloat(Op):
    """`op` in single precision; constant operands are singles, or integers that are themselves."""

    name: ClassVar[str] = "in_float"

    op: Op

    def infer(self, *inputs: TensorType) -> TensorType:
        return self.op.infer(*inputs)

    def evaluate(self, *arrays: Array) -> Array:
        return self.op.evaluate(*arrays)

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        quant = signature.output.quant
        assert quant is not None
        operands = [
            x.astype(np.float32) if kind.quant is None or kind.is_plain else dequantize(x, kind)
            for x, kind in zip(arrays, signature.inputs, strict=True)
        ]
        with np.errstate(all="ignore"):
            return single.quantized(FORMS[type(self.op)](self.op, operands), quant)

    def macs(self, signature: Signature) -> int:
        return self.op.macs(signature)

    def windows(self, signature: Signature) -> tuple[Window, ...]:
        return self.op.windows(signature)


def dequantize(x: Array, kind: TensorType) -> Singles:
    """Return a quantized operand as singles."""
    assert kind.quant is not None
    return single.dequantized(x, kind.quant)


def has_float_form(op: Op) -> bool:
    """There is a form of the operator in single precision."""
    if isinstance(op, Elementwise):
        return not op.exact and (op.kind in PAIRS or op.kind == "where")
    if isinstance(op, Reduce):
        return op.kind != "lp"
    return type(op) in FORMS


def elementwise(op: Op, operands: list[Singles]) -> Singles:
    """Compute a function of elements."""
    assert isinstance(op, Elementwise)
    if op.kind == "where":
        chosen, a, b = operands
        return np.where(chosen != 0, a, b)
    y = reduce(PAIRS[op.kind], operands)
    return y / np.float32(len(operands)) if op.kind == "mean" else y


def add(op: Op, operands: list[Singles]) -> Singles:
    """Add two, and clamp."""
    assert isinstance(op, Add)
    y = np.add(*operands)
    if op.clamp is None:
        return y
    low, high = (np.float32(bound) for bound in op.clamp)
    return single.least(single.greatest(y, low), high)


def summed(x: Singles) -> Singles:
    """Sum groups one value after the other."""
    total: Singles = np.add.accumulate(x, axis=2)[:, :, -1:]
    return total


def reduced(op: Op, operands: list[Singles]) -> Singles:
    """Compute one number for each group, one value after the other."""
    assert isinstance(op, Reduce)
    (x,) = operands
    if op.kind == "prod":
        product: Singles = np.multiply.accumulate(x, axis=2)[:, :, -1:]
        return product
    if op.kind == "log_sum_exp":
        top: Singles = x.max(axis=2, keepdims=True)
        total = summed(single.exp2((x - top) * single.LOG2_E))
        return top + single.log2(total) * single.LN_2
    if op.kind in ("l2", "sum_square"):
        total = summed(x * x)
        return single.root(total) if op.kind == "l2" else total
    total = summed(np.abs(x) if op.kind == "l1" else x)
    if op.kind == "log_sum":
        return single.log2(total) * single.LN_2
    return total / np.float32(x.shape[2]) if op.kind == "mean" else total


def centered(x: Singles) -> Singles:
    """Return values less the mean of their group."""
    return x - summed(x) / np.float32(x.shape[2])


def inverse_deviation(op: Op, operands: list[Singles]) -> Singles:
    """Compute one over the deviation of each group."""
    assert isinstance(op, InverseDeviation)
    d = centered(operands[0])
    variance = summed(d * d) / np.float32(d.shape[2])
    return np.float32(1) / single.root(variance + np.float32(op.epsilon))


def normalized(op: Op, operands: list[Singles]) -> Singles:
    """Divide by the norm of the group; what has none is zero before the bias."""
    assert isinstance(op, Normalize)
    (x,) = operands
    d = centered(x) if op.norm == "deviation" else x
    if op.norm == "l1":
        norm = summed(np.abs(d))
        energy = norm * norm
    else:
        energy = summed(d * d)
    if op.norm in ("deviation", "rms"):
        energy = energy / np.float32(d.shape[2])
    norm = single.root(energy + np.float32(op.epsilon))
    z = np.where(norm > 0, d / norm, np.float32(0))
    index = op.index(x.shape[1:])
    scales, biases = (np.asarray(v, np.float32)[index] for v in (op.scales, op.biases))
    return z * scales + biases


def multiplied(op: Op, operands: list[Singles]) -> Singles:
    """Multiply matrices, product after product."""
    assert isinstance(op, MatMul)
    a, b = operands
    b = b.swapaxes(-1, -2) if op.transposed else b
    y = np.zeros((*a.shape[:-1], b.shape[-1]), np.float32)
    for k in range(a.shape[-1]):
        y = y + a[..., k : k + 1] * b[..., k : k + 1, :]
    return y * np.float32(op.factor)


def sampled(op: Op, operands: list[Singles]) -> Singles:
    """Compute values at places."""
    assert isinstance(op, GridSample)
    return op.sample(*operands)


FORMS: Mapping[type[Op], Callable[[Op, list[Singles]], Singles]] = {
    Add: add,
    Elementwise: elementwise,
    GridSample: sampled,
    InverseDeviation: inverse_deviation,
    MatMul: multiplied,
    Normalize: normalized,
    Reduce: reduced,
}
"""What each operator computes of singles."""
