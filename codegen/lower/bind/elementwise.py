"""Bind operators that compute each element, or each pixel, on its own."""

from __future__ import annotations

from codegen.ir.op import Signature
from codegen.lower.bind.binding import Binding, Data, rescale_params
from codegen.ops import Add, Lrn, Softmax
from codegen.ops.unary import Unary


def bind_add(op: Add, signature: Signature) -> Binding:
    """Two products, one shift."""
    p = op.params(signature)
    y = signature.output
    return Binding(
        f"add_{y.row_bytes}",
        "One row of a sum",
        {
            "n": y.row_bytes,
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
    y = signature.output
    table = Data("table", "int8_t", op.params(signature), f"{op.name} of each int8, from -128 up")
    params = {"pixels": y.width, "channels": y.channels}
    return Binding(f"table_{y.width}x{y.channels}", "One row through a table", params, (table,))


def bind_softmax(op: Softmax, signature: Signature) -> Binding:
    """Exponentials from a table, then one division an element."""
    p = op.params(signature)
    x = signature.inputs[0]
    ctype = f"{p.exponentials.dtype}_t"
    table = Data("table", ctype, p.exponentials, f"exp(-d * input scale) * {p.exponentials[0]}")
    return Binding(
        f"softmax_{x.channels}",
        "Softmax of each pixel of a row",
        {
            "pixels": x.width,
            "channels": x.channels,
            "multiplier": p.multiplier,
            "shift": p.shift,
            "zero": p.zero_point,
            "ctype": ctype,
        },
        (table,),
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
