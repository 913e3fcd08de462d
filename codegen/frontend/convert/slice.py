"""Slice, parts of a Split, and Gather of evenly spaced indices."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.convert.linear import order
from codegen.frontend.convert.move import moved, numbers
from codegen.frontend.convert.quantized import format_of
from codegen.frontend.operand import Const, Operand, Unsupported, View
from codegen.ops import Lookup, Reshape, Slice
from codegen.ops.slice import MOST_SLICED


def convert_slice(builder: Builder, call: Call) -> View:
    """Slice with constant starts, ends and steps."""
    sizes = builder.full_shape(call.view(0))
    starts, ends = call.integers("starts", 1) or (), call.integers("ends", 2) or ()
    axes = call.integers("axes", 3) or tuple(range(len(starts)))
    steps = call.integers("steps", 4) or (1,) * len(starts)
    ranges = [range(size) for size in sizes]
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        if step == 0:
            raise Unsupported("a step of 0")
        ranges[axis] = range(*slice(start, end, step).indices(sizes[axis]))
    return _sliced(builder, call, ranges)


def convert_split(builder: Builder, call: Call) -> Operand:
    """One part of a Split, into parts of given sizes or all equal but the last.

    A part may be empty: rotary embeddings of whole heads leave nothing beside.
    """
    sizes = builder.full_shape(call.view(0))
    axis, count = call.integer("axis", 0) % len(sizes), len(call.proto.output)
    even = -(-sizes[axis] // count)
    rest = sizes[axis] - even * (count - 1)
    parts = call.integers("split", 1) or (even,) * (count - 1) + (rest,)
    if len(parts) != count or sum(parts) != sizes[axis] or min(parts) < 0:
        raise Unsupported(f"splits {sizes[axis]} indices in {count} parts of {parts}")
    if parts[call.result] == 0:
        shape = [*sizes[:axis], 0, *sizes[axis + 1 :]]
        return Const(call.proto.output[call.result], np.zeros(shape, np.float32))
    start = sum(parts[: call.result])
    ranges = [range(size) for size in sizes]
    ranges[axis] = range(start, start + parts[call.result])
    return _sliced(builder, call, ranges)


def convert_gather(builder: Builder, call: Call) -> View:
    """Gather: of constant indices a slice where they are one, or evenly spaced.

    Computed ones look up parts of a table, which may be constant; those beyond it are clamped.
    """
    if isinstance(call.operand(1), View):
        return _looked_up(builder, call)
    view, indices = call.view(0), call.constant(1).data
    sizes = builder.full_shape(view)
    axis = call.integer("axis", 0) % len(sizes)
    found = [int(index) % sizes[axis] for index in indices.ravel()]
    step = found[1] - found[0] if len(found) > 1 else 1
    even = range(found[0], found[0] + step * len(found), step) if found and step else range(0)
    if indices.ndim > 1 or list(even) != found or axis == 0 or not view.batched:
        return moved(builder, call, view, numbers(builder, view).take(indices, axis))
    ranges = [range(size) for size in sizes]
    ranges[axis] = even
    taken = _sliced(builder, call, ranges)
    if indices.ndim == 1:
        return taken
    x = builder.plain(taken, call.loc)
    shape = tuple(size for other, size in enumerate(sizes[1:], 1) if other != axis)
    return builder.emit(Reshape(shape), (x,), call, order(shape))


def _looked_up(builder: Builder, call: Call) -> View:
    """Gather by computed indices."""
    data, index = call.operand(0), call.view(1)
    sizes = data.data.shape if isinstance(data, Const) else builder.full_shape(call.view(0))
    axis = call.integer("axis", 0) % len(sizes)
    shape = (math.prod(sizes[:axis]), sizes[axis], math.prod(sizes[axis + 1 :]))
    if isinstance(data, Const):
        real = data.real()
        real = real.astype(np.float32) if real.dtype.kind == "f" else real
        table = builder.constant(data.name, real.reshape(shape), format_of(data))
    else:
        table = builder.reshaped(builder.full(call.view(0), call.loc), shape, call.loc)
    flat = builder.full(index, call.loc)
    flat = builder.reshaped(flat, (builder.types[flat].elements,), call.loc)
    y = builder.add(Lookup(), (table, flat), call.loc, f"{call.output}_parts")
    full = (*sizes[:axis], *builder.full_shape(index), *sizes[axis + 1 :])
    return builder.emit_full(Reshape(full), (y,), call)


def _sliced(builder: Builder, call: Call, ranges: list[range]) -> View:
    """Take a range of each axis in the layout at hand."""
    view = call.view(0)
    if not all(ranges):
        raise Unsupported("leaves nothing")
    if ranges == [range(size) for size in builder.full_shape(view)]:
        return replace(view, tensor=call.output)
    if not view.batched or len(view.perm) > MOST_SLICED:
        return moved(builder, call, view, numbers(builder, view)[np.ix_(*ranges)])
    picked = [ranges[axis + 1] for axis in view.perm]
    op = Slice(
        tuple(found.start for found in picked),
        tuple(len(found) for found in picked),
        tuple(found.step for found in picked),
    )
    return builder.emit(op, (view.value,), call, view.perm)
