"""Pools that are no plain pool over an image: any number of axes, dilated, of any element type."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.operand import Unsupported, View
from codegen.ops import MaxPoolVolume, Reshape, SumPoolVolume
from codegen.ops.pool_volume import Three


@dataclass(frozen=True, slots=True)
class Line:
    """Windows along one axis: where they begin, and how many there are."""

    kernel: int
    stride: int
    dilation: int
    begin: int
    end: int
    outputs: int


def convert_pool_volume(builder: Builder, call: Call) -> View:
    """MaxPool, AveragePool and LpPool in general."""
    view = call.view(0)
    sizes = builder.full_shape(view)
    lines = window_lines(call, sizes[2:])
    if not 1 <= len(lines) <= 3:
        raise Unsupported(f"pools over {len(lines)} axes", "one to three have a kernel")
    if call.result:
        raise Unsupported(
            "tells where values are in windows over a batch, dilated or over three axes"
        )
    missing = (1,) * (3 - len(lines))
    volume = (*missing, *sizes[2:])
    lines = (*(Line(1, 1, 1, 0, 0, 1) for _ in missing), *lines)
    x = builder.full(view, call.loc)
    x = builder.reshaped(x, (math.prod(sizes[:2]), *volume), call.loc)
    y = builder.add(pool_op(call, lines), (x,), call.loc, f"{call.output}_planes")
    shape = (*sizes[:2], *builder.types[y].shape[1 + len(missing) :])
    return builder.emit_full(Reshape(shape), (y,), call)


def pool_op(call: Call, lines: Sequence[Line]) -> MaxPoolVolume | SumPoolVolume:
    """Return the operator of a node for three lines."""
    fields = (
        three([line.kernel for line in lines]),
        three([line.stride for line in lines]),
        three([line.dilation for line in lines]),
        three([line.begin for line in lines]),
        three([line.end for line in lines]),
        three([line.outputs for line in lines]),
    )
    if call.proto.op_type == "MaxPool":
        return MaxPoolVolume(*fields)
    if call.proto.op_type == "AveragePool":
        return SumPoolVolume(*fields, "average", bool(call.integer("count_include_pad", 0)))
    kind, p = norm_of(call)
    return SumPoolVolume(*fields, kind, p=p)


def norm_of(call: Call) -> tuple[Literal["l1", "l2", "lp"], int]:
    """Return the norm of LpPool and GlobalLpPool, and the p of what is neither l1 nor l2."""
    p = call.integer("p", 2)
    if p < 1:
        raise Unsupported(f"a norm with p = {p}", "p is a positive integer")
    return ("l1", "l2", "lp")[min(p, 3) - 1], max(p, 3)


def three(numbers: Sequence[int]) -> Three:
    """Return three numbers as a tuple."""
    return numbers[0], numbers[1], numbers[2]


def window_lines(call: Call, sizes: Sequence[int]) -> tuple[Line, ...]:
    """Return the windows along each axis of a pool, as ONNX places them."""
    axes = len(sizes)
    kernel = call.integers("kernel_shape") or ()
    strides = call.integers("strides") or (1,) * axes
    dilations = call.integers("dilations") or (1,) * axes
    pads = call.integers("pads") or (0,) * 2 * axes
    if not len(kernel) == len(strides) == len(dilations) == axes == len(pads) / 2:
        raise Unsupported(f"a window of {kernel} for {axes} axes")
    mode, is_ceil = call.text("auto_pad", "NOTSET"), bool(call.integer("ceil_mode", 0))
    found = []
    for axis, size in enumerate(sizes):
        begin, end = pads[axis], pads[axis + axes]
        extent, stride = (kernel[axis] - 1) * dilations[axis] + 1, strides[axis]
        if mode in ("SAME_UPPER", "SAME_LOWER"):
            total = max((-(-size // stride) - 1) * stride + extent - size, 0)
            begin = total // 2 if mode == "SAME_UPPER" else total - total // 2
            end = total - begin
        elif mode == "VALID":
            begin = end = 0
        room = size + begin + end - extent
        outputs = (-(-room // stride) if is_ceil else room // stride) + 1
        if is_ceil and (outputs - 1) * stride >= size + begin:
            outputs -= 1
        found.append(Line(kernel[axis], stride, dilations[axis], begin, end, outputs))
    return tuple(found)
