"""Functions of several values that broadcast as in NumPy, and of one with constants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.convert.functions import emit_function
from codegen.frontend.convert.quantized import format_of
from codegen.frontend.operand import NHWC, Const, Unsupported, View
from codegen.ir.types import Array, DType
from codegen.ops import Elementwise
from codegen.ops.elementwise import PLAIN
from codegen.ops.functions import FUNCTIONS, VARIABLE, Expression

BINARY: Mapping[str, str] = {
    "And": "bit_and",
    "BitwiseAnd": "bit_and",
    "BitwiseNot": "bit_not",
    "BitwiseOr": "bit_or",
    "BitwiseXor": "bit_xor",
    "Equal": "equal",
    "Greater": "greater",
    "GreaterOrEqual": "greater_equal",
    "Less": "less",
    "LessOrEqual": "less_equal",
    "Max": "max",
    "Mean": "mean",
    "Min": "min",
    "Not": "not",
    "Or": "bit_or",
    "PRelu": "prelu",
    "Pow": "pow",
    "Sum": "add",
    "Where": "where",
    "Xor": "bit_xor",
}
"""For each ONNX operator its function."""
PAIRWISE = ("add", "max", "min")
"""Functions of any number of operands that are those of two, again and again."""
INVERSIONS = ("bit_not", "not")
"""Functions of one operand."""


def convert_elementwise(builder: Builder, call: Call) -> View:
    """An operator of BINARY."""
    return combine(builder, call, BINARY[call.proto.op_type])


def convert_mod(builder: Builder, call: Call) -> View:
    """Mod with the sign of the divisor, or of the dividend where it is `fmod`."""
    return combine(builder, call, "fmod" if call.integer("fmod", 0) else "mod")


def convert_bit_shift(builder: Builder, call: Call) -> View:
    """BitShift of unsigned integers."""
    return combine(builder, call, f"shift_{call.text('direction', 'LEFT').lower()}")


def combine(builder: Builder, call: Call, kind: str) -> View:
    """Add the function of the operands; of one value of reals and numbers it is a table."""
    operands = [operand for operand in call.operands if isinstance(operand, Const | View)]
    values = operands[call.proto.op_type == "Where" :]
    exact = all(is_plain(builder, operand) for operand in values)
    views = [operand for operand in operands if isinstance(operand, View)]
    if not exact and kind not in FUNCTIONS:
        raise Unsupported("combines real values", "only integers and booleans have bits")
    if kind == "pow" and not exact and any(map(partial(is_plain, builder), views)):
        raise Unsupported("has integers for one operand", "cast them to float")
    if len(operands) == 1 and kind not in INVERSIONS:
        return replace(views[0], tensor=call.output)
    if len(views) == 1 and is_real(builder, views[0]):
        expression = of_numbers(kind, operands)
        if expression is not None:
            return emit_function(builder, call, views[0], expression)
    return arranged(builder, call, Elementwise(kind, exact), operands)


def is_plain(builder: Builder, operand: Const | View) -> bool:
    """An operand is integers or booleans that stand for themselves."""
    if isinstance(operand, Const):
        return not operand.is_quantized and operand.data.dtype.kind in "iub"
    if is_real(builder, operand):
        return False
    if builder.types[operand.value].quant not in (None, PLAIN):
        raise Unsupported(
            "computes on int8 values", "put DequantizeLinear before and QuantizeLinear behind"
        )
    return True


def is_real(builder: Builder, view: View) -> bool:
    """A computed value of real numbers."""
    return builder.types[view.value].dtype is DType.FLOAT32


def of_numbers(kind: str, operands: Sequence[Const | View]) -> Expression | None:
    """Return the function of one value and numbers; None where a constant is more than one."""
    rank = max(operand.rank for operand in operands if isinstance(operand, View))
    numbers: list[Expression] = []
    for operand in operands:
        if isinstance(operand, View):
            numbers.append(VARIABLE)
        elif operand.data.size == 1 and operand.data.ndim <= rank:
            numbers.append(float(operand.real().item()))
        else:
            return None
    return (kind, *numbers)


def arranged(
    builder: Builder, call: Call, op: Elementwise, operands: Sequence[Const | View]
) -> View:
    """Bring the operands into one layout, and add the node.

    Batched values of one rank stay in their layout; others take that of ONNX. Sums, and greatest
    and least of many integers are made two by two.
    """
    views = [operand for operand in operands if isinstance(operand, View)]
    rank = max(operand_rank(operand) for operand in operands)
    is_batched = all(view.batched and view.rank == rank for view in views) and not any(
        isinstance(o, Const) and o.data.ndim == rank and o.data.shape[0] > 1 for o in operands
    )
    largest = max(views, key=lambda view: builder.types[view.value].elements)
    perm = NHWC if any(view.perm == NHWC for view in views) else largest.perm
    values = [
        batched_operand(builder, call, operand, perm, op.exact)
        if is_batched
        else full_operand(builder, call, operand, rank, op.exact)
        for operand in operands
    ]
    while op.exact and op.kind in PAIRWISE and len(values) > 2:
        values[:2] = [builder.add(op, tuple(values[:2]), call.loc, f"{call.output}_{op.kind}")]
    if is_batched:
        return builder.emit(op, tuple(values), call, perm)
    return builder.emit_full(op, tuple(values), call)


def operand_rank(operand: Const | View) -> int:
    """Return the number of dimensions of an ONNX tensor."""
    return operand.data.ndim if isinstance(operand, Const) else operand.rank


def full_operand(
    builder: Builder, call: Call, operand: Const | View, rank: int, exact: bool
) -> str:
    """Return an operand with `rank` dimensions in the order of ONNX."""
    if isinstance(operand, Const):
        data = operand.real()
        data = held(data.reshape(padded(data.shape, rank)), exact)
        return builder.constant(operand.name, data, format_of(operand))
    shape = padded(builder.full_shape(operand), rank)
    return builder.reshaped(builder.full(operand, call.loc), shape, call.loc)


def batched_operand(
    builder: Builder, call: Call, operand: Const | View, perm: tuple[int, ...], exact: bool
) -> str:
    """Return an operand without the batch, transposed by `perm`."""
    if isinstance(operand, View):
        return builder.layout(operand, perm, call.loc)
    data = operand.real()
    data = data.reshape(padded(data.shape, len(perm) + 1)[1:]).transpose(perm)
    return builder.constant(operand.name, held(data, exact), format_of(operand))


def held(data: Array, exact: bool) -> Array:
    """Return a constant as graphs hold it: reals as float32."""
    return data if exact or data.dtype == np.bool_ else data.astype(np.float32)


def padded(shape: tuple[int, ...], rank: int) -> tuple[int, ...]:
    """Return a shape with dimensions of size 1 before it."""
    return (1,) * (rank - len(shape)) + shape
