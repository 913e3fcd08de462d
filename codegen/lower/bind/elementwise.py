"""Bind operators that compute each element, or each pixel, on its own."""

from __future__ import annotations

import numpy as np

from codegen.ir.fixed_point import Rescale
from codegen.ir.op import Signature
from codegen.lower.bind.binding import Binding, Data, rescale_params
from codegen.lower.bind.groups import exponentials_data, parameters_of
from codegen.ops import Add, FlipSign, Lrn, Softmax
from codegen.ops.curve import Curve
from codegen.ops.unary import Unary, least
from codegen.ops.unary16 import Octaves, Steps


def bind_add(op: Add, signature: Signature) -> Binding:
    """Two products, one shift."""
    p = op.params(signature)
    y = signature.output
    return Binding(
        f"add_{y.width * y.channels}",
        "One row of a sum",
        {
            "n": y.width * y.channels,
            "pixels": y.width,
            "channels": y.channels,
            "a_multiplier": p.multipliers[0],
            "b_multiplier": p.multipliers[1],
            "offset": p.offset,
            "shift": p.shift,
            "low": p.low,
            "high": p.high,
        },
    )


def bind_table(op: Unary, signature: Signature) -> Binding:
    """A look-up of 256 entries."""
    x, y = signature.inputs[0], signature.output
    p = op.params(signature)
    assert isinstance(p, np.ndarray)
    comment = f"{op.name} of each {x.dtype.value}, from {least(x)} up"
    table = Data("table", "int8_t", p.view(np.int8), comment)
    is_unsigned = least(x) == 0
    params = {"pixels": y.width, "channels": y.channels, "unsigned": is_unsigned}
    stem = f"table_{y.width}x{y.channels}{'_u8' if is_unsigned else ''}"
    return Binding(stem, "One row through a table", params, (table,))


def bind_flip_sign(op: FlipSign, signature: Signature) -> Binding:
    """Four bytes at a time."""
    n = signature.output.row_bytes
    return Binding(f"flip_sign_{n}", "One row between int8 and uint8", {"n": n})


def bind_scale16(op: Unary, signature: Signature) -> Binding:
    """One product; operand or result may be of 8 bits."""
    p, x, y = op.params(signature), signature.inputs[0], signature.output
    assert isinstance(p, Rescale) and x.quant is not None
    return Binding(
        f"scale_{x.dtype.value}_{y.dtype.value}_{y.width}x{y.channels}",
        "One row in another format, or limited",
        {
            "pixels": y.width,
            "channels": y.channels,
            "input_zero": x.quant.zero_point,
            "multiplier": p.multipliers[0],
            **rescale_params(p),
        },
    )


def bind_function16(op: Unary, signature: Signature) -> Binding:
    """Entries of a function: even ones, those of octaves, or where it jumps."""
    p, y = op.params(signature), signature.output
    size = f"{y.width}x{y.channels}"
    params: dict[str, object] = {"pixels": y.width, "channels": y.channels}
    if isinstance(p, Curve):
        step = 1 << (16 - p.bits)
        table = Data("table", "int16_t", p.table, f"{op.name} at every {step} steps from -2^15 up")
        params |= {"shift": 16 - p.bits}
        return Binding(f"curve_{size}", "One row through an interpolated table", params, (table,))
    if isinstance(p, Octaves):
        comment = f"{op.name} at 0, 1 ... {2 * p.segments}, then {p.segments} places an octave; -0"
        table = Data("table", "int16_t", p.table, f"{comment}, -1 ...")
        params |= {"segments": p.segments, "half": p.half}
        return Binding(f"octaves_{size}", "One row through an interpolated table", params, (table,))
    assert isinstance(p, Steps)
    starts = Data("starts", "int16_t", p.starts, "where the next of the values begins")
    values = Data("values", y.dtype.ctype, p.values, f"of {op.name}")
    params |= {"count": len(p.starts), "ctype": y.dtype.ctype, "wide": y.is_int16}
    return Binding(f"steps_{size}", "One row by the steps of a function", params, (starts, values))


def bind_softmax(op: Softmax, signature: Signature) -> Binding:
    """Exponentials from a table, then one division an element."""
    p = op.params(signature)
    x = signature.inputs[0]
    data = exponentials_data(p.exponentials)
    return Binding(
        f"softmax_{x.channels}",
        "Softmax of each pixel of a row",
        {
            "pixels": x.width,
            "channels": x.channels,
            "multiplier": p.multiplier,
            "shift": p.shift,
            "zero": p.zero_point,
            "ctype": data[0].ctype,
            "tables": parameters_of(data),
        },
        data,
    )


def bind_lrn(op: Lrn, signature: Signature) -> Binding:
    """A running sum of squares along the channels, a factor from a table, one rescale."""
    p = op.params(signature)
    y = signature.output
    comment = f"of sums of squares, {p.segments} an octave; in 2^-{32 - p.rescale.shift}"
    return Binding(
        f"lrn_{y.width}x{y.channels}",
        f"Normalize each pixel of a row over {op.size} channels",
        {
            "pixels": y.width,
            "channels": y.channels,
            "before": op.before,
            "after": op.after,
            "segments": p.segments,
            "limit": 2 * p.segments,
            "input_zero": p.input_zero_point,
            **rescale_params(p.rescale),
        },
        (Data("factors", "int32_t", p.factors, comment),),
    )
