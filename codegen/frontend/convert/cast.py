"""Cast: another element type; CastLike is one."""

from __future__ import annotations

from dataclasses import replace

import onnx

from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.convert.broadcast import is_plain
from codegen.frontend.operand import Unsupported, View
from codegen.frontend.ports import dtype_of
from codegen.ir.types import DType
from codegen.ops import Cast

Kind = onnx.TensorProto
REALS = (Kind.BFLOAT16, Kind.DOUBLE, Kind.FLOAT, Kind.FLOAT16)
"""Element types of real numbers, which all get a fixed-point format."""


def convert_cast(builder: Builder, call: Call) -> View:
    """Cast. All floats of 16 bits or more are real numbers.

    Reals become integers towards zero, and saturate; integers lose the bits that are too many.
    Integers as reals are exact where their range is at most 255.
    """
    view, element = call.view(0), call.integer("to", Kind.FLOAT)
    dtype = DType.FLOAT32 if element in REALS else dtype_of(element)
    if dtype is None:
        name = Kind.DataType.Name(element).lower()
        raise Unsupported(f"casts to {name}", "cast to float, bool, or integers of 8 bits or more")
    exact = is_plain(builder, view)
    if builder.types[view.value].dtype is dtype:
        return replace(view, tensor=call.output)
    return builder.emit(Cast(dtype, exact), (view.value,), call, view.perm, view.batched)
