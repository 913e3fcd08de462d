"""Kernels of cores without SIMD: two pixels in the halves of a word, two products a multiply.

Windows are gathered as words, four bytes for two values; leaner forms are those of `generic`.
"""

from __future__ import annotations

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


def as_lanes(rule: Rule) -> Rule:
    """Return the same kernel as one of this family."""
    kernel = replace(rule.kernel, family="lanes", body=f"generic/{rule.kernel.name}")
    return replace(rule, kernel=kernel)


LANES: tuple[Rule, ...] = (
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
    *(as_lanes(rule) for rule in GENERIC if rule.ops == (Conv2d,)),
)
