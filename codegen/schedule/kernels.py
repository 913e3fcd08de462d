"""Which kernels there are and when each may be used; the first that applies is taken.

A target lists its families in order of preference; `generic` serves every operator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from codegen.ir.op import Op, Signature
from codegen.ir.schedule import Kernel
from codegen.ops import (
    Add,
    AveragePool,
    Clip,
    Concat,
    Conv2d,
    Copy,
    Deliver,
    Dense,
    Lrn,
    MaxPool,
    Pad,
    Requantize,
    Resize,
    Slice,
    Softmax,
    Transpose,
)


def always(op: Op, signature: Signature) -> bool:
    """For every form of the operator."""
    return True


def no_scratch(op: Op, signature: Signature) -> int:
    """No working memory."""
    return 0


@dataclass(frozen=True, slots=True)
class Rule:
    """A kernel, the operators it computes, a condition, and its scratch in bytes."""

    kernel: Kernel
    ops: tuple[type[Op], ...]
    applies: Callable[[Op, Signature], bool] = always
    scratch_bytes: Callable[[Op, Signature], int] = no_scratch


def is_pointwise(op: Op, signature: Signature) -> bool:
    """A 1x1 convolution of one group without padding."""
    assert isinstance(op, Conv2d)
    return signature.inputs[1].shape[1:3] == (1, 1) and op.group == 1 and not any(op.pads)


def is_depthwise(op: Op, signature: Signature) -> bool:
    """One filter for each channel, and horizontal padding less than the window."""
    assert isinstance(op, Conv2d)
    kernel_width = signature.inputs[1].shape[2]
    return op.is_depthwise(signature) and max(op.pads[1], op.pads[3]) < kernel_width


def is_depthwise_3x3(op: Op, signature: Signature) -> bool:
    """Depthwise of 3x3, columns side by side, at most one column of padding, stride 1."""
    assert isinstance(op, Conv2d)
    return op.strides[1] == 1 and is_narrow_3x3(op, signature)


def is_depthwise_3x3_s2(op: Op, signature: Signature) -> bool:
    """The same with a stride of 2."""
    assert isinstance(op, Conv2d)
    return op.strides[1] == 2 and is_narrow_3x3(op, signature)


def is_narrow_3x3(op: Conv2d, signature: Signature) -> bool:
    """Depthwise of 3x3, columns side by side, at most one column of padding."""
    return (
        is_depthwise(op, signature)
        and signature.inputs[1].shape[1:3] == (3, 3)
        and op.dilations[1] == 1
        and max(op.pads[1], op.pads[3]) <= 1
    )


def is_linear(op: Op, signature: Signature) -> bool:
    """A resize that blends neighbors."""
    assert isinstance(op, Resize)
    return op.linear


def is_one_group(op: Op, signature: Signature) -> bool:
    """One group, columns side by side, padding less than the window."""
    assert isinstance(op, Conv2d)
    kernel_width = signature.inputs[1].shape[2]
    padding = max(op.pads[1], op.pads[3])
    return op.group == 1 and op.dilations[1] == 1 and padding < kernel_width


def has_deep_filters(op: Op, signature: Signature) -> bool:
    """One group, or groups of four channels or more: fewer take longer to widen than they save."""
    assert isinstance(op, Conv2d)
    return op.group == 1 or signature.inputs[1].shape[3] >= 4


def two_patches(op: Op, signature: Signature) -> int:
    """Two patches of one group in int8."""
    _, kh, kw, depth = signature.inputs[1].shape
    return 2 * kh * kw * depth


def edge_patch(op: Op, signature: Signature) -> int:
    """The window of an output column at the border, as rows of the image would hold it."""
    assert isinstance(op, Conv2d)
    _, kh, kw, _ = signature.inputs[1].shape
    if not (op.pads[1] or op.pads[3]):
        return 0
    return kh * ((kw - 1) * op.dilations[1] + 1) * signature.inputs[0].channels


def two_columns(op: Op, signature: Signature) -> int:
    """Two patches in int16, each rounded up to four values."""
    _, kh, kw, depth = signature.inputs[1].shape
    return 2 * 2 * round_up(kh * kw * depth, 4)


def one_column(op: Op, signature: Signature) -> int:
    """The input vector in int16, rounded up to four values."""
    return 2 * round_up(signature.inputs[0].elements, 4)


def round_up(n: int, multiple: int) -> int:
    """Return the least multiple of `multiple` that is not below n."""
    return -(-n // multiple) * multiple


def is_global(op: Op, signature: Signature) -> bool:
    """One window over more than one row, without padding, as wide as the image."""
    assert isinstance(op, AveragePool)
    size = signature.inputs[0].shape[:2]
    return size == op.kernel_shape and not any(op.pads) and size[0] > 1


def one_sum(op: Op, signature: Signature) -> int:
    """An int32 for each channel."""
    return 4 * signature.inputs[0].channels


TILE = ("rescale", "tile_2x2", "store_tile")
SIMD = ("rescale", "load32", "sxtb16", "smlad", "pack16")

RULES: tuple[Rule, ...] = (
    Rule(
        Kernel("arm_dsp", "depthwise_3x3", (*SIMD, "window_3x3"), strided=True, tile=None),
        (Conv2d,),
        is_depthwise_3x3,
    ),
    Rule(
        Kernel("arm_dsp", "depthwise_3x3_s2", (*SIMD, "window_3x3"), strided=True, tile=None),
        (Conv2d,),
        is_depthwise_3x3_s2,
    ),
    Rule(
        Kernel(
            "arm_dsp",
            "conv2d",
            (*SIMD, "store32", "expand", "smlad_2x2", "store_tile"),
            strided=True,
            tile=(2, 2),
        ),
        (Conv2d,),
        is_one_group,
        two_columns,
    ),
    Rule(
        Kernel(
            "arm_dsp",
            "conv2d_by_tap",
            (*SIMD, "store32", "expand", "smlad_2x2", "store_apart"),
            strided=True,
            tile=(2, 2),
        ),
        (Conv2d,),
        has_deep_filters,
        two_columns,
    ),
    Rule(
        Kernel("arm_dsp", "dense", (*SIMD, "store32", "expand"), takes_row=True, tile=(1, 2)),
        (Dense,),
        always,
        one_column,
    ),
    Rule(
        Kernel("generic", "pointwise", TILE, takes_row=True, strided=True, tile=(2, 2)),
        (Conv2d,),
        is_pointwise,
    ),
    Rule(
        Kernel("generic", "depthwise", ("rescale",), strided=True),
        (Conv2d,),
        is_depthwise,
        edge_patch,
    ),
    Rule(
        Kernel("generic", "conv2d", TILE, strided=True, tile=(2, 2)),
        (Conv2d,),
        is_one_group,
        two_patches,
    ),
    Rule(
        Kernel(
            "generic",
            "conv2d_by_tap",
            ("rescale", "tile_2x2", "store_apart"),
            strided=True,
            tile=(2, 2),
        ),
        (Conv2d,),
        always,
        two_patches,
    ),
    Rule(Kernel("generic", "dense", ("rescale",), takes_row=True, tile=(1, 2)), (Dense,)),
    Rule(Kernel("generic", "add", takes_row=True), (Add,)),
    Rule(Kernel("generic", "max_pool", strided=True), (MaxPool,)),
    Rule(
        Kernel(
            "generic",
            "global_average_pool",
            ("rescale", "load32", "store32"),
            takes_row=True,
            accumulates=True,
        ),
        (AveragePool,),
        is_global,
        one_sum,
    ),
    Rule(Kernel("generic", "average_pool", ("rescale",), strided=True), (AveragePool,)),
    Rule(Kernel("generic", "deliver", takes_row=True, delivers=True), (Deliver,)),
    Rule(Kernel("generic", "copy", takes_row=True, strided=True), (Copy,)),
    Rule(Kernel("generic", "table", takes_row=True, strided=True), (Clip, Requantize)),
    Rule(Kernel("generic", "softmax", takes_row=True), (Softmax,)),
    Rule(Kernel("generic", "lrn", ("rescale",), takes_row=True, strided=True), (Lrn,)),
    Rule(Kernel("generic", "concat", whole=True), (Concat,)),
    Rule(Kernel("generic", "pad", whole=True), (Pad,)),
    Rule(
        Kernel("generic", "resize_linear", ("position",), whole=True, strided=True),
        (Resize,),
        is_linear,
    ),
    Rule(Kernel("generic", "resize_nearest", ("position",), whole=True, strided=True), (Resize,)),
    Rule(Kernel("generic", "slice", whole=True), (Slice,)),
    Rule(Kernel("generic", "transpose", whole=True), (Transpose,)),
)


def choose(families: tuple[str, ...], op: Op, signature: Signature) -> Rule | None:
    """Return the first rule of the most preferred family that serves the node, if any."""
    for family in families:
        for rule in RULES:
            if (
                rule.kernel.family == family
                and isinstance(op, rule.ops)
                and rule.applies(op, signature)
            ):
                return rule
    return None
