"""Kernels of cores without SIMD: two pixels in the halves of a word, two products a multiply.

Windows are gathered as words, four bytes for two values; leaner forms are those of `generic`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from codegen.ir.schedule import Kernel
from codegen.ops import Conv2d
from codegen.schedule.conditions import (
    has_deep_filters_in_lanes,
    is_pointwise_in_lanes,
    paired_patch,
    paired_pixels,
)
from codegen.schedule.cost import Cost
from codegen.schedule.kernels.generic import GENERIC
from codegen.schedule.kernels.rule import Rule

PAIRED = ("rescale", "word", "pair_pixels", "lanes_2x2")


ARMV6_M: Mapping[str, Cost] = {
    "pointwise_paired": Cost(3.18, 69.9, 4.4, 2.7),
    "conv2d_paired": Cost(3.25, 69.9, 3.63, 24.3),
    "pointwise": Cost(11.9, 34.0),
    "depthwise": Cost(11.3, 59.8),
    "conv2d": Cost(10.4, 36.7, 17.2),
    "conv2d_by_tap": Cost(10.67, 47.7, 14.0),
    "conv2d_single": Cost(5.43, 54.9, tap=30.7),
}
"""Without registers for two pixels by two filters, and without 64-bit products."""

RV32: Mapping[str, Cost] = {
    "pointwise_paired": Cost(3.11, 39.7, 7.88, 2.2),
    "conv2d_paired": Cost(3.28, 40.1, 2.7, 17.2),
    "pointwise": Cost(4.7, 27.0),
    "depthwise": Cost(10.8),
    "conv2d": Cost(4.64, 28.4, 10.7),
    "conv2d_by_tap": Cost(4.79, 26.7, 6.4, 7.5),
    "conv2d_single": Cost(4.78, 26.9, 8.0),
}
"""Where each access to memory takes two cycles."""


ARMV7_M: Mapping[str, Cost] = {"depthwise": Cost(5.3, 28.8)}
"""As on a Cortex-M4, but for products of halves of registers."""

CORES = {"armv6-m": ARMV6_M, "armv7-m": ARMV7_M, "rv32i": RV32}


def with_costs(rule: Rule) -> Rule:
    """Return a rule of this family with its costs on each core."""
    costs = {
        isa: replace(known[rule.kernel.name], pixels=rule.cost.pixels, filters=rule.cost.filters)
        for isa, known in CORES.items()
        if rule.kernel.name in known
    }
    return replace(rule, costs=costs)


def as_lanes(rule: Rule) -> Rule:
    """Return the same kernel as one of this family."""
    kernel = replace(rule.kernel, family="lanes", body=f"generic/{rule.kernel.name}")
    return replace(rule, kernel=kernel)


PAIRS: tuple[Rule, ...] = (
    Rule(
        Kernel(
            "lanes",
            "pointwise_paired",
            (*PAIRED, "store_tile"),
            takes_row=True,
            strided=True,
            reads_spread=True,
            body="lanes/pointwise",
        ),
        (Conv2d,),
        is_pointwise_in_lanes,
        paired_pixels,
        cost=Cost(2.31, 32.9, tap=68.8, pixels=2, filters=2),
    ),
    Rule(
        Kernel(
            "lanes",
            "conv2d_paired",
            (*PAIRED, "store_apart"),
            strided=True,
            reads_spread=True,
            body="lanes/conv2d",
        ),
        (Conv2d,),
        has_deep_filters_in_lanes,
        paired_patch,
        cost=Cost(2.21, 37.1, 3.80, 6.2, pixels=2, filters=2),
    ),
)
PLAIN = tuple(as_lanes(rule) for rule in GENERIC if rule.ops == (Conv2d,))
LANES: tuple[Rule, ...] = tuple(map(with_costs, (*PAIRS, *PLAIN)))
