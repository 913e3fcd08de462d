"""MaxPool, AveragePool, GlobalAveragePool and ReduceMean."""

from __future__ import annotations

import math

from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.convert.linear import order
from codegen.frontend.convert.window import Pads, ceil_pads, resolve_pads
from codegen.frontend.operand import NHWC, Unsupported, View
from codegen.ir.types import Origin
from codegen.ops import AveragePool, MaxPool


def convert_max_pool(builder: Builder, call: Call) -> View:
    """MaxPool over images."""
    x, kernel, strides, pads, _ = _window(builder, call)
    return builder.emit(MaxPool(kernel, strides, pads), (x,), call, NHWC)


def convert_average_pool(builder: Builder, call: Call) -> View:
    """AveragePool over images; whether padding counts matters only where there is some."""
    x, kernel, strides, pads, extended = _window(builder, call)
    counts = bool(call.integer("count_include_pad", 0)) and any(pads)
    if counts and extended:
        raise Unsupported(
            "ceil_mode with count_include_pad=1: what the last windows divide by is ambiguous",
            "set count_include_pad=0, or pad so that the windows fit",
        )
    return builder.emit(AveragePool(kernel, strides, pads, counts), (x,), call, NHWC)


def _window(
    builder: Builder, call: Call
) -> tuple[str, tuple[int, int], tuple[int, int], Pads, bool]:
    view = call.activation(0)
    if len(view.perm) != 3:
        raise Unsupported(f"pools over {len(view.perm) - 1} axes", "only images have a kernel")
    if call.pair("dilations") != (1, 1):
        raise Unsupported(f"dilations {call.pair('dilations')} of a pool")
    if call.integer("storage_order", 0):
        raise Unsupported("storage_order 1")
    x = builder.layout(view, NHWC, call.loc)
    size = builder.types[x].shape
    kernel, strides = call.pair("kernel_shape"), call.pair("strides")
    pads = resolve_pads(call, size, kernel, strides)
    if not call.integer("ceil_mode", 0):
        return x, kernel, strides, pads, False
    ceiled = ceil_pads(size, kernel, strides, pads)
    return x, kernel, strides, ceiled, ceiled != pads


def convert_global_average_pool(builder: Builder, call: Call) -> View:
    """GlobalAveragePool: the mean over all axes but the channels."""
    rank = len(call.activation(0).perm)
    return _mean(builder, call, tuple(range(1, rank)), keep_dims=True)


def convert_reduce_mean(builder: Builder, call: Call) -> View:
    """ReduceMean over any axes but the batch."""
    rank = len(call.activation(0).perm) + 1
    axes = call.integers("axes", 1)
    if not axes and call.integer("noop_with_empty_axes", 0):
        raise Unsupported("reduces no axis")
    found = sorted({axis % rank for axis in axes or range(rank)})
    if 0 in found:
        raise Unsupported("averages over the batch")
    reduced = tuple(axis - 1 for axis in found)
    return _mean(builder, call, reduced, keep_dims=bool(call.integer("keepdims", 1)))


def _mean(builder: Builder, call: Call, reduced: tuple[int, ...], keep_dims: bool) -> View:
    view = call.activation(0)
    sizes = builder.shape(view)
    kept_sizes = tuple(1 if axis in reduced else size for axis, size in enumerate(sizes))
    if len(view.perm) == 3 and view.perm[-1] not in reduced:
        mean = _mean_of_image(builder, call, reduced)
    else:
        kept = tuple(axis for axis in order(sizes) if axis not in reduced)
        x = builder.layout(view, (*reduced, *kept), call.loc)
        count = math.prod(sizes[axis] for axis in reduced)
        image = (count, 1, math.prod(sizes) // count)
        x = builder.reshaped(x, image, call.loc)
        y = builder.add(AveragePool((count, 1)), (x,), call.loc, f"{call.output}_mean")
        builder.origins[y] = Origin(call.output)
        y = builder.reshaped(y, kept_sizes, call.loc)
        mean = View(call.output, y, order(sizes))
    if keep_dims:
        return mean
    shape = tuple(size for axis, size in enumerate(sizes) if axis not in reduced)
    squeezed = builder.reshaped(builder.plain(mean, call.loc), shape, call.loc)
    return View(call.output, squeezed, order(shape))


def _mean_of_image(builder: Builder, call: Call, reduced: tuple[int, ...]) -> View:
    view = call.activation(0)
    sizes = builder.types[view.value].shape
    kernel = [sizes[i] if view.perm[i] in reduced else 1 for i in (0, 1)]
    op = AveragePool((kernel[0], kernel[1]))
    return builder.emit(op, (view.value,), call, view.perm)
