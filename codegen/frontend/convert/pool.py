"""Pools over one axis or two, global pools, and means over axes of images."""

from __future__ import annotations

import math

from codegen.frontend.builder import Builder, significant
from codegen.frontend.call import Call
from codegen.frontend.convert.convolution import (
    emit_image,
    image_of,
    image_pads,
    of_axes,
    over_image,
)
from codegen.frontend.convert.groups import emit_grouped, group
from codegen.frontend.convert.linear import order
from codegen.frontend.convert.move import convert_move
from codegen.frontend.convert.pool_volume import convert_pool_volume, norm_of
from codegen.frontend.convert.window import Pads, axis_pads, ceil_pads
from codegen.frontend.operand import NHWC, Const, Unsupported, View
from codegen.ir.op import Op
from codegen.ir.types import DType, Origin
from codegen.ops import AveragePool, MaxPlaces, MaxPool, Reduce, Reshape, SelectValues, Unpool


def convert_max_pool(builder: Builder, call: Call) -> View:
    """MaxPool over one axis or two, or in general; where its values are, over one axis or two."""
    found = _window(builder, call)
    if found is None:
        return convert_pool_volume(builder, call)
    x, kernel, strides, pads, _ = found
    op: Op = MaxPool(kernel, strides, pads)
    if call.result:
        op = MaxPlaces(kernel, strides, pads, bool(call.integer("storage_order", 0)))
    return emit_image(builder, call, op, (x,), call.view(0).rank - 2)


def convert_max_unpool(builder: Builder, call: Call) -> View:
    """MaxUnpool at the places that a MaxPool of the same windows found, or at constant ones."""
    if isinstance(call.operand(1), Const):
        return convert_move(builder, call)
    x, places = (builder.layout(call.view(i), NHWC, call.loc) for i in (0, 1))
    kernel, strides = call.pair("kernel_shape"), call.pair("strides")
    pads = call.integers("pads") or (0,)
    made = next((node for node in builder.nodes if node.output == places), None)
    height, width, channels = builder.types[x].shape
    size = height * kernel[0], width * kernel[1], channels
    if (
        made is None
        or made.op != MaxPlaces(kernel, kernel)
        or builder.types[made.inputs[0]].shape != size
        or strides != kernel
        or any(pads)
        or (
            call.optional_constant(2) is not None
            and tuple(call.constant(2).data) != (1, channels, *size[:2])
        )
    ):
        raise Unsupported("its places are not those of a MaxPool of the same windows, side by side")
    return builder.emit(Unpool(kernel), (x, places), call, NHWC)


def convert_average_pool(builder: Builder, call: Call) -> View:
    """AveragePool over one axis or two, or in general.

    Whether padding counts matters only where there is some; that which ceil_mode adds does not.
    """
    found = _window(builder, call)
    if found is None:
        return convert_pool_volume(builder, call)
    x, kernel, strides, pads, extended = found
    counts = bool(call.integer("count_include_pad", 0)) and any(pads)
    if counts and extended:
        return convert_pool_volume(builder, call)
    op = AveragePool(kernel, strides, pads, counts)
    return emit_image(builder, call, op, (x,), call.view(0).rank - 2)


def _window(
    builder: Builder, call: Call
) -> tuple[str, tuple[int, int], tuple[int, int], Pads, bool] | None:
    """Return operand and window, both as of an image, of a plain pool; None of any other."""
    view = call.view(0)
    axes = view.rank - 2
    is_image = view.batched and axes in (1, 2) and set(of_axes(call, "dilations", axes)) == {1}
    if not is_image or builder.types[view.value].dtype not in (DType.FLOAT32, DType.INT8):
        return None
    x = image_of(builder, view, call)
    size = builder.types[x].shape
    lengths, steps = of_axes(call, "kernel_shape", axes), of_axes(call, "strides", axes)
    pads = image_pads(axis_pads(call, builder.shape(view)[1:], lengths, steps, (1,) * axes))
    kernel, strides = over_image(lengths, 1), over_image(steps, 1)
    if not call.integer("ceil_mode", 0):
        return x, kernel, strides, pads, False
    ceiled = ceil_pads(size, kernel, strides, pads)
    return x, kernel, strides, ceiled, ceiled != pads


def convert_global_average_pool(builder: Builder, call: Call) -> View:
    """GlobalAveragePool: the mean over all axes but the channels."""
    view = call.view(0)
    if not view.batched:
        return _global(builder, call, Reduce("mean"))
    return average_axes(builder, call, tuple(range(1, len(view.perm))), keep_dims=True)


def convert_global_max_pool(builder: Builder, call: Call) -> View:
    """GlobalMaxPool: a window as large as the image."""
    view = call.view(0)
    if not view.batched or len(view.perm) != 3:
        return _global(builder, call, SelectValues())
    x = builder.layout(view, NHWC, call.loc)
    height, width, _ = builder.types[x].shape
    return builder.emit(MaxPool((height, width)), (x,), call, NHWC)


def convert_global_lp_pool(builder: Builder, call: Call) -> View:
    """GlobalLpPool: a norm over all axes but the channels."""
    return _global(builder, call, Reduce(*norm_of(call)))


def _global(builder: Builder, call: Call, op: Op) -> View:
    view = call.view(0)
    return emit_grouped(builder, call, op, group(builder, view, range(2, view.rank), call))


def average_axes(builder: Builder, call: Call, reduced: tuple[int, ...], keep_dims: bool) -> View:
    """Return the mean over axes, which count from the one behind the batch."""
    view = call.view(0)
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
