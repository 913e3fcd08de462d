"""The Reduce operators, and others on groups: ArgMax, TopK, Softmax, CumSum."""

from __future__ import annotations

from functools import partial

from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.convert.groups import emit_grouped, full_axes, group
from codegen.frontend.convert.pool import average_axes
from codegen.frontend.operand import View
from codegen.ir.op import Op
from codegen.ops import CumSum, Hardmax, Reduce, Reshape, SelectIndices, SelectValues


def reduced_axes(call: Call, rank: int) -> tuple[int, ...]:
    """Return the axes over which a Reduce operator goes: all where it names none."""
    axes = call.integers("axes", 1)
    if not axes and call.integer("noop_with_empty_axes", 0):
        return ()
    return full_axes(axes or range(rank), rank)


def convert_reduce(op: Op, builder: Builder, call: Call) -> View:
    """Any Reduce operator over any axes."""
    view = call.view(0)
    axes = reduced_axes(call, view.rank)
    drop = () if call.integer("keepdims", 1) else axes
    return emit_grouped(builder, call, op, group(builder, view, axes, call), drop)


def convert_reduce_mean(builder: Builder, call: Call) -> View:
    """ReduceMean: an average over an image, or over part of it, where the batch is none of it.

    Means over what lies innermost in rows of values are sums of neighbors.
    """
    view = call.view(0)
    axes = reduced_axes(call, view.rank)
    is_row_wise = len(view.perm) < 3 and view.perm[-1] + 1 in axes
    if not view.batched or 0 in axes or not axes or is_row_wise:
        return convert_reduce(Reduce("mean"), builder, call)
    reduced = tuple(axis - 1 for axis in axes)
    return average_axes(builder, call, reduced, keep_dims=bool(call.integer("keepdims", 1)))


def convert_arg(greatest: bool, builder: Builder, call: Call) -> View:
    """ArgMax and ArgMin."""
    view = call.view(0)
    axes = full_axes((call.integer("axis", 0),), view.rank)
    op = SelectIndices(1, greatest, bool(call.integer("select_last_index", 0)))
    drop = () if call.integer("keepdims", 1) else axes
    return emit_grouped(builder, call, op, group(builder, view, axes, call), drop)


def convert_top_k(builder: Builder, call: Call) -> View:
    """TopK with a constant k: the values, or their indices."""
    view = call.view(0)
    k = call.integer("k", 1) if call.opset < 10 else int(call.constant(1).data.item())
    axes = full_axes((call.integer("axis", -1),), view.rank)
    kind = SelectIndices if call.result else SelectValues
    op = kind(k, bool(call.integer("largest", 1)))
    return emit_grouped(builder, call, op, group(builder, view, axes, call))


def convert_cum_sum(builder: Builder, call: Call) -> View:
    """CumSum along a constant axis."""
    view = call.view(0)
    axes = full_axes((int(call.constant(1).data.item()),), view.rank)
    op = CumSum(bool(call.integer("exclusive", 0)), bool(call.integer("reverse", 0)))
    return emit_grouped(builder, call, op, group(builder, view, axes, call))


def convert_hardmax(builder: Builder, call: Call) -> View:
    """Hardmax along any axis."""
    view = call.view(0)
    groups = group(builder, view, normalized_axes(call, view.rank), call)
    return emit_grouped(builder, call, Hardmax(), groups)


def convert_softmax(op: Op, builder: Builder, call: Call) -> View:
    """Softmax and LogSoftmax along any axis."""
    view = call.view(0)
    groups = group(builder, view, normalized_axes(call, view.rank), call, last=True)
    view, shape = groups.view, groups.shape
    flat = (*shape[: groups.first], groups.parted[1])
    if flat == shape:
        return builder.emit(op, (view.value,), call, view.perm, view.batched)
    x = builder.reshaped(view.value, flat, call.loc)
    y = builder.add(op, (x,), call.loc, f"{call.output}_flat")
    return builder.emit(Reshape(shape), (y,), call, view.perm, view.batched)


def normalized_axes(call: Call, rank: int) -> tuple[int, ...]:
    """Return the axes of a softmax: before opset 13 all dimensions from `axis` on."""
    axis = call.integer("axis", -1 if call.opset >= 13 else 1) % rank
    return (axis,) if call.opset >= 13 else tuple(range(axis, rank))


REDUCTIONS = tuple(
    (name, partial(convert_reduce, op))
    for name, op in (
        ("ReduceL1", Reduce("l1")),
        ("ReduceL2", Reduce("l2")),
        ("ReduceLogSum", Reduce("log_sum")),
        ("ReduceLogSumExp", Reduce("log_sum_exp")),
        ("ReduceMax", SelectValues(1, True)),
        ("ReduceMin", SelectValues(1, False)),
        ("ReduceProd", Reduce("prod")),
        ("ReduceSum", Reduce("sum")),
        ("ReduceSumSquare", Reduce("sum_square")),
    )
)
"""Those that go over axes, each with its converter."""
