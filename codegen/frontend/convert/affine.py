"""Add, Sub, Mul, Div, and what scales and shifts channels: with a constant, BatchNormalization.

An affine map of the channels is a depthwise 1x1 Conv2d; `passes.fold_affine` merges it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codegen.frontend.builder import Builder, significant
from codegen.frontend.call import Call
from codegen.frontend.convert.broadcast import combine, is_real
from codegen.frontend.convert.functions import emit_function
from codegen.frontend.convert.linear import image_shape
from codegen.frontend.operand import NHWC, Const, Unsupported, View
from codegen.ir.types import Array, Origin
from codegen.ops import Add, Conv2d, Function, Reshape
from codegen.ops.functions import VARIABLE, Expression
from codegen.ops.softmax import MASKED


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """y = scale * x + shift, each a scalar or one value for each index of tensor axis `axis`.

    `axis` is None where both are scalars. The names are those of the constants in the graph.
    """

    axis: int | None
    scale: Array
    shift: Array
    scale_name: str
    shift_name: str


def convert_add(builder: Builder, call: Call) -> View:
    """Add of two values, or of a value and a constant."""
    found = _channel_constant(builder, call)
    if found is not None:
        one = np.ones(1, np.float32)
        names = f"{call.output}_scale", found.name
        return apply_affine(builder, call, found.view, Affine(found.axis, one, found.data, *names))
    a, b = call.operand(0), call.operand(1)
    if not (isinstance(a, View) and isinstance(b, View) and _are_alike(builder, a, b)):
        return combine(builder, call, "add")
    perm = b.perm if b.perm == NHWC else a.perm
    operands = builder.layout(a, perm, call.loc), builder.layout(b, perm, call.loc)
    return builder.emit(Add(), operands, call, perm)


def _are_alike(builder: Builder, a: View, b: View) -> bool:
    """Two batches of one, of reals and of one shape."""
    shapes = {builder.full_shape(view) for view in (a, b)}
    return len(shapes) == 1 and a.batched and is_real(builder, a) and is_real(builder, b)


def convert_sub(builder: Builder, call: Call) -> View:
    """Sub of two values, of a constant from a value, or of a value from a constant."""
    found = _channel_constant(builder, call)
    if found is None:
        return combine(builder, call, "sub")
    sign = 1.0 if found.index == 1 else -1.0
    one = np.full(1, sign, np.float32)
    names = f"{call.output}_scale", found.name
    affine = Affine(found.axis, one, -sign * found.data, *names)
    return apply_affine(builder, call, found.view, affine)


def convert_mul(builder: Builder, call: Call) -> View:
    """Mul of two values, or of a value by a constant."""
    found = _channel_constant(builder, call)
    if found is None:
        return combine(builder, call, "mul")
    return _scaled(builder, call, found.view, found.axis, found.data, found.name)


def convert_div(builder: Builder, call: Call) -> View:
    """Div of two values, or with a constant."""
    found = _channel_constant(builder, call)
    if found is None or found.index == 0:
        return combine(builder, call, "div")
    if not np.all(found.data):
        raise Unsupported("divides by zero")
    factors = 1.0 / found.data.astype(np.float64)
    return _scaled(builder, call, found.view, found.axis, factors, found.name)


def convert_batch_normalization(builder: Builder, call: Call) -> View:
    """BatchNormalization with its stored statistics."""
    if call.integer("training_mode", 0):
        raise Unsupported("is in training mode", "export the model for inference")
    scale, bias, mean, variance = (call.constant(i).real().astype(np.float64) for i in range(1, 5))
    factor = scale / np.sqrt(variance + call.real("epsilon", 1e-5))
    names = f"{call.output}_scale", f"{call.output}_shift"
    view = call.view(0)
    axis = 1 - view.batched
    affine = Affine(axis, factor, (bias - mean * factor).astype(np.float32), *names)
    return apply_affine(builder, call, view, affine)


def apply_affine(builder: Builder, call: Call, view: View, affine: Affine) -> View:
    """Emit a depthwise 1x1 Conv2d over an image whose channels are the affine map's axis.

    A scalar takes the image as it is; an input has its channels first or last, and those are the
    fewer. A scalar behind a function is one more function.
    """
    perm, producer = view.perm, builder.producer(view)
    if affine.axis is None and isinstance(producer, Function):
        return emit_function(builder, call, view, as_expression(affine))
    if affine.axis is None and len(perm) == 3 and producer is None:
        sizes = builder.shape(view)
        perm = NHWC if sizes[0] <= sizes[2] else perm
    if affine.axis is not None and perm[-1] != affine.axis:
        rest = tuple(axis for axis in sorted(perm) if axis != affine.axis)
        perm = (*rest, affine.axis)
    x = builder.layout(view, perm, call.loc)
    shape = builder.types[x].shape
    image = image_shape(shape)
    channels = image[-1]
    scale = np.resize(affine.scale, channels).astype(np.float32).reshape(channels, 1, 1, 1)
    w = builder.constant(affine.scale_name, scale)
    b = builder.constant(affine.shift_name, np.resize(affine.shift, channels))
    op = Conv2d(group=channels)
    if image == shape:
        return builder.emit(op, (x, w, b), call, perm, view.batched)
    x = builder.reshaped(x, image, call.loc)
    origin = Origin(call.output, significant(perm), view.batched)
    y = builder.add(op, (x, w, b), call.loc, f"{call.output}_image", origin)
    return builder.emit(Reshape(shape), (y,), call, perm, view.batched)


def as_expression(affine: Affine) -> Expression:
    """Return an affine map of scalars as an expression."""
    scale, shift = float(affine.scale.item()), float(affine.shift.item())
    y: Expression = VARIABLE if scale == 1 else ("mul", VARIABLE, scale)
    return y if shift == 0 else ("add", y, shift)


def _scaled(
    builder: Builder, call: Call, view: View, axis: int | None, scale: Array, name: str
) -> View:
    zero = np.zeros(1, np.float32)
    affine = Affine(axis, scale, zero, name, f"{call.output}_shift")
    return apply_affine(builder, call, view, affine)


@dataclass(frozen=True, slots=True, eq=False)
class _ChannelConstant:
    """A value, and operand `index`: a number, or one for each index along `axis` of the tensor.

    The data is float64 where the constant was quantized, so that a bias stays exact.
    """

    view: View
    index: int
    name: str
    axis: int | None
    data: Array


def _channel_constant(builder: Builder, call: Call) -> _ChannelConstant | None:
    """Return the constant operand of two that scales or shifts the channels of the other one.

    None where there is none, or it varies along several axes, or makes the other one larger, or
    is a mask.
    """
    a, b = call.operand(0), call.operand(1)
    view, const = (a, b) if isinstance(a, View) else (b, a)
    if not isinstance(view, View) or not isinstance(const, Const):
        return None
    values, full = const.real(), builder.full_shape(view)
    sizes = (1,) * (len(full) - values.ndim) + values.shape
    varying = [axis for axis, size in enumerate(sizes) if size != 1]
    if not view.batched or not is_real(builder, view) or len(sizes) > len(full):
        return None
    if len(varying) > 1 or any(sizes[axis] != full[axis] for axis in varying):
        return None
    if values.dtype.kind == "f" and values.size > 1 and values.min() <= MASKED:
        return None
    flat: Array = values.ravel().astype(np.float64 if const.is_quantized else np.float32)
    axis = varying[0] - 1 if varying else None
    return _ChannelConstant(view, 0 if const is a else 1, const.name, axis, flat)
