"""Conv and ConvTranspose over one axis or two."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from codegen.frontend.builder import Builder, significant
from codegen.frontend.call import Call
from codegen.frontend.convert.samples import each_sample
from codegen.frontend.convert.window import Pads, axis_pads
from codegen.frontend.operand import Const, Unsupported, View
from codegen.ir.op import Op
from codegen.ir.types import Array, Origin
from codegen.ops import Conv2d, DepthToSpace, Reshape


def convert_conv(builder: Builder, call: Call) -> View:
    """Conv becomes Conv2d, its weights (M, kH, kW, C / group); a single axis is the image's x."""
    view, filters = call.view(0), call.constant(1)
    if not view.batched:
        return each_sample(builder, call, convert_conv)
    axes = spatial_axes(view, filters)
    kernel = filters.data.shape[2:]
    strides, dilations = of_axes(call, "strides", axes), of_axes(call, "dilations", axes)
    pads = axis_pads(call, builder.shape(view)[1:], kernel, strides, dilations)
    op = Conv2d(
        over_image(strides, 1),
        image_pads(pads),
        over_image(dilations, 1),
        call.integer("group", 1),
    )
    w = builder.weights(of_images(filters), (0, 2, 3, 1))
    b = builder.bias(call.optional_constant(2), filters.data.shape[0], call.output)
    return emit_image(builder, call, op, (image_of(builder, view, call), w, b), axes)


def spatial_axes(view: View, filters: Const) -> int:
    """Return over how many axes an image is convolved, one or two."""
    axes = filters.data.ndim - 2
    if view.rank != filters.data.ndim or axes not in (1, 2):
        raise Unsupported(
            f"convolves over {view.rank - 2} axes with weights of {filters.data.ndim} dimensions",
            "one axis or two have a kernel",
        )
    return axes


def of_axes(call: Call, name: str, axes: int, default: int = 1) -> tuple[int, ...]:
    """Return an attribute's integers, one for each axis."""
    found = call.integers(name) or (default,) * axes
    if len(found) != axes:
        raise Unsupported(f"{name} {found} is not for {axes} axes")
    return found


def over_image(numbers: tuple[int, ...], default: int) -> tuple[int, int]:
    """Return numbers for the two axes of an image: a single one is for its x."""
    return (default, *numbers)[-2], numbers[-1]


def image_pads(pads: tuple[int, ...]) -> Pads:
    """Return the padding before and behind one axis or two as that of an image."""
    axes = len(pads) // 2
    return (*over_image(pads[:axes], 0), *over_image(pads[axes:], 0))


def of_images(filters: Const) -> Const:
    """View filters over one axis as filters over images."""
    first, second, *kernel = filters.data.shape
    shape = (first, second, *over_image(tuple(kernel), 1))
    data = filters.data.reshape(shape)
    return Const(filters.name, data, filters.scales, filters.zero_points, filters.axis)


def channels_last(axes: int) -> tuple[int, ...]:
    """Return the permutation from channels first to channels last, batch aside.

    >>> channels_last(2)
    (1, 2, 0)
    """
    return (*range(1, axes + 1), 0)


def image_of(builder: Builder, view: View, call: Call) -> str:
    """Return a value (H, W, C) of a tensor (1, C, H, W) or (1, C, W)."""
    x = builder.layout(view, channels_last(view.rank - 2), call.loc)
    shape = builder.types[x].shape
    return builder.reshaped(x, (*over_image(shape[:-1], 1), shape[-1]), call.loc)


def emit_image(builder: Builder, call: Call, op: Op, operands: tuple[str, ...], axes: int) -> View:
    """Add the node that computes `call`'s result as an image, over one axis or two."""
    perm = channels_last(axes)
    if axes == 2:
        return builder.emit(op, operands, call, perm)
    origin = Origin(call.output, significant(perm))
    y = builder.add(op, operands, call.loc, f"{call.output}_image", origin)
    return builder.emit(Reshape(builder.types[y].shape[1:]), (y,), call, perm)


@dataclass(frozen=True, slots=True)
class Phases:
    """A transposed convolution along an axis: a convolution for each phase of its stride.

    Output o, before cropping, is phase o % stride of cell o // stride. A cell reads inputs
    `dilation` apart, of an input padded by `pads`; taps[phase] are their places in the kernel,
    -1 where it has none. The result is the `size` outputs from `first` on, of `cells`.
    """

    taps: Array
    dilation: int
    pads: tuple[int, int]
    cells: int
    first: int
    size: int

    @property
    def is_whole(self) -> bool:
        """The cells are the result."""
        return len(self.taps) == 1 and self.cells == self.size


