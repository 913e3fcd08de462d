"""Identity, Dropout, Relu, Clip and LRN."""

from __future__ import annotations

import math
from dataclasses import replace

from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.convert.broadcast import combine, is_real
from codegen.frontend.operand import Const, Unsupported, View
from codegen.ops import Clip, Lrn


def convert_identity(builder: Builder, call: Call) -> View:
    """Identity, and Dropout at inference: another name of the operand."""
    training = call.operand(2)
    if call.proto.op_type == "Dropout" and training is not None:
        mode = call.constant(2).data
        if mode.any():
            raise Unsupported("is in training mode", "export the model for inference")
    return replace(call.view(0), tensor=call.output)


def convert_relu(builder: Builder, call: Call) -> View:
    """Relu is Clip from 0."""
    view = call.view(0)
    return builder.emit(Clip(), (view.value,), call, view.perm, view.batched)


def convert_clip(builder: Builder, call: Call) -> View:
    """Clip: of reals between constant bounds a Clip, else the greater of low, the less of high."""
    view, bounds = call.view(0), (call.operand(1), call.operand(2))
    if is_real(builder, view) and not any(isinstance(bound, View) for bound in bounds):
        low, high = call.optional_constant(1), call.optional_constant(2)
        least = -math.inf if low is None else float(low.real().item())
        most = math.inf if high is None else float(high.real().item())
        op = Clip(min(least, most), most)
        return builder.emit(op, (view.value,), call, view.perm, view.batched)
    for kind, bound in zip(("max", "min"), bounds, strict=True):
        if isinstance(bound, Const | View):
            step = Call(call.proto, (view, bound), call.opset, call.loc)
            view = combine(builder, step, kind)
    return replace(view, tensor=call.output)


def convert_lrn(builder: Builder, call: Call) -> View:
    """LRN across the channels."""
    view = call.view(0)
    channels = 1 - view.batched
    perm = (*(axis for axis in sorted(view.perm) if axis != channels), channels)
    op = Lrn(
        call.integer("size", 1),
        call.real("alpha", 1e-4),
        call.real("beta", 0.75),
        call.real("bias", 1.0),
    )
    x = builder.layout(view, perm, call.loc)
    return builder.emit(op, (x,), call, perm, view.batched)
