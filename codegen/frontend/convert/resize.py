"""Resize: coordinate modes and roundings of every opset, as one line an axis in integers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.convert.linear import order
from codegen.frontend.operand import Const, Unsupported, View
from codegen.ops import Resize
from codegen.ops.resize import Line, reduced

HALF = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class Scaling:
    """One axis: sizes before and after, and how many output positions an operand position makes."""

    size: int
    count: int
    scale: Fraction


def convert_resize(builder: Builder, call: Call) -> View:
    """Resize of height and width, nearest or linear; other axes keep their size."""
    view = call.activation(0)
    mode = call.text("mode", "nearest")
    if mode not in ("nearest", "linear"):
        raise Unsupported(f"mode '{mode}'", "'nearest' and 'linear' have a kernel")
    scalings = _scalings(call, (1, *builder.shape(view)))
    if scalings[0].scale != 1:
        raise Unsupported("resizes the batch")
    scaled = [axis for axis, found in enumerate(scalings[1:]) if found.scale != 1]
    if not scaled:
        return View(call.output, view.value, view.perm)
    perm = _image_perm(view.perm, scaled)
    is_shrunk = any(scalings[axis + 1].count < scalings[axis + 1].size for axis in scaled)
    if call.integer("antialias", 0) and is_shrunk:
        raise Unsupported("antialias", "average before, or resize without it")
    rows, columns = (_line(call, scalings[axis + 1], mode == "linear") for axis in perm[:2])
    size = scalings[perm[0] + 1].count, scalings[perm[1] + 1].count
    op = Resize(size, rows, columns, mode == "linear")
    return builder.emit(op, (builder.layout(view, perm, call.loc),), call, perm)


def _image_perm(perm: tuple[int, ...], scaled: list[int]) -> tuple[int, ...]:
    """Return a layout whose innermost axis keeps its size: that at hand, or channels last."""
    if len(perm) != 3:
        raise Unsupported(f"resizes a value of {len(perm) - 1} axes", "only images have a kernel")
    if perm[-1] not in scaled:
        return perm
    kept = [axis for axis in order(perm) if axis not in scaled]
    if not kept:
        raise Unsupported("resizes the channels")
    return (*(axis for axis in order(perm) if axis != kept[0]), kept[0])


def _scalings(call: Call, sizes: tuple[int, ...]) -> list[Scaling]:
    """Return what happens to each axis, the batch included."""
    policy = call.text("keep_aspect_ratio_policy", "stretch")
    if policy != "stretch":
        raise Unsupported(f"keep_aspect_ratio_policy '{policy}'", "give the size itself")
    axes = call.integers("axes") or order(sizes)
    found = [Scaling(size, size, Fraction(1)) for size in sizes]
    counts, scales = _given(call, 3), _given(call, 2)
    given = counts if counts is not None else scales
    if given is None or len(given.data.ravel()) != len(axes):
        raise Unsupported("has neither a size nor a scale for each axis")
    for axis, value in zip(axes, given.data.ravel(), strict=True):
        size = sizes[axis]
        count = int(value) if counts is not None else math.floor(size * float(value))
        exact = Fraction(count, size)
        scale = exact if counts is not None else _rational(np.float32(value), exact)
        if count < 1:
            raise Unsupported("leaves no pixel")
        found[axis % len(sizes)] = Scaling(size, count, scale)
    return found


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


def _line(call: Call, axis: Scaling, is_linear: bool) -> Line:
    """Return the positions along an axis; a nearest one's rounding is part of the offset."""
    step, offset = _coordinates(call.text("coordinate_transformation_mode", "half_pixel"), axis)
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


def _coordinates(mode: str, axis: Scaling) -> tuple[Fraction, Fraction]:
    """Return step and offset: output position i stands at operand position i * step + offset."""
    step = 1 / axis.scale
    if mode == "asymmetric":
        return step, Fraction(0)
    if mode == "tf_half_pixel_for_nn":
        return step, step / 2
    if mode == "align_corners":
        ends = Fraction(axis.size - 1, max(axis.count - 1, 1))
        return (ends if axis.count > 1 else Fraction(0)), Fraction(0)
    if mode == "pytorch_half_pixel" and axis.count == 1:
        return Fraction(0), Fraction(0)
    if mode in ("half_pixel", "pytorch_half_pixel"):
        return step, step / 2 - HALF
    if mode == "half_pixel_symmetric":
        shrinkage = 1 - axis.count / (axis.size * axis.scale)
        return step, step / 2 - HALF + shrinkage * axis.size / 2
    raise Unsupported(f"coordinate_transformation_mode '{mode}'", "use half_pixel")
