"""Operators that only move values: Reshape and its kin, Transpose, Concat, Pad."""

from __future__ import annotations

import math

from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.convert.linear import order
from codegen.frontend.convert.move import moved, numbers, padded, valued
from codegen.frontend.operand import Const, Unsupported, View, is_batched
from codegen.ops import Concat, Pad, Reshape
from codegen.ops.layout import MOST_PADDED


def convert_reshape(builder: Builder, call: Call) -> View:
    """Reshape to constant sizes, of which 0 copies a size and -1 is what remains."""
    sizes = builder.full_shape(call.view(0))
    wanted = [int(size) for size in call.constant(1).data.ravel()]
    if not call.integer("allowzero", 0):
        wanted = [
            sizes[axis] if size == 0 and axis < len(sizes) else size
            for axis, size in enumerate(wanted)
        ]
    if -1 in wanted:
        known = math.prod(size for size in wanted if size != -1)
        wanted[wanted.index(-1)] = math.prod(sizes) // max(known, 1)
    return _reshaped(builder, call, wanted)


def convert_flatten(builder: Builder, call: Call) -> View:
    """Flatten to two dimensions, those before and those from `axis` on."""
    sizes = builder.full_shape(call.view(0))
    axis = call.integer("axis", 1)
    axis = axis + len(sizes) if axis < 0 else axis
    return _reshaped(builder, call, [math.prod(sizes[:axis]), math.prod(sizes[axis:])])


def convert_squeeze(builder: Builder, call: Call) -> View:
    """Squeeze: drop dimensions of size 1."""
    sizes = builder.full_shape(call.view(0))
    axes = call.integers("axes", 1)
    if axes is None:
        axes = tuple(axis for axis, size in enumerate(sizes) if size == 1)
    dropped = {axis % len(sizes) for axis in axes}
    if any(sizes[axis] != 1 for axis in dropped):
        raise Unsupported(f"squeezes axes {axes} of shape {sizes}")
    kept = [n for axis, n in enumerate(sizes) if axis not in dropped]
    view = call.view(0)
    if not view.batched or 0 in dropped or len(kept) < 2:
        return _reshaped(builder, call, kept)
    left = [axis for axis in range(len(view.perm)) if axis + 1 not in dropped]
    perm = tuple(left.index(axis) for axis in view.perm if axis in left)
    return _resized(builder, call, perm, kept)


def convert_unsqueeze(builder: Builder, call: Call) -> View:
    """Unsqueeze: insert dimensions of size 1."""
    view = call.view(0)
    sizes = list(builder.full_shape(view))
    axes = call.integers("axes", 1) or ()
    rank = len(sizes) + len(axes)
    added = sorted(axis % rank for axis in axes)
    for axis in added:
        sizes.insert(axis, 1)
    if not view.batched or 0 in added:
        return _reshaped(builder, call, sizes)
    perm = list(view.perm)
    for axis in (axis - 1 for axis in added):
        perm = [other + (other >= axis) for other in perm]
        follows = axis + 1 in perm
        perm.insert(perm.index(axis + 1) if follows else perm.index(axis - 1) + 1, axis)
    return _resized(builder, call, tuple(perm), sizes)


def _resized(builder: Builder, call: Call, perm: tuple[int, ...], sizes: list[int]) -> View:
    """Return the operand with more or fewer dimensions of size 1, the others laid out as before.

    `perm` is the layout of the result, a batch of one.
    """
    value = call.view(0).value
    shape = tuple(sizes[axis + 1] for axis in perm)
    if shape == builder.types[value].shape:
        return View(call.output, value, perm)
    return builder.emit(Reshape(shape), (value,), call, perm)


