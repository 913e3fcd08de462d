"""Resize: coordinate modes and roundings of every opset, as one line an axis in integers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.convert.linear import order
from codegen.frontend.convert.move import moved, numbers, picked
from codegen.frontend.convert.taps import Filter, Taps, tables
from codegen.frontend.operand import Const, Unsupported, View
from codegen.ir.types import Array
from codegen.ops import Blend, Resize
from codegen.ops.resize import Line, reduced
from codegen.ops.take import FILL

HALF = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class Scaling:
    """One axis: sizes before and after, and how many output positions an operand position makes."""

    size: int
    count: int
    scale: Fraction
    region: tuple[Fraction, Fraction] | None = None

    @property
    def is_changed(self) -> bool:
        """The axis is resized, or a part of it is."""
        is_part = self.region is not None and self.region != (Fraction(0), Fraction(1))
        return self.scale != 1 or is_part


def region_line(axis: Scaling) -> tuple[Fraction, Fraction]:
    """Return step and offset of the places in the region of an axis."""
    assert axis.region is not None
    start, end = axis.region
    last = axis.size - 1
    if axis.count == 1:
        return Fraction(0), (start + end) * last / 2
    return (end - start) * last / (axis.count - 1), start * last


def convert_resize(builder: Builder, call: Call) -> View:
    """Resize any axes: row by row where it is an image's height and width, else as a whole."""
    view, mode = call.view(0), call.text("mode", "nearest")
    if mode not in ("nearest", "linear", "cubic"):
        raise Unsupported(f"mode '{mode}'")
    axes = _scalings(call, builder.full_shape(view))
    scaled = [axis for axis, found in enumerate(axes) if found.is_changed]
    if not scaled:
        return replace(view, tensor=call.output)
    is_shrunk = any(axes[axis].count < axes[axis].size for axis in scaled)
    is_plain = mode != "cubic" and not (call.integer("antialias", 0) and is_shrunk)
    has_regions = any(axis.region for axis in axes)
    if is_plain and not has_regions and view.batched and axes[0].scale == 1:
        perm = _image_perm(view.perm, [axis - 1 for axis in scaled])
        if perm is not None:
            return _resized_rows(builder, call, axes, perm)
    if mode == "nearest":
        places = [_nearest(call, axis) for axis in axes]
        return moved(builder, call, view, picked(numbers(builder, view), places), _outside(call))
    return _blended(builder, call, axes)


def _resized_rows(
    builder: Builder, call: Call, axes: Sequence[Scaling], perm: tuple[int, ...]
) -> View:
    is_linear = call.text("mode", "nearest") == "linear"
    rows, columns = (line_of(call, axes[axis + 1], is_linear) for axis in perm[:2])
    size = axes[perm[0] + 1].count, axes[perm[1] + 1].count
    op = Resize(size, rows, columns, is_linear)
    return builder.emit(op, (builder.layout(call.view(0), perm, call.loc),), call, perm)


def _image_perm(perm: tuple[int, ...], scaled: list[int]) -> tuple[int, ...] | None:
    """Return a layout whose innermost axis keeps its size: that at hand, or channels last."""
    kept = [axis for axis in order(perm) if axis not in scaled]
    if len(perm) != 3 or not kept:
        return None
    if perm[-1] not in scaled:
        return perm
    return (*(axis for axis in order(perm) if axis != kept[0]), kept[0])


