"""Bind the kernels of Armv7E-M."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from codegen.ir.op import Signature
from codegen.ir.program import Part
from codegen.lower.bind import linear
from codegen.lower.bind.binding import Binding
from codegen.lower.bind.block import bind_runs, bind_windows
from codegen.lower.bind.elementwise import bind_add
from codegen.lower.bind.linear import Tile, bind_conv2d
from codegen.lower.bind.pool import bind_average_pool, bind_global_average_pool, bind_max_pool
from codegen.lower.bind.slide import bind_depthwise_3x3
from codegen.lower.bind.strip import bind_depthwise
from codegen.lower.bind.vector import bind_dense, bind_pointwise, bind_vector
from codegen.lower.pack import interleave_four_halves, interleave_four_quads
from codegen.ops import Add

QUADS = "c0k0, c1k0, c0k2, c1k2, c0k1, c1k1, c0k3, c1k3"
QUADS_4X1 = Tile(
    "fx_smlad_4x1", "_single", 4, 4, interleave_four_quads, f"{QUADS}, the same of c2 and c3"
)
HALVES = "c0k0, c1k0, c0k1, c1k1, c0k2, c1k2, c0k3, c1k3"
HALVES_4X1 = Tile(
    "fx_smlad16_4x1", "_single", 4, 4, interleave_four_halves, f"{HALVES}, the same of c2 and c3"
)


PAIRS = (("], #8", ", #-7]"), (", #-6]", ", #-5]"), (", #-4]", ", #-3]"), (", #-2]", ", #-1]"))
"""How eight values are accessed, two by two; the first access moves the pointer on."""


def bind_eight_sums(op: Add, signature: Signature) -> Binding:
    """Layers of one shift and the same limits share the loop."""
    binding = bind_add(op, signature)
    told = {name: binding.params[name] for name in ("shift", "low", "high")}
    limits = (told["low"], told["high"])
    suffix = "" if limits == (-128, 127) else "_{}_{}".format(*limits).replace("-", "m")
    name = f"fx_add_{told['shift']}{suffix}"
    part = Part(name, "add", (("pairs", PAIRS), *told.items()))
    return replace(binding, params={**binding.params, "function": name}, parts=(part,))


ARM_DSP: Mapping[str, Callable[..., Binding]] = {
    "arm_dsp/conv2d_block": partial(bind_windows, False),
    "arm_dsp/conv2d_bytes": partial(bind_windows, True),
    "arm_dsp/conv2d_run": bind_runs,
    "arm_dsp/conv2d_vector": bind_vector,
    "arm_dsp/pointwise": bind_pointwise,
    "arm_dsp/conv2d_single": partial(bind_conv2d, QUADS_4X1),
    "arm_dsp/conv2d_wide": partial(bind_conv2d, HALVES_4X1),
    "arm_dsp/dense_wide": partial(linear.bind_dense, HALVES_4X1),
    "arm_dsp/average_pool": bind_average_pool,
    "arm_dsp/global_average_pool": bind_global_average_pool,
    "arm_dsp/max_pool": bind_max_pool,
    "arm_dsp/dense": bind_dense,
    "arm_dsp/add": bind_eight_sums,
    "arm_dsp/depthwise_3x3": bind_depthwise_3x3,
    "arm_dsp/depthwise": bind_depthwise,
    "arm_dsp/depthwise_by_pixel": linear.bind_depthwise,
}
