"""Bind the kernels of Armv7E-M."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from codegen.lower.bind.binding import Binding
from codegen.lower.bind.block import bind_runs, bind_windows
from codegen.lower.bind.linear import (
    Tile,
    bind_conv2d,
    bind_pointwise,
)
from codegen.lower.bind.slide import bind_depthwise_3x3
from codegen.lower.bind.vector import bind_vector
from codegen.lower.pack import interleave_four_quads, interleave_quads

QUADS = "c0k0, c1k0, c0k2, c1k2, c0k1, c1k1, c0k3, c1k3"
QUADS_2X2 = Tile("fx_smlad_2x2", "", 2, 4, interleave_quads, QUADS)
QUADS_4X1 = Tile(
    "fx_smlad_4x1", "_single", 4, 4, interleave_four_quads, f"{QUADS}, the same of c2 and c3"
)


ARM_DSP: Mapping[str, Callable[..., Binding]] = {
    "arm_dsp/conv2d_block": bind_windows,
    "arm_dsp/conv2d_run": bind_runs,
    "arm_dsp/pointwise": partial(bind_pointwise, QUADS_2X2),
    "arm_dsp/conv2d": partial(bind_conv2d, QUADS_2X2),
    "arm_dsp/conv2d_by_tap": partial(bind_conv2d, QUADS_2X2),
    "arm_dsp/conv2d_single": partial(bind_conv2d, QUADS_4X1),
    "arm_dsp/dense": bind_vector,
    "arm_dsp/depthwise_3x3": bind_depthwise_3x3,
}