def _nearest(call: Call, axis: Scaling) -> Array:
    """Return which place of an axis each of the result's is, -1 for the extrapolation value."""
    step, offset, divisor = line_of(call, axis, is_linear=False)
    place = [(i * step + offset) // divisor for i in range(axis.count)]
    inside = np.clip(place, 0, axis.size - 1)
    return np.where(_is_outside(axis), FILL, inside)


def _is_outside(axis: Scaling) -> list[bool]:
    """Return for each place of a region's axis whether it lies beyond the operand."""
    if not axis.region:
        return [False] * axis.count
    step, offset = region_line(axis)
    return [not 0 <= i * step + offset <= axis.size - 1 for i in range(axis.count)]


def _outside(call: Call) -> float:
    return call.real("extrapolation_value", 0.0)


def _blended(builder: Builder, call: Call, axes: Sequence[Scaling]) -> View:
    """Blend along axes, two neighbors at a time; then put in what lies beyond regions."""
    view = call.view(0)
    has_batch = view.batched and not axes[0].is_changed
    value = view.value if has_batch else builder.full(view, call.loc)
    own = [axes[axis + 1] for axis in view.perm] if has_batch else axes
    todo = [axis for axis, found in enumerate(own) if found.is_changed]
    while todo:
        first = todo.pop(0)
        pair = [first, todo.pop(0)] if todo and todo[0] == first + 1 else [first]
        value = _blend(builder, call, value, first, [_taps(call, own[axis]) for axis in pair])
    outside = [np.where(_is_outside(axis), FILL, np.arange(axis.count)) for axis in axes]
    whole = View(call.output, value, view.perm) if has_batch else builder.shown(value, call)
    if not any(np.any(places == FILL) for places in outside):
        return whole
    return moved(builder, call, whole, picked(numbers(builder, whole), outside), _outside(call))


def _blend(builder: Builder, call: Call, value: str, first: int, axes: list[list[Taps]]) -> str:
    """Blend a value along one axis, or that and the next."""
    sizes = builder.types[value].shape
    inner = first + len(axes)
    wide = sizes[first + 1] if len(axes) > 1 else 1
    columns = axes[1] if len(axes) > 1 else [{0: Fraction(1)}]
    shape = (math.prod(sizes[:first]), sizes[first], wide, math.prod(sizes[inner:]))
    operands, shares = [builder.reshaped(value, shape, call.loc)], []
    for places in (axes[0], columns):
        index, weights, total = tables(places)
        shares.append(total)
        for role, table in (("places", index), ("weights", weights)):
            operands.append(builder.constant(f"{call.output}_{role}", table))
    op = Blend((shares[0], shares[1]))
    result = builder.add(op, tuple(operands), call.loc, f"{call.output}_blend")
    counts = (len(axes[0]), len(columns))[: len(axes)]
    return builder.reshaped(result, (*sizes[:first], *counts, *sizes[inner:]), call.loc)


def _taps(call: Call, axis: Scaling) -> list[Taps]:
    """Return what each place of a resized axis reads."""
    is_cubic = call.text("mode", "nearest") == "cubic"
    cubic = Fraction(call.real("cubic_coeff_a", -0.75)).limit_denominator(1000)
    narrow = min(axis.scale, Fraction(1)) if call.integer("antialias", 0) else Fraction(1)
    excludes = bool(call.integer("exclude_outside", 0))
    found = Filter(cubic if is_cubic else None, narrow, excludes)
    step, offset = _coordinates(call, axis)
    return [found.taps(i * step + offset, axis.size) for i in range(axis.count)]


def _scalings(call: Call, sizes: tuple[int, ...]) -> list[Scaling]:
    """Return what happens to each axis."""
    axes = [axis % len(sizes) for axis in call.integers("axes") or order(sizes)]
    found = [Scaling(size, size, Fraction(1)) for size in sizes]
    counts, scales = _given(call, 3), _given(call, 2)
    given = counts if counts is not None else scales
    if given is None or len(given.data.ravel()) != len(axes):
        raise Unsupported("has neither a size nor a scale for each axis")
    values = [float(value) for value in given.data.ravel()]
    kept = [Fraction(int(n), sizes[axis]) for n, axis in zip(values, axes, strict=True)]
    for i, (axis, value) in enumerate(zip(axes, values, strict=True)):
        size = sizes[axis]
        if counts is None:
            count = math.floor(size * value)
            scale = _rational(np.float32(value), Fraction(count, size))
        else:
            scale = _kept_ratio(call, kept, kept[i])
            count = math.floor(scale * size + HALF)
        if count < 1:
            raise Unsupported("leaves nothing")
        found[axis] = Scaling(size, count, scale, _region(call, len(axes), i))
    return found


def _kept_ratio(call: Call, scales: Sequence[Fraction], own: Fraction) -> Fraction:
    """Return an axis's scale, or that of all axes where the ratio of their sizes is kept."""
    policy = call.text("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return own
    return min(scales) if policy == "not_larger" else max(scales)


def _region(call: Call, count: int, index: int) -> tuple[Fraction, Fraction] | None:
    """Return from which to which part of an axis the operand is read; None for all of it."""
    if call.text("coordinate_transformation_mode", "half_pixel") != "tf_crop_and_resize":
        return None
    given = call.constant(1).data.ravel()
    start, end = (_fraction(given[i]) for i in (index, count + index))
    return start, end


def _fraction(value: np.float32) -> Fraction:
    return _rational(value, Fraction(float(value)).limit_denominator(1000))


def _given(call: Call, index: int) -> Const | None:
    """Return a constant operand that is neither absent nor empty."""
    const = call.optional_constant(index)
    return None if const is None or not const.data.size else const


def _rational(scale: np.float32, exact: Fraction) -> Fraction:
    """Return the ratio of small integers that a float32 scale stands for."""
    near = Fraction(float(scale)).limit_denominator(1000)
    for ratio in (exact, near):
        if np.float32(float(ratio)) == scale:
            return ratio
    return Fraction(float(scale))


def line_of(call: Call, axis: Scaling, is_linear: bool) -> Line:
    """Return the positions along an axis; a nearest one's rounding is part of the offset."""
    step, offset = _coordinates(call, axis)
    rounding = "floor" if is_linear else call.text("nearest_mode", "round_prefer_floor")
    if rounding.startswith("round"):
        offset += HALF
    divisor = math.lcm(step.denominator, offset.denominator)
    if rounding == "ceil":
        offset += Fraction(divisor - 1, divisor)
    elif rounding == "round_prefer_floor":
        # Just below, so that a half is rounded down.
        divisor *= 2
        offset -= Fraction(1, divisor)
    return reduced(int(step * divisor), int(offset * divisor), divisor)


def _coordinates(call: Call, axis: Scaling) -> tuple[Fraction, Fraction]:
    """Return step and offset: output position i stands at operand position i * step + offset."""
    mode = call.text("coordinate_transformation_mode", "half_pixel")
    step = 1 / axis.scale
    if axis.region:
        return region_line(axis)
    if mode == "asymmetric":
        return step, Fraction(0)
    if mode == "tf_half_pixel_for_nn":
        return step, step / 2
    if mode == "align_corners":
        if axis.count != axis.size * axis.scale:
            raise Unsupported(
                f"a scale that leaves a part of a pixel of {axis.size}: where align_corners puts"
                " the last one, ONNX and onnxruntime do not agree",
                "give sizes",
            )
        ends = Fraction(axis.size - 1, max(axis.count - 1, 1))
        return (ends if axis.count > 1 else Fraction(0)), Fraction(0)
    if mode == "pytorch_half_pixel" and axis.count == 1:
        return Fraction(0), Fraction(0)
    if mode in ("half_pixel", "pytorch_half_pixel"):
        return step, step / 2 - HALF
    if mode == "half_pixel_symmetric":
        shrinkage = 1 - axis.count / (axis.size * axis.scale)
        return step, step / 2 - HALF + shrinkage * axis.size / 2
    raise Unsupported(f"coordinate_transformation_mode '{mode}'")
