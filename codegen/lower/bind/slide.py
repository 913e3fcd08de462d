"""Bind depthwise convolutions of 3x3 with SMLAD: channels slide along words of column pairs."""

from __future__ import annotations

import numpy as np

from codegen.ir.op import Signature
from codegen.ir.program import Part
from codegen.ir.types import Array
from codegen.lower.bind.binding import Binding, Data
from codegen.lower.bind.block import rescale_suffix
from codegen.lower.bind.linear import conv_name, conv_params, linear_data
from codegen.ops import Conv2d
from codegen.schedule.conditions import column_pairs

AHEAD = {1: 4, 2: 8}
"""By stride: from a channel's first word to where its pointer stands."""


def pack_columns(weights: Array, multipliers: Array, biases: Array) -> Array:
    """(channels, 3, 3) -> (channels, 4) words: six weights of the upper two rows and two of the
    lowest as bytes, a multiplier, 256 * bias + the last weight's byte.

    SXTB16 makes pairs of bytes 0 and 2, 1 and 3: upper two rows of the columns, then the lowest.
    """
    w = weights.astype(np.int8)
    upper, lower = w[:, :2], w[:, 2]
    bytes_ = np.column_stack(
        [upper[:, :, :2].reshape(-1, 4), upper[:, 0, 2], lower[:, 0], upper[:, 1, 2], lower[:, 1]]
    )
    words = np.ascontiguousarray(bytes_).view("<i4")
    last = (biases.astype(np.int64) << 8) | (lower[:, 2].astype(np.int64) & 0xFF)
    packed: Array = np.column_stack([words, multipliers, last.astype(np.int32)])
    return packed


def bind_depthwise_3x3(op: Conv2d, signature: Signature) -> Binding:
    """Layers of one stride share the function; what differs is in a struct."""
    p = op.params(signature)
    stride, width = op.strides[1], signature.inputs[0].width
    needed, within = column_pairs(op, signature), width + op.pads[1]
    whole = min(needed, within // 2)
    suffix = f"_s{stride}{rescale_suffix(p.rescale)}"
    layer = f"fx_depthwise_3x3{suffix}"
    told = (
        ("stride", stride),
        ("layer", layer),
        ("up", p.rescale.shift),
        ("low", p.rescale.low),
        ("high", p.rescale.high),
    )
    _, bias, multipliers = linear_data(p, p.weights, "")
    stream = pack_columns(p.weights[..., 0], multipliers.values, bias.values)
    form = f"[{len(stream)} channels][8 weights, a multiplier, 256 * bias + the last weight]"
    return Binding(
        f"depthwise_{conv_name(op, signature)}",
        "One row of a 3x3 depthwise convolution",
        conv_params(op, signature, p)
        | {
            "layer": layer,
            "pairs": whole,
            "span": AHEAD[stride] + 48 * (signature.output.width * stride // 2),
            "tail": 0 if whole == needed else 2 - within % 2,
        },
        (Data("weights", "int32_t", stream, form),),
        parts=(Part(f"fx_slide_3x3{suffix}", "slide_3x3", told),),
    )
