"""Operators on groups of values: those that differ in some axes alone.

The value is seen as (outer, n, inner), its groups along the middle. Where the axes do not lie side
by side in the value, they are moved behind the others first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.operand import View
from codegen.ir.op import Op
from codegen.ops import Reshape, Transpose


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups along the dimensions from `first` to `end` of the view's value, of that `shape`."""

    view: View
    shape: tuple[int, ...]
    first: int
    end: int

    @property
    def parted(self) -> tuple[int, int, int]:
        """(outer, n, inner)."""
        parts = self.shape[: self.first], self.shape[self.first : self.end], self.shape[self.end :]
        return math.prod(parts[0]), math.prod(parts[1]), math.prod(parts[2])

    def reduced(self, size: int) -> tuple[int, ...]:
        """Return the value's shape with groups of another size: 1, or along a single axis."""
        ones = (1,) * (self.end - self.first)
        middle = (size, *ones[1:]) if self.first < self.end else ones
        return (*self.shape[: self.first], *middle, *self.shape[self.end :])


def full_axes(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """Return axes of a tensor counted from the front, in order, each once."""
    return tuple(sorted({axis % rank for axis in axes}))


def group(
    builder: Builder, view: View, axes: Sequence[int], call: Call, last: bool = False
) -> Groups:
    """Return the groups of a view along axes of its ONNX tensor, behind all others if `last`.

    The batch is one, so it is no matter whether it is among the axes.
    """
    wanted = {axis - view.batched for axis in axes if axis >= view.batched}
    sizes = builder.types[view.value].shape
    places = [place for place, axis in enumerate(view.perm) if axis in wanted]
    if not places:
        return Groups(view, sizes, len(sizes), len(sizes))
    between = set(range(places[0], len(sizes) if last else places[-1] + 1)) - set(places)
    if all(sizes[place] == 1 for place in between):
        return Groups(view, sizes, places[0], places[-1] + 1)
    rest = sorted(axis for axis in view.perm if axis not in wanted)
    perm = (*rest, *sorted(wanted))
    value = builder.layout(view, perm, call.loc)
    moved = View(view.tensor, value, perm, view.batched)
    return Groups(moved, builder.types[value].shape, len(rest), len(perm))


def emit_grouped(
    builder: Builder, call: Call, op: Op, groups: Groups, drop: Sequence[int] = ()
) -> View:
    """Add the node that computes `call`'s result, whose groups may have another size.

    The axes in `drop`, along which groups of the result have size 1, are left out of it.
    """
    view = groups.view
    x = builder.reshaped(view.value, groups.parted, call.loc)
    if not drop and groups.parted == groups.shape:
        return builder.emit(op, (x,), call, view.perm, view.batched)
    y = builder.add(op, (x,), call.loc, f"{call.output}_groups")
    size = builder.types[y].shape[1]
    shape = groups.shape if size == groups.parted[1] else groups.reduced(size)
    if not drop:
        return builder.emit(Reshape(shape), (y,), call, view.perm, view.batched)
    y = builder.reshaped(y, shape, call.loc)
    plain = View("", y, view.perm, view.batched)
    steps = tuple(view.perm.index(axis) for axis in sorted(view.perm))
    moved = [axis for axis in steps if shape[axis] != 1]
    if moved != sorted(moved):
        y = builder.derive(Transpose(steps), y, call.loc, None)
    sizes = builder.full_shape(plain)
    left = tuple(size for axis, size in enumerate(sizes) if axis not in drop)
    return builder.shown(builder.reshaped(y, left, call.loc), call)
