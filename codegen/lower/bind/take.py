"""Bind what reads elements by their index: as loops where they lie evenly, else by a table."""

from __future__ import annotations

import numpy as np

from codegen.ir.op import Op, Signature
from codegen.ir.types import Array
from codegen.lower.bind.binding import Binding, Data, rescale_params
from codegen.ops import Blend, Constant, Lookup, Take
from codegen.ops.runs import Runs, index_of, least_unsigned, runs_of, strided_loops


def bind_strided(op: Op, signature: Signature) -> Binding:
    """Four nested loops over runs."""
    size = signature.output.dtype.size_bytes
    loops = strided_loops(index_of(op, signature))
    assert loops is not None
    shape = "x".join(map(str, signature.output.shape)) or "1"
    return Binding(
        f"take_strided_{shape}",
        f"Elements at even distances, to {shape}",
        {
            "sizes": loops.sizes,
            "strides": tuple(size * stride for stride in loops.strides),
            "first": size * loops.first,
            "run": size * loops.run,
        },
    )


def bind_take(op: Take, signature: Signature) -> Binding:
    """A table of the places where runs begin."""
    runs = runs_of(index_of(op, signature))
    table = least_unsigned(runs.starts)
    return Binding(
        f"take_{table.size}x{runs.length}",
        f"{table.size} runs of {runs.length}, as an index has them",
        _table_params(runs, table, signature),
        (_index_data(runs, table),),
    )


def bind_lookup(op: Lookup, signature: Signature) -> Binding:
    """Parts of a table; a computed one is bytes, a constant one has its own type."""
    (table, index), y = signature.inputs, signature.output
    constant = signature.constants[0]
    outer, size, inner = table.shape
    unit = table.dtype.size_bytes
    run = inner if constant is not None else inner * unit
    ctype = table.dtype.ctype if constant is not None else "int8_t"
    pointers = [f"const {ctype} *table", "const int8_t *index", "int8_t *out"]
    held = () if constant is None else (Data("table", ctype, constant, "[outer][n][inner]"),)
    return Binding(
        f"lookup_{y.shape[1]}x{inner}",
        f"{y.shape[1]} parts of a table of {size}",
        {
            "parameters": ", ".join((*pointers[1:], pointers[0]) if held else pointers),
            "outer": outer,
            "size": size,
            "last": size - 1 if size - 1 < index.dtype.max else 0,
            "count": y.shape[1],
            "index_type": index.dtype.ctype,
            "index_bytes": index.dtype.size_bytes,
            "signed": index.dtype.min < 0,
            "run": run,
            "part_bytes": inner * unit,
            "table_pitch": size * run,
        },
        held,
    )


def bind_take_or_fill(op: Take, signature: Signature) -> Binding:
    """The same with a last place that stands for the fill value."""
    runs = runs_of(index_of(op, signature))
    none = int(runs.starts.max()) + 1
    table = least_unsigned(np.where(runs.starts < 0, none, runs.starts))
    y = signature.output
    return Binding(
        f"take_or_fill_{table.size}x{runs.length}",
        f"{table.size} runs of {runs.length}, as an index has them, or the fill value",
        {
            **_table_params(runs, table, signature),
            "none": none,
            "size": y.dtype.size_bytes,
            "element": y.dtype.ctype,
            "fill": op.fill(signature),
        },
        (_index_data(runs, table),),
    )


def bind_constant(op: Constant, signature: Signature) -> Binding:
    """A copy from flash."""
    (values,) = signature.constants
    assert values is not None
    y = signature.output
    ctype = y.dtype.ctype
    return Binding(
        f"constant_{y.size_bytes}",
        f"{y.size_bytes} bytes from flash",
        {"ctype": ctype, "size": y.size_bytes},
        (Data("values", ctype, values.ravel(), "known beforehand"),),
    )


def bind_blend(op: Blend, signature: Signature) -> Binding:
    """Places and weights of the rows' taps, then of the columns'."""
    p = op.params(signature)
    x, y = signature.inputs[0], signature.output
    rows, columns = signature.constants[1], signature.constants[3]
    assert rows is not None and columns is not None
    places = least_unsigned(np.concatenate((rows.ravel(), columns.ravel())))
    weights = np.concatenate([table.ravel() for table in p.weights]).astype(np.int16)
    outer, height, width, channels = y.shape
    shares = " and ".join(str(table[0].sum()) for table in p.weights)
    return Binding(
        f"blend_{outer}x{height}x{width}x{channels}",
        f"{x.shape[1]}x{x.shape[2]} blended to {height}x{width}",
        {
            "place": f"{places.dtype.name}_t",
            "offset": p.offset,
            "rows": outer * height,
            "height": height,
            "width": width,
            "channels": channels,
            "row_taps": rows.shape[1],
            "column_taps": columns.shape[1],
            "row_entries": rows.size,
            "row_pitch": x.shape[2] * channels,
            "block": x.shape[1] * x.shape[2] * channels,
            "multiplier": p.rescale.multipliers[0],
            **rescale_params(p.rescale),
        },
        (
            Data("places", f"{places.dtype.name}_t", places, "rows that taps read, then columns"),
            Data("weights", "int16_t", weights, f"of these taps, in {shares} shares"),
        ),
    )


def _table_params(runs: Runs, table: Array, signature: Signature) -> dict[str, object]:
    size = signature.output.dtype.size_bytes
    return {
        "ctype": f"{table.dtype.name}_t",
        "entries": table.size,
        "run": size * runs.length,
        "unit": size * runs.unit,
    }


def _index_data(runs: Runs, table: Array) -> Data:
    return Data("index", f"{table.dtype.name}_t", table, f"where runs begin, in {runs.unit}")
