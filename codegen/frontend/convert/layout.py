"""Operators that only move values: Reshape and its kin, Transpose, Concat, Pad."""

from __future__ import annotations

import math

from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.convert.linear import order
from codegen.frontend.operand import Unsupported, View
from codegen.ops import Concat, Pad, Reshape


def convert_reshape(builder: Builder, call: Call) -> View:
    """Reshape to constant sizes, of which 0 copies a size and -1 is what remains."""
    sizes = (1, *builder.shape(call.activation(0)))
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
    """Flatten behind the batch."""
    sizes = (1, *builder.shape(call.activation(0)))
    axis = call.integer("axis", 1)
    axis = axis + len(sizes) if axis < 0 else axis
    return _reshaped(builder, call, [math.prod(sizes[:axis]), math.prod(sizes[axis:])])


def convert_squeeze(builder: Builder, call: Call) -> View:
    """Squeeze: drop dimensions of size 1 other than the batch."""
    sizes = (1, *builder.shape(call.activation(0)))
    axes = call.integers("axes", 1)
    if axes is None:
        axes = tuple(axis for axis, size in enumerate(sizes) if size == 1)
    dropped = {axis % len(sizes) for axis in axes}
    if any(sizes[axis] != 1 for axis in dropped):
        raise Unsupported(f"squeezes axes {axes} of shape {sizes}")
    if 0 in dropped:
        raise Unsupported("removes the batch dimension", "name the axes to squeeze")
    return _reshaped(builder, call, [n for axis, n in enumerate(sizes) if axis not in dropped])


def convert_unsqueeze(builder: Builder, call: Call) -> View:
    """Unsqueeze: insert dimensions of size 1 behind the batch."""
    sizes = [1, *builder.shape(call.activation(0))]
    axes = call.integers("axes", 1) or ()
    rank = len(sizes) + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        sizes.insert(axis, 1)
    return _reshaped(builder, call, sizes)


def _reshaped(builder: Builder, call: Call, sizes: list[int]) -> View:
    if not sizes or sizes[0] != 1:
        raise Unsupported(
            f"to shape {tuple(sizes)} moves the batch dimension", "keep the batch dimension first"
        )
    x = builder.plain(call.activation(0), call.loc)
    shape = tuple(sizes[1:])
    if shape == builder.types[x].shape:
        return View(call.output, x, order(shape))
    return builder.emit(Reshape(shape), (x,), call, order(shape))


def convert_transpose(builder: Builder, call: Call) -> View:
    """Transpose: the same value seen through another permutation."""
    view = call.activation(0)
    rank = len(view.perm) + 1
    perm = call.integers("perm") or tuple(reversed(range(rank)))
    if sorted(perm) != list(range(rank)):
        raise Unsupported(f"perm {perm} does not reorder {rank} dimensions")
    if perm[0] != 0:
        raise Unsupported(f"perm {perm} moves the batch dimension")
    return view.transposed(call.output, tuple(axis - 1 for axis in perm[1:]))


def convert_concat(builder: Builder, call: Call) -> View:
    """Concat of computed values, in the layout of most of them."""
    views = [call.activation(index) for index in range(len(call.operands))]
    ranks = {len(view.perm) for view in views}
    if len(ranks) != 1:
        raise Unsupported("joins values of different ranks")
    axis = call.integer("axis", 1) % (ranks.pop() + 1)
    if axis == 0:
        raise Unsupported("joins along the batch")
    perms = [view.perm for view in views]
    perm = max(perms, key=perms.count)
    operands = tuple(builder.layout(view, perm, call.loc) for view in views)
    return builder.emit(Concat(perm.index(axis - 1)), operands, call, perm)


def convert_pad(builder: Builder, call: Call) -> View:
    """Pad with a constant, anywhere but the batch."""
    view = call.activation(0)
    if call.text("mode", "constant") != "constant":
        raise Unsupported(f"mode '{call.text('mode', 'constant')}'", "only 'constant' has a kernel")
    rank = len(view.perm) + 1
    counts = call.integers("pads", 1) or ()
    axes = call.integers("axes", 3) or tuple(range(rank))
    if len(counts) != 2 * len(axes):
        raise Unsupported(f"{len(counts)} pads for {len(axes)} axes")
    before, after = [0] * rank, [0] * rank
    for i, axis in enumerate(axes):
        before[axis], after[axis] = counts[i], counts[i + len(axes)]
    if before[0] or after[0]:
        raise Unsupported("pads the batch")
    value = call.optional_constant(2)
    op = Pad(
        tuple(before[axis + 1] for axis in view.perm),
        tuple(after[axis + 1] for axis in view.perm),
        0.0 if value is None else float(value.real().item()),
    )
    return builder.emit(op, (view.value,), call, view.perm)
