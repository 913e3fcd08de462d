"""Operators that only move elements."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from codegen.frontend.operand import Unsupported
from codegen.frontend.tflite.call import Call
from codegen.frontend.tflite.convert.linear import reshaped

FIRST, LAST = np.iinfo(np.int32).min, np.iinfo(np.int32).max


def convert_reshape(call: Call) -> str:
    """RESHAPE, SQUEEZE and EXPAND_DIMS: the file states the shape of the result."""
    return call.emit("Reshape", call.real(0), call.numbers(call.result.shape))


def convert_concatenation(call: Call) -> str:
    """CONCATENATION; operands of other formats are requantized."""
    operands = [call.real(index) for index in range(len(call.operator.inputs))]
    return call.emit("Concat", *operands, axis=call.option("Axis"))


def convert_pad(call: Call) -> str:
    """PAD with zeros, and PADV2 with a constant."""
    before, after = zip(*call.constant(1).reshape(-1, 2).tolist(), strict=True)
    value = [call.real(2)] if call.optional(2) is not None else []
    return call.emit("Pad", call.real(0), call.numbers((*before, *after)), *value)


def convert_transpose(call: Call) -> str:
    """TRANSPOSE."""
    return call.emit("Transpose", call.real(0), perm=call.integers(1))


def convert_slice(call: Call) -> str:
    """SLICE: the file states the size of the result."""
    starts = call.integers(1)
    sizes = call.result.shape
    ends = [start + size for start, size in zip(starts, sizes, strict=True)]
    return _sliced(call, starts, ends, [1] * len(starts))


def convert_strided_slice(call: Call) -> str:
    """STRIDED_SLICE, with bounds left open and axes dropped by its masks."""
    if call.option("EllipsisMask") or call.option("NewAxisMask"):
        raise Unsupported("ellipsis_mask or new_axis_mask is set", "name every axis in the slice")
    starts, ends, steps = (list(call.integers(index)) for index in (1, 2, 3))
    for axis, step in enumerate(steps):
        if call.option("BeginMask") >> axis & 1:
            starts[axis] = 0 if step > 0 else LAST
        if call.option("EndMask") >> axis & 1:
            ends[axis] = LAST if step > 0 else FIRST
        elif call.option("Offset"):
            ends[axis] += starts[axis]
        if call.option("ShrinkAxisMask") >> axis & 1:
            ends[axis], steps[axis] = starts[axis] + 1 or LAST, 1
    value = _sliced(call, starts, ends, steps)
    if not call.option("ShrinkAxisMask"):
        return value
    return call.emit("Reshape", value, call.numbers(call.result.shape))


def _sliced(call: Call, starts: Sequence[int], ends: Sequence[int], steps: Sequence[int]) -> str:
    axes = range(len(starts))
    operands = [call.numbers(values) for values in (starts, ends, list(axes), steps)]
    return call.emit("Slice", call.real(0), *operands)


def convert_split(call: Call) -> tuple[str, ...]:
    """SPLIT of (axis, value): the file states the sizes of the parts."""
    return _split(call, 1, call.integers(0)[0])


def convert_split_v(call: Call) -> tuple[str, ...]:
    """SPLIT_V of (value, sizes, axis)."""
    return _split(call, 0, call.integers(2)[0])


def _split(call: Call, index: int, axis: int) -> tuple[str, ...]:
    sizes = call.numbers([part.shape[axis] for part in call.results])
    return call.emit_several("Split", [call.real(index), sizes], len(call.results), axis=axis)


def convert_pack(call: Call) -> str:
    """PACK: operands of one shape, joined along a new axis."""
    axis, shape = call.option("Axis"), list(call.result.shape)
    shape[axis] = 1
    parts = [
        reshaped(call, call.real(index), call.tensor(index).shape, tuple(shape))
        for index in range(len(call.operator.inputs))
    ]
    return call.emit("Concat", *parts, axis=axis)