def _reshaped(builder: Builder, call: Call, sizes: list[int]) -> View:
    view = call.view(0)
    if 0 in sizes:
        raise Unsupported("leaves nothing")
    if not (view.batched and is_batched(tuple(sizes))):
        x = builder.full(view, call.loc)
        return builder.shown(builder.reshaped(x, tuple(sizes), call.loc), call)
    parts = _parts(builder.shape(view), tuple(sizes[1:]))
    parts.sort(key=lambda part: max(map(view.perm.index, part[0])))
    x = builder.layout(view, tuple(axis for old, _ in parts for axis in old), call.loc)
    perm = tuple(axis for _, new in parts for axis in new)
    shape = tuple(sizes[axis + 1] for axis in perm)
    if shape == builder.types[x].shape:
        return View(call.output, x, perm)
    return builder.emit(Reshape(shape), (x,), call, perm)


def _parts(old: tuple[int, ...], new: tuple[int, ...]) -> list[tuple[range, range]]:
    """Return runs of axes, of two shapes of one size, that become each other; as many as can be.

    >>> _parts((8, 2, 2), (4, 2, 4))
    [(range(0, 1), range(0, 2)), (range(1, 3), range(2, 3))]
    """
    found = []
    i = j = 0
    while i < len(old) and j < len(new):
        first, second = i, j
        i, j = i + 1, j + 1
        while (have := math.prod(old[first:i])) != (want := math.prod(new[second:j])):
            i, j = i + (have < want), j + (have > want)
        found.append((range(first, i), range(second, j)))
    last, becomes = found.pop()
    return [*found, (range(last.start, len(old)), range(becomes.start, len(new)))]


def convert_transpose(builder: Builder, call: Call) -> View:
    """Transpose: the same value seen through another permutation."""
    view = call.view(0)
    perm = call.integers("perm") or tuple(reversed(range(view.rank)))
    if sorted(perm) != list(range(view.rank)):
        raise Unsupported(f"perm {perm} does not reorder {view.rank} dimensions")
    sizes = builder.full_shape(view)
    if view.batched and perm[0] == 0:
        return view.transposed(call.output, tuple(axis - 1 for axis in perm[1:]))
    if not view.batched and not is_batched(tuple(sizes[axis] for axis in perm)):
        return view.transposed(call.output, perm)
    return moved(builder, call, view, numbers(builder, view).transpose(perm))


def convert_concat(builder: Builder, call: Call) -> View:
    """Concat, in the layout of most operands, or of all their dimensions; empty ones are none."""
    views = [
        valued(builder, call, index)
        for index, operand in enumerate(call.operands)
        if not (isinstance(operand, Const) and operand.data.size == 0)
    ]
    ranks = {view.rank for view in views}
    if len(ranks) != 1:
        raise Unsupported("joins values of different ranks")
    axis = call.integer("axis", 1) % ranks.pop()
    if axis == 0 or not all(view.batched for view in views):
        whole = tuple(builder.full(view, call.loc) for view in views)
        return builder.emit_full(Concat(axis), whole, call)
    perms = [view.perm for view in views]
    perm = max(perms, key=perms.count)
    operands = tuple(builder.layout(view, perm, call.loc) for view in views)
    return builder.emit(Concat(perm.index(axis - 1)), operands, call, perm)


def convert_pad(builder: Builder, call: Call) -> View:
    """Pad any axis in any mode; negative counts crop."""
    view, mode = call.view(0), call.text("mode", "constant")
    counts = call.integers("pads", 1) or ()
    axes = call.integers("axes", 3) or order(builder.full_shape(view))
    if len(counts) != 2 * len(axes):
        raise Unsupported(f"{len(counts)} pads for {len(axes)} axes")
    before, after = [0] * view.rank, [0] * view.rank
    for i, axis in enumerate(axes):
        before[axis], after[axis] = counts[i], counts[i + len(axes)]
    given = call.optional_constant(2)
    value = 0.0 if given is None or not given.data.size else float(given.real().item())
    has_kernel = (
        (mode, view.batched) == ("constant", True)
        and len(view.perm) <= MOST_PADDED
        and min(*before, *after) >= 0
    )
    if not has_kernel or before[0] or after[0]:
        index = padded(numbers(builder, view), before, after, mode)
        return moved(builder, call, view, index, value)
    op = Pad(
        tuple(before[axis + 1] for axis in view.perm),
        tuple(after[axis + 1] for axis in view.perm),
        value,
    )
    return builder.emit(op, (view.value,), call, view.perm)
