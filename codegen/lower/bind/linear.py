"""Bind convolutions and dense layers: weights packed as inner loops read them."""

from __future__ import annotations

import numpy as np

from codegen.ir.op import Signature
from codegen.ir.types import Array
from codegen.lower.bind.binding import Binding, Data, rescale_params
from codegen.lower.pack import column_pairs_3x3, interleave_halves, interleave_pairs, pad_to_even
from codegen.ops import Conv2d, Dense
from codegen.ops.linear import LinearParams


def linear_data(
    p: LinearParams, packed: Array, form: str, pairs_of: int | None = None
) -> tuple[Data, ...]:
    """Return weights, bias and multipliers; the last two even in each group of `pairs_of`."""
    bias, multipliers = p.bias, np.resize(np.array(p.rescale.multipliers), p.bias.shape)
    if pairs_of is not None:
        groups = len(bias) // pairs_of
        bias = np.concatenate([pad_to_even(part, 0) for part in np.split(bias, groups)])
        multipliers = np.concatenate(
            [pad_to_even(part, 1) for part in np.split(multipliers, groups)]
        )
    bound = f"accumulators lie within {p.least:,} .. {p.greatest:,}"
    return (
        Data("weights", "int8_t", packed, f"int8, {form}"),
        Data("bias", "int32_t", bias, f"zero point folded in; {bound}"),
        Data("multipliers", "int32_t", multipliers, "accumulator scale / output scale, in 2^-32"),
    )


def conv_name(op: Conv2d, signature: Signature) -> str:
    """Name a convolution by what distinguishes it: window, stride, channels and filters."""
    (_, width, channels), (filters, kh, kw, _) = (t.shape for t in signature.inputs[:2])
    stride = f"_s{op.strides[1]}" if op.strides[1] > 1 else ""
    return f"{kh}x{kw}{stride}_w{width}_c{channels}_f{filters}"


def conv_params(op: Conv2d, signature: Signature, p: LinearParams) -> dict[str, object]:
    """Return the numbers common to all convolutions."""
    (_, width, channels), (filters, kh, kw, depth) = (t.shape for t in signature.inputs[:2])
    return {
        "width": width,
        "out_width": signature.output.shape[1],
        "channels": channels,
        "filters": filters,
        "kernel_rows": kh,
        "kernel_width": kw,
        "depth": depth,
        "groups": op.group,
        "stride": op.strides[1],
        "dilation": op.dilations[1],
        "pad": op.pads[1],
        "pad_right": op.pads[3],
        "input_zero": p.input_zero_point,
        **rescale_params(p.rescale),
    }


