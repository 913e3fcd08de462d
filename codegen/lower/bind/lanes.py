"""Bind the kernels of two pixels a word."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from codegen.ir.op import Signature
from codegen.lower.bind.binding import Binding, Data
from codegen.lower.bind.linear import (
    FOURS_4X1,
    PAIRS_2X2,
    Tile,
    bind_conv2d,
    bind_depthwise,
    bind_pointwise,
)
from codegen.lower.pack import interleave_even_pairs, lane_runs
from codegen.ops import Conv2d

LANES_2X2 = Tile("fx_lanes_2x2", "_paired", 2, 2, interleave_even_pairs, "c0, c1")

Bind = Callable[[Tile, Conv2d, Signature], Binding]


def with_runs(bind: Bind, op: Conv2d, signature: Signature) -> Binding:
    """Add which steps of the packed weights may be added up in 16 bits."""
    binding = bind(LANES_2X2, op, signature)
    weights = binding.data[0].values
    comment = "fours of steps before each two that are added up apart, for each pair of filters"
    runs = Data("runs", "int8_t", lane_runs(weights), comment)
    return replace(binding, data=(*binding.data, runs))


LANES: Mapping[str, Callable[..., Binding]] = {
    "lanes/pointwise_paired": partial(with_runs, bind_pointwise),
    "lanes/conv2d_paired": partial(with_runs, bind_conv2d),
    "lanes/conv2d": partial(bind_conv2d, PAIRS_2X2),
    "lanes/conv2d_by_tap": partial(bind_conv2d, PAIRS_2X2),
    "lanes/conv2d_single": partial(bind_conv2d, FOURS_4X1),
    "lanes/pointwise": partial(bind_pointwise, PAIRS_2X2),
    "lanes/depthwise": bind_depthwise,
}
