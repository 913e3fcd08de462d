"""MaxPool, AveragePool, GlobalAveragePool, and means over axes of images."""

from __future__ import annotations

import math

from codegen.frontend.builder import Builder, significant
from codegen.frontend.call import Call
from codegen.frontend.convert.linear import order
from codegen.frontend.convert.window import Pads, ceil_pads, resolve_pads
from codegen.frontend.operand import NHWC, Unsupported, View
from codegen.ir.types import Origin
from codegen.ops import AveragePool, MaxPool, Reshape


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
    return average_axes(builder, call, tuple(range(1, rank)), keep_dims=True)


def average_axes(builder: Builder, call: Call, reduced: tuple[int, ...], keep_dims: bool) -> View:
    """Return the mean over axes, which count from the one behind the batch."""
    view = call.activation(0)
    sizes = builder.shape(view)
    perm = view.perm
    if len(perm) != 3 or perm[-1] in reduced:
        perm = (*reduced, *(axis for axis in order(sizes) if axis not in reduced))
    x = builder.layout(view, perm, call.loc)
    if len(perm) == 3 and perm[-1] not in reduced:
        kernel = _kernel(builder.types[x].shape, perm, reduced)
    else:
        kernel = math.prod(sizes[axis] for axis in reduced), 1
        x = builder.reshaped(x, (*kernel, math.prod(sizes) // kernel[0]), call.loc)
    kept = tuple(1 if axis in reduced else size for axis, size in enumerate(sizes))
    if keep_dims and builder.types[x].shape == tuple(sizes[axis] for axis in perm):
        return builder.emit(AveragePool(kernel), (x,), call, perm)
    mean = builder.add(AveragePool(kernel), (x,), call.loc, f"{call.output}_mean")
    left = [axis for axis in perm if axis not in reduced]
    ranks = tuple(sorted(left).index(axis) for axis in left)
    builder.origins[mean] = Origin(call.output, () if keep_dims else significant(ranks))
    image = builder.reshaped(mean, tuple(kept[axis] for axis in perm), call.loc)
    if keep_dims:
        return View(call.output, image, perm)
    plain = builder.plain(View(call.output, image, perm), call.loc)
    shape = tuple(sizes[axis] for axis in sorted(left))
    return builder.emit(Reshape(shape), (plain,), call, order(shape))


def _kernel(
    shape: tuple[int, ...], perm: tuple[int, ...], reduced: tuple[int, ...]
) -> tuple[int, int]:
    """Return the window of an image that covers its reduced axes."""
    return shape[0] if perm[0] in reduced else 1, shape[1] if perm[1] in reduced else 1
