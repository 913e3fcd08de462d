"""Bind what computes in single precision: its C as expressions of singles."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce

import numpy as np

from codegen.ir.op import Signature
from codegen.ir.program import float_literal
from codegen.ir.single import LN_2, LOG2_E, steps_of
from codegen.ir.types import DType, Quant, TensorType
from codegen.lower.bind.binding import Binding, Data
from codegen.lower.bind.broadcast import NAMES, bind_loops
from codegen.lower.bind.groups import WORDS as SUMS
from codegen.lower.bind.groups import group_params
from codegen.lower.bind.linear import matmul_sizes
from codegen.lower.bind.normalize import WORDS as NORMS
from codegen.ops import (
    Add,
    Elementwise,
    GridSample,
    InFloat,
    InverseDeviation,
    MatMul,
    Normalize,
    Reduce,
)
from codegen.ops.reduce import Kind

PAIRS = {
    "add": "{a} + {b}",
    "div": "{a} / {b}",
    "fmod": "fx_remainder({a}, {b})",
    "max": "fx_greatest_single({a}, {b})",
    "mean": "{a} + {b}",
    "min": "fx_least_single({a}, {b})",
    "mod": "fx_modulo({a}, {b})",
    "mul": "{a} * {b}",
    "pow": "fx_power({a}, {b})",
    "prelu": "({a} < 0.0f) ? ({a} * {b}) : {a}",
    "sub": "{a} - {b}",
}
"""Functions of two singles, as codegen/ops/in_float.py has them."""
TERMS: Mapping[Kind, str] = {
    "l1": "(x < 0.0f) ? -x : x",
    "l2": "x * x",
    "sum_square": "x * x",
    "log_sum_exp": f"fx_exp2((x - top) * {float_literal(LOG2_E)})",
}
"""What is summed of x."""
RESULTS: Mapping[Kind, str] = {
    "mean": "total / {n}",
    "l2": "fx_root_single(total)",
    "log_sum": f"fx_log2_single(total) * {float_literal(LN_2)}",
    "log_sum_exp": f"top + (fx_log2_single(total) * {float_literal(LN_2)})",
}
"""What becomes of the sum."""


def bind_float(op: InFloat, signature: Signature) -> Binding:
    """Return the binding of an operator in single precision."""
    return BINDERS[type(op.op)](op.op, signature)


def literal(value: float) -> str:
    """Return the single nearest to a real as a C constant."""
    return float_literal(np.float32(value))


def real(element: str, kind: TensorType) -> str:
    """Return the single that an element stands for, as C text."""
    if kind.dtype is DType.FLOAT32:
        return element
    if kind.quant is None or kind.is_plain:
        return f"(float){element}"
    zero = kind.quant.zero_point
    steps = f"({element} - {bracketed(zero)})" if zero else element
    return f"(float){steps} * {literal(kind.quant.scale)}"


def bracketed(value: int) -> str:
    """Return an integer as a C operand."""
    return f"({value})" if value < 0 else f"{value}"


def output_params(signature: Signature) -> dict[str, object]:
    """Return what quantizes the result."""
    quant = output_format(signature)
    return {"steps": float_literal(steps_of(quant)), "zero": quant.zero_point}


def output_format(signature: Signature) -> Quant:
    """Return the format of the result."""
    assert signature.output.quant is not None
    return signature.output.quant


def bind_element(op: Elementwise | Add, signature: Signature) -> Binding:
    """Loops over what broadcasts, and an expression."""
    kind = op.kind if isinstance(op, Elementwise) else "add"
    names = NAMES[: len(signature.inputs)]
    singles = tuple(
        {"name": f"{name}_real", "value": real(name, operand)}
        for name, operand in zip(names, signature.inputs, strict=True)
    )
    told = {
        "singles": singles,
        "expression": expression(op, kind, [f"{name}_real" for name in names]),
        **output_params(signature),
    }
    return bind_loops(signature, f"{kind}_in_float", f"{kind} in floats", ("single", told, ()))


def expression(op: Elementwise | Add, kind: str, names: Sequence[str]) -> str:
    """Return the C of a function of singles."""
    if kind == "where":
        chosen, a, b = names
        return f"({chosen} != 0.0f) ? {a} : {b}"
    y = reduce(lambda a, b: PAIRS[kind].format(a=a, b=b), names)
    if kind == "mean":
        return f"({y}) / {literal(len(names))}"
    clamp = op.clamp if isinstance(op, Add) else None
    if clamp is None:
        return y
    low, high = clamp
    if not math.isinf(low):
        y = f"fx_greatest_single({y}, {literal(low)})"
    return y if math.isinf(high) else f"fx_least_single({y}, {literal(high)})"


def bind_reduced(op: Reduce, signature: Signature) -> Binding:
    """One number for each group."""
    n = signature.inputs[0].shape[1]
    told = {
        "before": "top" if op.kind == "log_sum_exp" else "",
        "start": "1.0f" if op.kind == "prod" else "0.0f",
        "assign": "*=" if op.kind == "prod" else "+=",
        "term": TERMS.get(op.kind, "x"),
        "result": RESULTS.get(op.kind, "total").format(n=literal(n)),
    }
    return bind_groups(signature, op.kind, SUMS[op.kind], told)


def bind_deviation(op: InverseDeviation, signature: Signature) -> Binding:
    """One over the deviation of each group."""
    n = literal(signature.inputs[0].shape[1])
    told = {
        "before": "mean",
        "start": "0.0f",
        "assign": "+=",
        "term": "(x - mean) * (x - mean)",
        "result": f"1.0f / fx_root_single((total / {n}) + {literal(op.epsilon)})",
    }
    return bind_groups(signature, "inverse_deviation", "inverse deviation", told)


def bind_groups(signature: Signature, stem: str, words: str, told: Mapping[str, object]) -> Binding:
    """Return the binding of a reduction."""
    x, sizes = signature.inputs[0], group_params(signature)
    return Binding(
        f"{stem}_in_float_{sizes['n']}x{sizes['inner']}",
        f"The {words} of each group of {sizes['n']} values, in floats",
        {
            **sizes,
            **told,
            "count": literal(x.shape[1]),
            "real": real("in[(i * inner) + j]", x),
            **output_params(signature),
        },
    )


def bind_normalized(op: Normalize, signature: Signature) -> Binding:
    """Two passes over each group, three about a mean."""
    x = signature.inputs[0]
    outer, n, inner = x.shape
    factors = np.stack([op.scales, op.biases], axis=1).astype(np.float32)
    energy = "(sum * sum)" if op.norm == "l1" else "sum"
    if op.norm in ("deviation", "rms"):
        energy = f"(sum / {literal(n)})"
    return Binding(
        f"normalize_{op.norm}_in_float_{outer}x{n}x{inner}",
        f"Groups of {n}: {NORMS[op.norm]}, in floats",
        {
            "n": n,
            "inner": inner,
            "groups": outer * inner,
            "count": literal(n),
            "centered": op.norm == "deviation",
            "term": TERMS["l1" if op.norm == "l1" else "l2"],
            "energy": f"{energy} + {literal(op.epsilon)}",
            "repeat": op.repeat,
            "coefficients": len(op.scales),
            "real": real("in[e]", x),
            **output_params(signature),
        },
        (Data("factors", "float", factors, "scale and bias"),),
    )


def bind_matrices(op: MatMul, signature: Signature) -> Binding:
    """Steps through the second matrices as they lie."""
    a, b = signature.inputs
    sizes = matmul_sizes(op, signature)
    shape = f"{sizes['batch']}x{sizes['rows']}x{sizes['depth']}x{sizes['columns']}"
    return Binding(
        f"matmul_in_float_{shape}",
        "Products of matrices, in floats",
        {
            **sizes,
            "a": real("a[k]", a),
            "b": real("*from", b),
            "factor": literal(op.factor),
            **output_params(signature),
        },
    )


def bind_sampled(op: GridSample, signature: Signature) -> Binding:
    """Four corners of each pixel of the result; a constant grid is an operand of its own."""
    x, grid = signature.inputs
    height, width, channels = x.shape
    held, pixels = signature.constants[1], math.prod(grid.shape[:2])
    data = () if held is None else (Data("grid", "float", held, "x and y of each place"),)
    places, out = "const int8_t *grid", "int8_t *out"
    return Binding(
        f"sample_{height}x{width}x{channels}_{pixels}",
        "Values at places that a grid tells, in floats",
        {
            "parameters": ", ".join((out, "const float *grid") if data else (places, out)),
            "x": real("grid[pixel * 2]", grid),
            "y": real("grid[(pixel * 2) + 1]", grid),
            "columns": axis_places(op, width),
            "rows": axis_places(op, height),
            "corners": op.corners,
            "linear": op.linear,
            "reflected": op.padding == "reflection",
            "first": "0.0f" if op.corners else "(-0.5f)",
            "height": height,
            "width": width,
            "channels": channels,
            "pixels": pixels,
            "real": real("corners[corner][c]", x),
            **output_params(signature),
        },
        data,
    )


def axis_places(op: GridSample, size: int) -> tuple[str, ...]:
    """Return what turns the grid into pixels of an axis."""
    half = (size - 1) / 2 if op.corners else size / 2
    low, high = (-1, size) if op.padding == "zeros" else (0, size - 1)
    length = (max(size - 1 if op.corners else size, 1),) if op.padding == "reflection" else ()
    return tuple(map(literal, (half, low, high, *length)))


BINDERS: Mapping[type, Callable[..., Binding]] = {
    Add: bind_element,
    Elementwise: bind_element,
    GridSample: bind_sampled,
    InverseDeviation: bind_deviation,
    MatMul: bind_matrices,
    Normalize: bind_normalized,
    Reduce: bind_reduced,
}
