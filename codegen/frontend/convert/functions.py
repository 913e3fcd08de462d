"""Functions of one value: the ONNX activations, and what combines a value with a number."""

from __future__ import annotations

from collections.abc import Mapping

from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.operand import View
from codegen.ir.types import DType
from codegen.ops import Elementwise, Function
from codegen.ops.exact import EXACT
from codegen.ops.functions import SELU_ALPHA, SELU_GAMMA, VARIABLE, Expression

Attributes = tuple[tuple[str, float], ...]

UNARY: Mapping[str, tuple[str, Attributes]] = {
    "Abs": ("abs", ()),
    "Acos": ("acos", ()),
    "Acosh": ("acosh", ()),
    "Asin": ("asin", ()),
    "Asinh": ("asinh", ()),
    "Atan": ("atan", ()),
    "Atanh": ("atanh", ()),
    "Ceil": ("ceil", ()),
    "Celu": ("celu", (("alpha", 1.0),)),
    "Cos": ("cos", ()),
    "Cosh": ("cosh", ()),
    "Elu": ("elu", (("alpha", 1.0),)),
    "Erf": ("erf", ()),
    "Exp": ("exp", ()),
    "Floor": ("floor", ()),
    "Gelu": ("gelu", ()),
    "HardSigmoid": ("hard_sigmoid", (("alpha", 0.2), ("beta", 0.5))),
    "HardSwish": ("hard_swish", ()),
    "IsInf": ("is_inf", (("detect_negative", 1), ("detect_positive", 1))),
    "IsNaN": ("is_nan", ()),
    "LeakyRelu": ("prelu", (("alpha", 0.01),)),
    "Log": ("log", ()),
    "Mish": ("mish", ()),
    "Neg": ("neg", ()),
    "Reciprocal": ("reciprocal", ()),
    "Round": ("round", ()),
    "Selu": ("selu", (("alpha", SELU_ALPHA), ("gamma", SELU_GAMMA))),
    "Shrink": ("shrink", (("lambd", 0.5), ("bias", 0.0))),
    "Sigmoid": ("sigmoid", ()),
    "Sign": ("sign", ()),
    "Sin": ("sin", ()),
    "Sinh": ("sinh", ()),
    "Softplus": ("softplus", ()),
    "Softsign": ("softsign", ()),
    "Sqrt": ("sqrt", ()),
    "Swish": ("swish", (("alpha", 1.0),)),
    "Tan": ("tan", ()),
    "Tanh": ("tanh", ()),
    "ThresholdedRelu": ("thresholded_relu", (("alpha", 1.0),)),
}
"""For each ONNX operator of one operand its function, and attributes with their defaults."""


def convert_unary(builder: Builder, call: Call) -> View:
    """A function of one operand."""
    name, attributes = UNARY[call.proto.op_type]
    view = call.view(0)
    if name in EXACT and builder.types[view.value].dtype is not DType.FLOAT32:
        op = Elementwise(name, exact=True)
        return builder.emit(op, (view.value,), call, view.perm, view.batched)
    if name == "gelu" and call.text("approximate", "none") == "tanh":
        name = "gelu_tanh"
    numbers = (
        call.integer(key, default) if isinstance(default, int) else call.real(key, default)
        for key, default in attributes
    )
    return emit_function(builder, call, view, (name, VARIABLE, *numbers))


def emit_function(builder: Builder, call: Call, view: View, expression: Expression) -> View:
    """Add an expression of the elements of `view`."""
    op = Function(expression)
    return builder.emit(op, (view.value,), call, view.perm, view.batched)