def find_phases(
    inputs: int, size: int, kernel: int, stride: int, dilation: int, pad: int
) -> Phases:
    """Return the phases of an axis of `inputs` that becomes one of `size`, `pad` outputs cropped.

    >>> find_phases(4, 8, 4, 2, 1, 1).taps.tolist()
    [[2, 0], [3, 1]]
    """
    reach = (kernel - 1) * dilation // stride
    step = dilation if stride == 1 else 1
    back = np.arange(reach, -1, -step)
    place = back * stride + np.arange(stride)[:, None]
    taps = np.where((place % dilation == 0) & (place // dilation < kernel), place // dilation, -1)
    begin, end = min(pad // stride, reach), max((pad + size - 1) // stride, inputs - 1)
    pads = (reach - begin, end - (inputs - 1))
    return Phases(taps, step, pads, end - begin + 1, pad - begin * stride, size)


def convert_conv_transpose(builder: Builder, call: Call) -> View:
    """ConvTranspose becomes one Conv2d that makes all phases of its strides, then DepthToSpace.

    Every input is read once for the outputs that it counts for, as in a convolution.
    """
    view, filters = call.view(0), call.constant(1)
    if not view.batched:
        return each_sample(builder, call, convert_conv_transpose)
    axes = spatial_axes(view, filters)
    x = image_of(builder, view, call)
    group = call.integer("group", 1)
    if filters.data.shape[0] != builder.types[x].shape[2] or filters.data.shape[0] % group:
        raise Unsupported(f"weights of shape {filters.data.shape} for {builder.shape(view)}")
    rows, columns = phases_of_axes(call, builder.types[x].shape[:2], filters, axes)
    outputs, block = filters.data.shape[1], (len(rows.taps), len(columns.taps))
    copies = np.repeat(np.arange(group), math.prod(block))[:, None] * outputs + np.arange(outputs)
    w = builder.weights(phase_filters(of_images(filters), group, rows.taps, columns.taps), ORDER)
    bias = call.optional_constant(2)
    if bias is not None and bias.data.shape == (group * outputs,):
        bias = taken(bias, copies.ravel())
    b = builder.bias(bias, copies.size, call.output)
    pads = (rows.pads[0], columns.pads[0], rows.pads[1], columns.pads[1])
    op = Conv2d(pads=pads, dilations=(rows.dilation, columns.dilation), group=group)
    if rows.is_whole and columns.is_whole:
        return emit_image(builder, call, op, (x, w, b), axes)
    cells = builder.add(op, (x, w, b), call.loc, f"{call.output}_phases")
    first, size = (rows.first, columns.first), (rows.size, columns.size)
    return emit_image(builder, call, DepthToSpace(block, first, size, group), (cells,), axes)


def phases_of_axes(
    call: Call, sizes: tuple[int, ...], filters: Const, axes: int
) -> tuple[Phases, Phases]:
    """Return the phases of an image's rows and columns."""
    strides, dilations = of_axes(call, "strides", axes), of_axes(call, "dilations", axes)
    extra = of_axes(call, "output_padding", axes, 0)
    wanted = call.integers("output_shape")
    mode = call.text("auto_pad", "NOTSET")
    pads = call.integers("pads") or (0,) * (2 * axes)
    found = [find_phases(1, 1, 1, 1, 1, 0)]
    for axis in range(axes):
        inputs, kernel = sizes[axis - axes], filters.data.shape[2 + axis]
        full = (inputs - 1) * strides[axis] + (kernel - 1) * dilations[axis] + 1 + extra[axis]
        before, size = pads[axis], full - pads[axis] - pads[axis + axes]
        if wanted or mode.startswith("SAME"):
            size = wanted[axis - axes] if wanted else inputs * strides[axis]
            total = max(full - size, 0)
            before = total // 2 if mode == "SAME_UPPER" else total - total // 2
        elif mode == "VALID":
            before, size = 0, full
        if size < 1 or before < 0:
            raise Unsupported(f"pads {pads} crop the whole result")
        found.append(find_phases(inputs, size, kernel, strides[axis], dilations[axis], before))
    return found[-2], found[-1]


ORDER = (0, 1, 2, 3)
"""Filters that are in the order of the IR."""


def phase_filters(filters: Const, group: int, rows: Array, columns: Array) -> Const:
    """Return (C, M / group, kH, kW) as filters of each group, row and column phase, and output.

    Taps -1 are zero weights.
    """
    channels, outputs, _, _ = filters.data.shape
    data = np.pad(filters.data, ((0, 0), (0, 0), (0, 1), (0, 1)))
    data = data.reshape(group, channels // group, outputs, *data.shape[2:])
    found = data[:, :, :, rows[:, :, None, None], columns]
    found = found.transpose(0, 3, 5, 2, 4, 6, 1)
    weights = found.reshape(-1, rows.shape[1], columns.shape[1], channels // group)
    scales, points, axis = filters.scales, filters.zero_points, filters.axis
    if axis == 1 and scales is not None and points is not None:
        copies = len(weights) // outputs
        scales, points, axis = np.tile(scales, copies), np.tile(points, copies), 0
    elif axis == 0:
        axis = 3
    return Const(filters.name, weights, scales, points, axis)


def taken(const: Const, index: Array) -> Const:
    """Return a vector's elements in another order, formats included."""
    if const.axis is None or const.scales is None or const.zero_points is None:
        return Const(const.name, const.data[index], const.scales, const.zero_points, const.axis)
    return Const(const.name, const.data[index], const.scales[index], const.zero_points[index], 0)
