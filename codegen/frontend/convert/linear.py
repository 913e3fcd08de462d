"""Conv, Gemm and MatMul by a constant."""

from __future__ import annotations

import math

from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.convert.window import resolve_pads
from codegen.frontend.operand import NHWC, Const, Unsupported, View
from codegen.ir.types import Origin
from codegen.ops import Conv2d, Dense, Reshape


def convert_conv(builder: Builder, call: Call) -> View:
    """Conv over images becomes Conv2d, its weights (M, kH, kW, C / group)."""
    view, filters = call.activation(0), call.constant(1)
    if len(view.perm) != 3 or filters.data.ndim != 4:
        raise Unsupported(
            f"convolves over {len(view.perm) - 1} axes", "only images, with two axes, have a kernel"
        )
    x = builder.layout(view, NHWC, call.loc)
    strides, dilations = call.pair("strides"), call.pair("dilations")
    kernel = (filters.data.shape[2], filters.data.shape[3])
    pads = resolve_pads(call, builder.types[x].shape, kernel, strides, dilations)
    op = Conv2d(strides, pads, dilations, call.integer("group", 1))
    w = builder.weights(filters, (0, 2, 3, 1))
    b = builder.bias(call.optional_constant(2), filters.data.shape[0], call.output)
    return builder.emit(op, (x, w, b), call, NHWC)


def convert_gemm(builder: Builder, call: Call) -> View:
    """Gemm of one row becomes Dense; alpha and beta go into its constants."""
    view, matrix = call.activation(0), call.constant(1)
    if len(view.perm) != 1 or call.integer("transA", 0):
        raise Unsupported("multiplies more than one row a sample", "use MatMul for many rows")
    perm = (0, 1) if call.integer("transB", 0) else (1, 0)
    w = builder.weights(matrix, perm, call.real("alpha", 1.0))
    outputs = matrix.data.shape[perm[0]]
    b = builder.bias(call.optional_constant(2), outputs, call.output, call.real("beta", 1.0))
    x = builder.plain(view, call.loc)
    return builder.emit(Dense(), (x, w, b), call, (0,))


def convert_matmul(builder: Builder, call: Call) -> View:
    """MatMul by a constant matrix: Dense for one row, a 1x1 Conv2d for many."""
    if isinstance(call.operand(0), Const):
        raise Unsupported("multiplies a constant by a computed value", "swap the operands")
    view, matrix = call.activation(0), call.constant(1)
    if matrix.data.ndim != 2:
        raise Unsupported(f"multiplies by a constant of {matrix.data.ndim} dimensions, not 2")
    columns, outputs = matrix.data.shape
    x = builder.plain(view, call.loc)
    shape = builder.types[x].shape
    if len(shape) == 1:
        w = builder.weights(matrix, (1, 0))
        b = builder.bias(None, outputs, call.output)
        return builder.emit(Dense(), (x, w, b), call, (0,))
    if shape[-1:] != (columns,):
        raise Unsupported(f"multiplies rows of {shape[-1:]} by a matrix of {columns} rows")
    image = builder.reshaped(x, image_shape(shape), call.loc)
    w = builder.weights(expanded(matrix), (3, 0, 1, 2))
    b = builder.bias(None, outputs, call.output)
    if len(shape) == 3:
        return builder.emit(Conv2d(), (image, w, b), call, (0, 1, 2))
    y = builder.add(Conv2d(), (image, w, b), call.loc, f"{call.output}_image", Origin(call.output))
    return builder.emit(Reshape((*shape[:-1], outputs)), (y,), call, order(shape))


def image_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the image, channels last, that holds a value of any rank.

    >>> image_shape((10,)), image_shape((4, 10)), image_shape((2, 3, 4, 10))
    ((1, 1, 10), (4, 1, 10), (24, 1, 10))
    """
    if len(shape) == 3:
        return shape
    return math.prod(shape[:-1]), 1, shape[-1] if shape else 1


def expanded(matrix: Const) -> Const:
    """View a (K, M) matrix as (1, 1, K, M), formats included."""
    axis = None if matrix.axis is None else matrix.axis + 2
    return Const(matrix.name, matrix.data[None, None], matrix.scales, matrix.zero_points, axis)


def order(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the permutation that changes nothing."""
    return tuple(range(len(shape)))
