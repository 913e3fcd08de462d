"""Bind the kernels of Armv8.1-M with Helium."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from codegen.ir.op import Signature
from codegen.ir.program import Part
from codegen.lower.bind.binding import Binding
from codegen.lower.bind.dots import LANES, dots_data, dots_of
from codegen.lower.bind.elementwise import bind_add
from codegen.lower.bind.linear import conv_name, conv_params
from codegen.lower.bind.taps import Taps, group_taps, taps_data
from codegen.ops import Conv2d, Dense
from codegen.ops.linear import LinearParams
from codegen.schedule.conditions import has_edges


def dots_params(p: LinearParams, width: int) -> tuple[dict[str, object], tuple[Part, ...]]:
    """Return what a row of `width` pixels is made by: two at a time, then an odd one."""
    filters = len(p.weights)
    values = p.weights[0].size
    pair, single = (dots_of(values, filters, pixels, p.rescale) for pixels in (2, 1))
    used = ((pair,) if width > 1 else ()) + ((single,) if width % 2 else ())
    params: dict[str, object] = {
        "patch": values,
        "loops": pair.loops,
        "tail": pair.tail,
        "paired": width - width % 2,
        "pair": pair.name if width > 1 else "",
        "single": single.name if width % 2 else "",
    }
    return params, tuple(dots.part() for dots in used)


def bind_conv2d(op: Conv2d, signature: Signature) -> Binding:
    """Gather two patches, then multiply four filters at a time."""
    p = op.params(signature)
    kh, kw = p.weights.shape[1:3]
    (window,) = op.windows(signature)
    params, parts = dots_params(p, signature.output.width)
    beyond = window.overhangs(signature.inputs[0].rows, signature.output.rows)
    return Binding(
        f"conv2d_{conv_name(op, signature)}",
        f"One row of a {kh}x{kw} convolution",
        conv_params(op, signature, p) | params | {"beyond": beyond},
        dots_data(p),
        parts=parts,
    )


def bind_pointwise(op: Conv2d, signature: Signature) -> Binding:
    """A 1x1 convolution reads its pixels where they are."""
    p = op.params(signature)
    params, parts = dots_params(p, signature.output.width)
    return Binding(
        f"pointwise_{conv_name(op, signature)}",
        "One row of a 1x1 convolution",
        conv_params(op, signature, p) | params,
        dots_data(p),
        parts=parts,
    )


def bind_depthwise(op: Conv2d, signature: Signature) -> Binding:
    """Each channel its own filter, 16 side by side."""
    p = op.params(signature)
    channels, kh, kw, _ = p.weights.shape
    weights = p.weights.reshape(channels, kh * kw).T.astype(np.int64)
    blocks, tail = divmod(channels, LANES)
    taps = Taps(group_taps(weights), blocks > 0, tail > 0, p.rescale)
    return Binding(
        f"depthwise_{conv_name(op, signature)}",
        f"One row of a {kh}x{kw} depthwise convolution",
        conv_params(op, signature, p)
        | {
            "taps": kh * kw,
            "span": (kw - 1) * op.dilations[1] + 1,
            "has_edges": has_edges(op, signature),
            "blocks": blocks,
            "tail": tail,
            "function": taps.name,
        },
        taps_data(p, weights),
        parts=(taps.part(),),
    )


def bind_dense(op: Dense, signature: Signature) -> Binding:
    """One pixel of all inputs."""
    p = op.params(signature)
    params, parts = dots_params(p, 1)
    outputs, values = p.weights.shape
    return Binding(
        f"dense_{values}x{outputs}",
        "A dense layer",
        params | {"outputs": outputs, "zero": p.rescale.zero_point},
        dots_data(p),
        parts=parts,
    )


ARM_MVE: Mapping[str, Callable[..., Binding]] = {
    "arm_mve/conv2d": bind_conv2d,
    "arm_mve/pointwise": bind_pointwise,
    "arm_mve/depthwise": bind_depthwise,
    "arm_mve/add": bind_add,
    "arm_mve/dense": bind_dense,
}
