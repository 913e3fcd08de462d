"""The normalizations by groups; scales and biases are constant."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.convert.groups import Groups, emit_grouped, full_axes, group
from codegen.frontend.operand import Unsupported, View
from codegen.ir.types import Array
from codegen.ops import InverseDeviation, Normalize, Reduce, Reshape
from codegen.ops.normalize import Norm


def convert_instance_normalization(builder: Builder, call: Call) -> View:
    """InstanceNormalization: over all axes behind the channels."""
    view = call.view(0)
    axes = range(2, view.rank)
    shape = (-1,) + (1,) * len(axes)
    scale, bias = (call.constant(i).real().reshape(shape) for i in (1, 2))
    epsilon = call.real("epsilon", 1e-5)
    return normalized(
        builder, call, group(builder, view, axes, call), "deviation", epsilon, scale, bias
    )


def convert_layer_normalization(norm: Norm, builder: Builder, call: Call) -> View:
    """LayerNormalization and RMSNormalization over the axes from `axis` on; all results.

    Where they are written in parts, over any axes.
    """
    view = call.view(0)
    written = call.integers("axes")
    axes: Sequence[int] = range(call.integer("axis", -1) % view.rank, view.rank)
    if written is not None:
        axes = full_axes(written, view.rank)
    groups, epsilon = group(builder, view, axes, call), call.real("epsilon", 1e-5)
    if call.result == 1:
        return emit_grouped(builder, call, Reduce("mean"), groups)
    if call.result == 2:
        return emit_grouped(builder, call, InverseDeviation(epsilon), groups)
    scale, bias = (call.optional_constant(i) for i in (1, 2))
    factor = np.ones(1) if scale is None else scale.real()
    offset = np.zeros(1) if bias is None else bias.real()
    return normalized(builder, call, groups, norm, epsilon, factor, offset)


def convert_group_normalization(builder: Builder, call: Call) -> View:
    """GroupNormalization; before opset 21 there is a scale for each group, not each channel."""
    view = call.view(0)
    sizes, count = builder.full_shape(view), call.integer("num_groups", 1)
    if sizes[1] % count:
        raise Unsupported(f"{sizes[1]} channels in {count} groups")
    x = builder.full(view, call.loc)
    parted = (sizes[0] * count, int(np.prod(sizes[1:])) // count, 1)
    scale, bias = (call.constant(i).real() for i in (1, 2))
    repeat = sizes[1] // scale.size
    shape = (-1,) + (1,) * (len(sizes) - 2)
    found = [np.repeat(c, repeat).reshape(shape) for c in (scale, bias)]
    op = with_coefficients("deviation", call.real("epsilon", 1e-5), spread(found, sizes))
    y = builder.add(op, (builder.reshaped(x, parted, call.loc),), call.loc, f"{call.output}_groups")
    return builder.emit_full(Reshape(sizes), (y,), call)


def convert_mean_variance(builder: Builder, call: Call) -> View:
    """MeanVarianceNormalization over any axes."""
    view = call.view(0)
    axes = full_axes(call.integers("axes") or (0, 2, 3), view.rank)
    return normalized(builder, call, group(builder, view, axes, call), "deviation", 0.0)


def convert_lp_normalization(builder: Builder, call: Call) -> View:
    """LpNormalization for p of 1 and 2."""
    view, p = call.view(0), call.integer("p", 2)
    groups = group(builder, view, full_axes((call.integer("axis", -1),), view.rank), call)
    return normalized(builder, call, groups, "l1" if p == 1 else "l2", 0.0)


def normalized(
    builder: Builder,
    call: Call,
    groups: Groups,
    norm: Norm,
    epsilon: float,
    *coefficients: Array,
) -> View:
    """Add a normalization; scale and bias broadcast to the ONNX tensor."""
    view = groups.view
    found = spread(coefficients or (np.ones(1), np.zeros(1)), builder.full_shape(view))
    if view.batched:
        found = found[:, 0]
    found = found.transpose(0, *(axis + 1 for axis in view.perm))
    return emit_grouped(builder, call, with_coefficients(norm, epsilon, found), groups)


def spread(coefficients: Sequence[Array], shape: tuple[int, ...]) -> Array:
    """Return scale and bias for each element, (2, *shape)."""
    try:
        return np.stack([np.broadcast_to(c, shape) for c in coefficients])
    except ValueError as error:
        raise Unsupported(f"scale or bias do not fit {shape}: {error}") from error


def with_coefficients(norm: Norm, epsilon: float, pairs: Array) -> Normalize:
    """Return the normalization whose scales and biases are those of each element, (2, ...)."""
    flat = pairs.reshape(2, -1)
    count = flat.shape[1]
    sizes = [size for size in range(1, count + 1) if count % size == 0]
    repeat = next(size for size in reversed(sizes) if is_constant(flat.reshape(2, -1, size)))
    short = flat[:, ::repeat]
    sizes = [size for size in sizes if short.shape[1] % size == 0]
    period = next(size for size in sizes if is_periodic(short, size))
    scales, biases = (tuple(map(float, row)) for row in short[:, :period])
    return Normalize(norm, epsilon, scales, biases, repeat)


def is_constant(blocks: Array) -> bool:
    """All values of each block, along the last axis, are equal."""
    return bool((blocks == blocks[..., :1]).all())


def is_periodic(rows: Array, period: int) -> bool:
    """Rows repeat after so many values."""
    blocks = rows.reshape(2, -1, period)
    return bool((blocks == blocks[:, :1]).all())
