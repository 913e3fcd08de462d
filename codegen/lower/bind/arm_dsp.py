"""Bind the kernels of Armv7E-M."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from codegen.ir.op import Signature
from codegen.lower.bind.binding import Binding
from codegen.lower.bind.block import bind_runs, bind_windows
from codegen.lower.bind.linear import (
    Tile,
    bind_conv2d,
    conv_name,
    conv_params,
    linear_data,
)
from codegen.lower.bind.pool import bind_max_pool
from codegen.lower.bind.vector import bind_dense, bind_pointwise, bind_vector
from codegen.lower.pack import column_pairs_3x3, interleave_four_quads
from codegen.ops import Conv2d

QUADS = "c0k0, c1k0, c0k2, c1k2, c0k1, c1k1, c0k3, c1k3"
QUADS_4X1 = Tile(
    "fx_smlad_4x1", "_single", 4, 4, interleave_four_quads, f"{QUADS}, the same of c2 and c3"
)


def bind_depthwise_3x3(op: Conv2d, signature: Signature) -> Binding:
    """Slide along a row, one channel at a time, with pairs of rows in one register."""
    p = op.params(signature)
    params = conv_params(op, signature, p)
    width, out_width = signature.inputs[0].shape[1], signature.output.shape[1]
    inside = min((width - 3 + op.pads[1]) // op.strides[1] + 1, out_width)
    carried = 3 - op.strides[1] - op.pads[1]
    packed = column_pairs_3x3(p.weights[..., 0])
    return Binding(
        f"depthwise_{conv_name(op, signature)}",
        "One row of a 3x3 depthwise convolution",
        params | {"inside": inside, "overhangs": inside < out_width, "carried": carried},
        linear_data(p, packed, "[channel][9], in the order of column pairs"),
    )


ARM_DSP: Mapping[str, Callable[..., Binding]] = {
    "arm_dsp/conv2d_block": partial(bind_windows, False),
    "arm_dsp/conv2d_bytes": partial(bind_windows, True),
    "arm_dsp/conv2d_run": bind_runs,
    "arm_dsp/conv2d_vector": bind_vector,
    "arm_dsp/pointwise": bind_pointwise,
    "arm_dsp/conv2d_single": partial(bind_conv2d, QUADS_4X1),
    "arm_dsp/max_pool": bind_max_pool,
    "arm_dsp/dense": bind_dense,
    "arm_dsp/depthwise_3x3": bind_depthwise_3x3,
    "arm_dsp/depthwise_3x3_s2": bind_depthwise_3x3,
}