def bind_conv2d(op: Conv2d, signature: Signature) -> Binding:
    """Gather a patch, then multiply pairs of filters by pairs of patches."""
    p = op.params(signature)
    filters, kh, kw, depth = p.weights.shape
    groups = p.weights.reshape(op.group, filters // op.group, -1)
    packed = np.concatenate([interleave_pairs(group) for group in groups])
    return Binding(
        f"conv2d_{conv_name(op, signature)}{group_name(op)}",
        f"One row of a {kh}x{kw} convolution",
        conv_params(op, signature, p) | group_params(op, filters) | {"patch": kh * kw * depth},
        linear_data(p, packed, f"[pair][{kh * kw * depth}][2 filters]", filters // op.group),
        p.input_zero_point,
    )


def group_name(op: Conv2d) -> str:
    """Name the groups of a convolution that has several."""
    if op.group == 1:
        return ""
    return f"_g{op.group}" + ("_interleaved" if op.interleave else "")


def group_params(op: Conv2d, filters: int) -> dict[str, object]:
    """Return how many filters a group has, and how far apart its results and the groups stand."""
    group_filters = filters // op.group
    return {
        "group_filters": group_filters,
        "filter_step": op.group if op.interleave else 1,
        "group_step": 1 if op.interleave else group_filters,
    }


def bind_pointwise(op: Conv2d, signature: Signature) -> Binding:
    """A 1x1 convolution reads its pixels where they are."""
    p = op.params(signature)
    weights = p.weights.reshape(len(p.weights), -1)
    form = f"[pair][{weights.shape[1]}][2 filters]"
    return Binding(
        f"pointwise_{conv_name(op, signature)}",
        "One row of a 1x1 convolution",
        conv_params(op, signature, p),
        linear_data(p, interleave_pairs(weights), form, len(weights)),
        p.input_zero_point,
    )


def bind_depthwise(op: Conv2d, signature: Signature) -> Binding:
    """Each channel its own filter; weights lie as the taps of all channels, tap by tap."""
    p = op.params(signature)
    channels, kh, kw, _ = p.weights.shape
    params = conv_params(op, signature, p)
    span = (kw - 1) * op.dilations[1] + 1
    taps = [
        {"row": ky, "offset": kx * op.dilations[1] * channels, "weight": (ky * kw + kx) * channels}
        for ky in range(kh)
        for kx in range(kw)
    ]
    packed = p.weights[..., 0].transpose(1, 2, 0)
    return Binding(
        f"depthwise_{conv_name(op, signature)}",
        f"One row of a {kh}x{kw} depthwise convolution",
        params
        | {
            "rows": range(kh),
            "taps": taps,
            "span": span,
            "has_edges": bool(op.pads[1] or op.pads[3]),
        },
        linear_data(p, packed, f"[{kh}][{kw}][{channels} channels]"),
        p.input_zero_point,
    )


def bind_depthwise_3x3(op: Conv2d, signature: Signature) -> Binding:
    """Slide along a row, one channel at a time, with pairs of rows in one register."""
    p = op.params(signature)
    params = conv_params(op, signature, p)
    (_, width, channels), out_width = signature.inputs[0].shape, signature.output.shape[1]
    inside = min((width - 3 + op.pads[1]) // op.strides[1] + 1, out_width)
    carried = 3 - op.strides[1] - op.pads[1]
    packed = column_pairs_3x3(p.weights[..., 0])
    return Binding(
        f"depthwise_{conv_name(op, signature)}",
        "One row of a 3x3 depthwise convolution",
        params | {"inside": inside, "overhangs": inside < out_width, "carried": carried * channels},
        linear_data(p, packed, "[channel][9], in the order of column pairs"),
        p.input_zero_point,
    )


def bind_conv2d_dsp(op: Conv2d, signature: Signature) -> Binding:
    """Two patches widened to int16, two filters at a time, two products an instruction."""
    p = op.params(signature)
    filters, kh, kw, _ = p.weights.shape
    packed = interleave_halves(p.weights.reshape(filters, -1))
    padded = packed.shape[1] * 2
    has_edges = bool(op.pads[1] or op.pads[3])
    return Binding(
        f"conv2d_{conv_name(op, signature)}",
        f"One row of a {kh}x{kw} convolution",
        conv_params(op, signature, p)
        | {"padded": padded, "scratch_bytes": 4 * padded, "has_edges": has_edges},
        linear_data(p, packed, f"[pair][{padded // 2}][c0k0, c1k0, c0k1, c1k1]", filters),
        p.input_zero_point,
    )


def bind_conv2d_by_tap_dsp(op: Conv2d, signature: Signature) -> Binding:
    """The same, group by group."""
    p = op.params(signature)
    filters, kh, kw, _ = p.weights.shape
    groups = p.weights.reshape(op.group, filters // op.group, -1)
    packed = np.concatenate([interleave_halves(group) for group in groups])
    padded = packed.shape[1] * 2
    return Binding(
        f"conv2d_{conv_name(op, signature)}{group_name(op)}",
        f"One row of a {kh}x{kw} convolution",
        conv_params(op, signature, p)
        | group_params(op, filters)
        | {
            "padded": padded,
            "scratch_bytes": 4 * padded,
            "has_edges": bool(op.pads[1] or op.pads[3]),
        },
        linear_data(
            p, packed, f"[pair][{padded // 2}][c0k0, c1k0, c0k1, c1k1]", filters // op.group
        ),
        p.input_zero_point,
    )


def bind_dense(op: Dense, signature: Signature) -> Binding:
    """Two outputs at a time."""
    p = op.params(signature)
    outputs, depth = p.weights.shape
    return Binding(
        f"dense_{depth}x{outputs}",
        "A dense layer",
        {"inputs": depth, "outputs": outputs, **rescale_params(p.rescale)},
        linear_data(p, interleave_pairs(p.weights), f"[pair][{depth}][2 outputs]", outputs),
    )


def bind_dense_dsp(op: Dense, signature: Signature) -> Binding:
    """The vector widened to int16 once, two outputs at a time, two products an instruction."""
    p = op.params(signature)
    outputs, depth = p.weights.shape
    packed = interleave_halves(p.weights)
    padded = packed.shape[1] * 2
    return Binding(
        f"dense_{depth}x{outputs}",
        "A dense layer",
        {
            "inputs": depth,
            "outputs": outputs,
            "padded": padded,
            "surplus": padded - depth,
            **rescale_params(p.rescale),
        },
        linear_data(p, packed, f"[pair][{padded // 2}][c0k0, c1k0, c0k1, c1k1]", outputs),
    )
