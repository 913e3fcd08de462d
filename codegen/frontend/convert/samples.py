"""Batches of several samples: an operator on each, and the results joined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import onnx

from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.operand import View
from codegen.ops import Concat, Slice


def each_sample(builder: Builder, call: Call, convert: Callable[[Builder, Call], View]) -> View:
    """Return the results of `convert` for each index of operand 0's first dimension, joined."""
    view = call.view(0)
    count, *rest = builder.full_shape(view)
    x = builder.full(view, call.loc)
    made = []
    for i in range(count):
        cut = Slice((i, *(0 for _ in rest)), (1, *rest), (1,) * (1 + len(rest)))
        one = builder.add(cut, (x,), call.loc, f"{x}_{i}")
        value = builder.reshaped(one, tuple(rest), call.loc)
        sample = View(value, value, builder.order(value))
        part = step_of(call, f"{call.output}_{i}")
        y = convert(builder, replace(part, operands=(sample, *call.operands[1:])))
        made.append(builder.full(y, call.loc))
        builder.forget(sample.tensor)
        builder.forget(part.output)
    return builder.emit_full(Concat(0), tuple(made), call)


def step_of(call: Call, output: str) -> Call:
    """Return the call with a result that is no ONNX tensor, called `output`."""
    proto = onnx.NodeProto()
    proto.CopyFrom(call.proto)
    proto.output[call.result] = output
    return replace(call, proto=proto)
