"""MatMulInteger and ConvInteger of integers that stand for themselves: exact, in 32 bits."""

from __future__ import annotations

import math

import numpy as np

from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.convert.move import numbers, padded
from codegen.frontend.convert.window import axis_pads
from codegen.frontend.operand import Const, Unsupported, View
from codegen.ir.types import Array
from codegen.ops import MatMulInteger, Reshape, Take


def convert_matmul_integer(builder: Builder, call: Call) -> View:
    """MatMulInteger of matrices, or batches of them; computed ones have one zero point."""
    a, b = (_matrices(builder, call, index) for index in (0, 1))
    of_a, of_b = (builder.types[name].shape for name in (a, b))
    batch, rows = math.prod(of_a[:-2]), of_a[-2]
    if len(of_b) == 2:
        batch, rows = 1, batch * rows
    elif of_a[:-2] != of_b[:-2]:
        raise Unsupported(f"multiplies batches of shapes {of_a} and {of_b}")
    left, right = (batch, rows, of_a[-1]), (batch, *of_b[-2:])
    operands = _shaped(builder, call, a, left), _shaped(builder, call, b, right)
    op = MatMulInteger((_zero(call, 0), _zero(call, 1)))
    y = builder.add(op, operands, call.loc, f"{call.output}_matrices")
    return builder.emit_full(Reshape((*of_a[:-1], of_b[-1])), (y,), call)


def convert_conv_integer(builder: Builder, call: Call) -> View:
    """ConvInteger with constant weights: its windows are gathered, then multiplied."""
    view, weights = call.view(0), _centered(call, 1, axis=0)
    groups, kernel = call.integer("group", 1), weights.data.shape[2:]
    index = window_index(call, numbers(builder, view), kernel)
    batch, channels, *rest = index.shape
    taps, places = rest[: len(kernel)], rest[len(kernel) :]
    depth = channels // groups * math.prod(taps)
    index = index.reshape(batch * groups, depth, math.prod(places))
    stored = builder.constant(f"{call.output}_index", index.astype(np.int32))
    zero = _zero(call, 0)
    patches = builder.add(Take(zero), (view.value, stored), call.loc, f"{call.output}_patches")
    filters = len(weights.data) // groups
    tiled = np.tile(weights.data.reshape(groups, filters, depth), (batch, 1, 1))
    operands = builder.constant(weights.name, tiled), patches
    y = builder.add(MatMulInteger((0, zero)), operands, call.loc, f"{call.output}_planes")
    return builder.emit_full(Reshape((batch, len(weights.data), *places)), (y,), call)


def _matrices(builder: Builder, call: Call, index: int) -> str:
    """Return an operand with all its dimensions, a constant less its zero points."""
    found = call.operand(index)
    if isinstance(found, Const):
        data = _centered(call, index, axis=-1 if index else -2).data
        value = builder.constant(found.name, data)
    else:
        value = builder.full(call.view(index), call.loc)
    if len(builder.types[value].shape) < 2:
        raise Unsupported("multiplies a vector")
    return value


def _shaped(builder: Builder, call: Call, name: str, shape: tuple[int, ...]) -> str:
    """Return a value or a constant under another shape."""
    data = builder.constants.get(name)
    if data is not None:
        return builder.constant(name, data.reshape(shape))
    return builder.reshaped(name, shape, call.loc)


def _centered(call: Call, index: int, axis: int) -> Const:
    """Return a constant operand less its zero points, one or one for each index of an axis."""
    const, zeros = call.constant(index), call.optional_constant(index + 2)
    data = const.data.astype(np.int16)
    if zeros is not None:
        shape = [1] * data.ndim
        shape[axis] = -1
        data = data - zeros.data.astype(np.int16).reshape(shape if zeros.data.size > 1 else ())
    fits = data.min() >= -128 and data.max() <= 127
    return Const(const.name, data.astype(np.int8) if fits else data)


def _zero(call: Call, index: int) -> int:
    """Return the zero point of a computed operand; 0 for a constant, which has none any more."""
    zero = call.optional_constant(index + 2)
    if zero is None or isinstance(call.operand(index), Const):
        return 0
    if len(np.unique(zero.data)) != 1:
        raise Unsupported("several zero points of a computed operand", "quantize it per tensor")
    return int(zero.data.ravel()[0])


def window_index(call: Call, index: Array, kernel: tuple[int, ...]) -> Array:
    """Return what of an index is at each tap of each place: (N, C, *taps, *places), -1 for pads."""
    axes = len(kernel)
    strides = call.integers("strides") or (1,) * axes
    dilations = call.integers("dilations") or (1,) * axes
    pads = axis_pads(call, index.shape[2:], kernel, strides, dilations)
    index = padded(index, (0, 0, *pads[:axes]), (0, 0, *pads[axes:]), "constant")
    extents = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True))
    if any(size < extent for size, extent in zip(index.shape[2:], extents, strict=True)):
        raise Unsupported("a window larger than the image")
    found = np.lib.stride_tricks.sliding_window_view(index, extents, tuple(range(2, 2 + axes)))
    steps = [slice(None, None, s) for s in strides]
    taps = [slice(None, None, d) for d in dilations]
    found = found[(slice(None), slice(None), *steps, *taps)]
    return np.moveaxis(found, range(2, 2 + axes), range(2 + axes, 2 + 2 * axes))
