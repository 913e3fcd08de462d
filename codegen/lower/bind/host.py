"""Bind the kernels of the machine that runs codegen: most widen all to int16."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from codegen.ir.op import Signature
from codegen.lower.bind.binding import Binding, Data, rescale_params
from codegen.lower.bind.linear import (
    Tile,
    bind_depthwise,
    conv_name,
    conv_params,
    group_name,
    group_params,
    tile_data,
)
from codegen.lower.bind.pool import bind_average_pool, bind_max_pool
from codegen.lower.pack import interleave_by_word, widen_fours
from codegen.ops import Conv2d, Dense
from codegen.schedule.cost import round_up

DOT_4 = Tile("fx_dot_4", "", 4, 16, widen_fours, "values")
DOT_32 = Tile("fx_dot_32", "_bytes", 32, 4, interleave_by_word, "four values of 32 outputs")


def padded_columns(op: Conv2d, signature: Signature) -> dict[str, object]:
    """Return the columns after the image that windows reach, and all columns of a widened row."""
    width, out_width = signature.inputs[0].shape[1], signature.output.shape[1]
    span = (signature.inputs[1].shape[2] - 1) * op.dilations[1] + 1
    after = max(0, (out_width - 1) * op.strides[1] + span - op.pads[1] - width)
    return {"pad_after": after, "columns": op.pads[1] + width + after}


def bind_conv2d_host(op: Conv2d, signature: Signature) -> Binding:
    """A window's row is one run of values where it holds all channels side by side."""
    p = op.params(signature)
    filters, kh, kw, depth = p.weights.shape
    joined = op.group == 1 and op.dilations[1] == 1
    return Binding(
        f"conv2d_{conv_name(op, signature)}{group_name(op)}",
        f"One row of a {kh}x{kw} convolution",
        conv_params(op, signature, p)
        | group_params(op, filters)
        | padded_columns(op, signature)
        | {
            "runs": 1 if joined else kw,
            "run": kw * depth if joined else depth,
            "run_step": op.dilations[1] * depth * op.group,
            "padded": round_up(kh * kw * depth, DOT_4.values),
            "group_padded": round_up(filters // op.group, DOT_4.filters),
        },
        tile_data(p, DOT_4, op.group),
    )


def bind_depthwise_host(op: Conv2d, signature: Signature) -> Binding:
    """As the portable kernel, but for columns of padding, which rows have when they are widened."""
    binding = bind_depthwise(op, signature)
    weights, *others = binding.data
    return replace(
        binding,
        params={**binding.params, **padded_columns(op, signature)},
        data=(widen(weights), *others),
    )


def widen(data: Data) -> Data:
    """Return the same values in int16."""
    comment = data.comment.replace("int8", "int16", 1)
    return replace(data, ctype="int16_t", values=data.values.astype(np.int16), comment=comment)


def bind_dense_host(tile: Tile, op: Dense, signature: Signature) -> Binding:
    """Some outputs at a time, by values of the weights' type."""
    p = op.params(signature)
    outputs, depth = p.weights.shape
    data = tile_data(p, tile)
    return Binding(
        f"dense{tile.kind}_{depth}x{outputs}",
        "A dense layer",
        {
            "tile": tile.function,
            "element": data[0].ctype,
            "filters": tile.filters,
            "inputs": depth,
            "outputs": outputs,
            "padded": round_up(depth, tile.values),
            "outputs_padded": round_up(outputs, tile.filters),
            **rescale_params(p.rescale),
        },
        data,
    )


HOST: Mapping[str, Callable[..., Binding]] = {
    "host/conv2d": bind_conv2d_host,
    "host/depthwise": bind_depthwise_host,
    "host/dense_bytes": partial(bind_dense_host, DOT_32),
    "host/dense": partial(bind_dense_host, DOT_4),
    "host/max_pool": bind_max_pool,
    "host/average_pool": bind_average_pool,
}
