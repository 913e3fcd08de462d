"""Any choice and order of elements, told by an index: what ONNX makes of the elements' numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.convert.quantized import format_of
from codegen.frontend.fold import run_node
from codegen.frontend.operand import Const, Unsupported, View, is_batched
from codegen.ir.types import Array, Loc
from codegen.ops import Concat, Constant, Reshape, Take
from codegen.ops.take import FILL


def numbers(builder: Builder, view: View) -> Array:
    """Return, in the shape of the ONNX tensor, which element of its value each element is."""
    shape = builder.types[view.value].shape
    inverse = tuple(view.perm.index(axis) for axis in range(len(view.perm)))
    found = np.arange(math.prod(shape)).reshape(shape).transpose(inverse)
    return found[None] if view.batched else found


def moved(builder: Builder, call: Call, view: View, index: Array, value: float = 0.0) -> View:
    """Return the result of which each element is that element of the view's value, or `value`.

    It is laid out as the operand is, where it has as many dimensions.
    """
    if not index.size:
        raise Unsupported("leaves nothing")
    batched = is_batched(index.shape)
    inner = index[0] if batched else index
    is_alike = (batched, inner.ndim) == (view.batched, len(view.perm))
    perm = view.perm if is_alike else tuple(range(inner.ndim))
    inner = inner.transpose(perm)
    known = builder.types[view.value]
    if not np.array_equal(inner.ravel(), np.arange(known.elements)):
        held = builder.constant(f"{call.output}_index", inner.astype(np.int32))
        return builder.emit(Take(value), (view.value, held), call, perm, batched)
    if inner.shape == known.shape:
        return View(call.output, view.value, perm, batched)
    return builder.emit(Reshape(inner.shape), (view.value,), call, perm, batched)


def convert_move(builder: Builder, call: Call) -> View:
    """Convert an operator that moves the elements of its first operand, or leaves zeros.

    It is run on their numbers, counted from 1.
    """
    view = call.view(0)
    others = [call.optional_constant(i) for i in range(1, len(call.operands))]
    arrays = [None if const is None else const.real() for const in others]
    found = run_node(call, [numbers(builder, view) + 1, *arrays])[call.result]
    return moved(builder, call, view, found - 1)


def convert_scatter(builder: Builder, call: Call) -> View:
    """Scatter with constant indices: elements of the data and of the updates, joined."""
    if call.text("reduction", "none") != "none":
        raise Unsupported("computes with the updates", "only the reduction 'none' has a kernel")
    data, updates = valued(builder, call, 0), valued(builder, call, 2)
    own, new = numbers(builder, data), numbers(builder, updates) + elements(builder, data)
    (found,) = run_node(call, [own, call.constant(1).data, new])
    parts = [flat(builder, view.value, call.loc) for view in (data, updates)]
    joined = builder.add(Concat(0), tuple(parts), call.loc, f"{call.output}_joined")
    return moved(builder, call, View(call.output, joined, data.perm, data.batched), found)


def valued(builder: Builder, call: Call, index: int) -> View:
    """Return an operand as a computed value, which a constant becomes."""
    found = call.operand(index)
    return held(builder, found, call.loc) if isinstance(found, Const) else call.view(index)


def held(builder: Builder, const: Const, loc: Loc) -> View:
    """Return a constant as a computed value."""
    data = const.real()
    data = data.astype(np.float32) if data.dtype.kind == "f" else data
    batched = is_batched(data.shape)
    name = builder.constant(const.name, data[0] if batched else data, format_of(const))
    value = builder.derive(Constant(), name, loc, None)
    return View(const.name, value, builder.order(value), batched)


def flat(builder: Builder, value: str, loc: Loc) -> str:
    """Return all elements of a value in one dimension."""
    return builder.reshaped(value, (builder.types[value].elements,), loc)


def elements(builder: Builder, view: View) -> int:
    """Return how many elements a view has."""
    return builder.types[view.value].elements


def padded(index: Array, before: Sequence[int], after: Sequence[int], mode: str) -> Array:
    """Return an index with more places, or fewer where counts are negative, at each end."""
    ends = zip(index.shape, before, after, strict=True)
    places = [_continued(np.arange(-head, n + tail), n, mode) for n, head, tail in ends]
    return picked(index, places)


def picked(index: Array, places: Sequence[Array]) -> Array:
    """Return an index at places of each axis; -1, the fill value, where any place is -1."""
    is_fill = np.zeros((), bool)
    for place in places:
        is_fill = np.logical_or(is_fill[..., None], place == FILL)
    return np.where(is_fill, FILL, index[np.ix_(*places)])


def _continued(place: Array, size: int, mode: str) -> Array:
    """Return which of `size` elements stands at each place of an axis, beyond its ends too."""
    if mode == "wrap":
        return place % size
    if mode == "reflect":
        period = max(2 * (size - 1), 1)
        found: Array = (size - 1) - np.abs(place % period - (size - 1))
        return found
    if mode == "edge":
        return np.clip(place, 0, size - 1)
    if mode == "constant":
        return np.where((place >= 0) & (place < size), place, FILL)
    raise Unsupported(f"mode '{mode}'")
