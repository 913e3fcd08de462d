"""Add, and what scales and shifts channels: Add, Sub, Mul, Div by a constant, BatchNormalization.

An affine map of the channels is a depthwise 1x1 Conv2d; `passes.fold_affine` merges it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codegen.frontend.builder import Builder, significant
from codegen.frontend.call import Call
from codegen.frontend.convert.functions import emit_function
from codegen.frontend.convert.linear import image_shape
from codegen.frontend.operand import NHWC, Const, Unsupported, View
from codegen.ir.types import Array, Origin
from codegen.ops import Add, Conv2d, Function, Reshape
from codegen.ops.functions import VARIABLE, Expression


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
    """Add of two values of one shape, or of a value and a constant."""
    constant = _constant_side(call)
    if constant is not None:
        view, const = constant
        axis, shift = _per_channel(const, builder.shape(view))
        one = np.ones(1, np.float32)
        affine = Affine(axis, one, shift, f"{call.output}_scale", const.name)
        return apply_affine(builder, call, view, affine)
    a, b = call.activation(0), call.activation(1)
    shapes = builder.shape(a), builder.shape(b)
    if shapes[0] != shapes[1]:
        raise Unsupported(f"adds values of shapes {shapes[0]} and {shapes[1]}", "broadcast before")
    perm = b.perm if b.perm == NHWC else a.perm
    operands = builder.layout(a, perm, call.loc), builder.layout(b, perm, call.loc)
    return builder.emit(Add(), operands, call, perm)


def convert_sub(builder: Builder, call: Call) -> View:
    """Sub of a constant from a value, or of a value from a constant."""
    view, const = _one_constant(call)
    axis, shift = _per_channel(const, builder.shape(view))
    sign = 1.0 if call.operand(1) is const else -1.0
    one = np.full(1, sign, np.float32)
    names = f"{call.output}_scale", const.name
    return apply_affine(builder, call, view, Affine(axis, one, -sign * shift, *names))


def convert_mul(builder: Builder, call: Call) -> View:
    """Mul of a value by a constant."""
    view, const = _one_constant(call)
    axis, scale = _per_channel(const, builder.shape(view))
    return _scaled(builder, call, view, axis, scale, const.name)


def convert_div(builder: Builder, call: Call) -> View:
    """Div of a value by a constant."""
    view, const = _one_constant(call)
    axis, divisor = _per_channel(const, builder.shape(view))
    if call.operand(0) is const:
        raise Unsupported("divides a constant by a computed value")
    if not np.all(divisor):
        raise Unsupported("divides by zero")
    return _scaled(builder, call, view, axis, 1.0 / divisor.astype(np.float64), const.name)


def convert_batch_normalization(builder: Builder, call: Call) -> View:
    """BatchNormalization with its stored statistics."""
    if call.integer("training_mode", 0):
        raise Unsupported("is in training mode", "export the model for inference")
    scale, bias, mean, variance = (call.constant(i).real().astype(np.float64) for i in range(1, 5))
    factor = scale / np.sqrt(variance + call.real("epsilon", 1e-5))
    names = f"{call.output}_scale", f"{call.output}_shift"
    affine = Affine(0, factor, (bias - mean * factor).astype(np.float32), *names)
    return apply_affine(builder, call, call.activation(0), affine)


def apply_affine(builder: Builder, call: Call, view: View, affine: Affine) -> View:
    """Emit a depthwise 1x1 Conv2d over an image whose channels are the affine map's axis.

    A scalar takes the image as it is; one in ONNX order has its channels first or last, and those
    are the fewer. A scalar behind a function is one more function.
    """
    perm = view.perm
    if affine.axis is None and isinstance(builder.producer(view), Function):
        return emit_function(builder, call, view, as_expression(affine))
    if affine.axis is None and len(perm) == 3 and perm == tuple(sorted(perm)):
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
        return builder.emit(op, (x, w, b), call, perm)
    x = builder.reshaped(x, image, call.loc)
    origin = Origin(call.output, significant(perm))
    y = builder.add(op, (x, w, b), call.loc, f"{call.output}_image", origin)
    return builder.emit(Reshape(shape), (y,), call, perm)


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


def _constant_side(call: Call) -> tuple[View, Const] | None:
    a, b = call.operand(0), call.operand(1)
    if isinstance(a, View) and isinstance(b, Const):
        return a, b
    if isinstance(a, Const) and isinstance(b, View):
        return b, a
    return None


def _one_constant(call: Call) -> tuple[View, Const]:
    found = _constant_side(call)
    if found is None:
        raise Unsupported("combines two computed values", "only a constant operand has a kernel")
    return found


def _per_channel(const: Const, shape: tuple[int, ...]) -> tuple[int | None, Array]:
    """Return the axis along which a broadcast constant varies, None for a scalar, and its values.

    The values are float64 where the constant was quantized, so that a bias stays exact.
    """
    values = const.real()
    dtype = np.float64 if const.is_quantized else np.float32
    flat: Array = values.ravel().astype(dtype)
    full = (1, *shape)
    sizes = (1,) * (len(full) - values.ndim) + values.shape
    varying = [axis for axis, size in enumerate(sizes) if size != 1]
    if len(sizes) > len(full) or any(sizes[axis] != full[axis] for axis in varying):
        raise Unsupported(f"a constant of shape {values.shape} broadcasts a value of shape {full}")
    if len(varying) > 1:
        raise Unsupported(
            f"a constant of shape {values.shape} varies along {len(varying)} axes",
            "only a scalar or a value for each channel has a kernel",
        )
    return (varying[0] - 1 if varying else None), flat
