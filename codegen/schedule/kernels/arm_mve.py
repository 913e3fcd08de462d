"""Kernels of Armv8.1-M with Helium: dot products of 16 values an instruction."""

from __future__ import annotations

from codegen.ir.schedule import Kernel
from codegen.ops import Add, Conv2d, Dense
from codegen.schedule.conditions import (
    edge_tap,
    is_depthwise,
    is_one_group,
    is_pointwise,
    two_patches,
)
from codegen.schedule.cost import Cost
from codegen.schedule.kernels.rule import Rule

DOTS = ("rescale", "byte", "dots_type")
TAPS = ("rescale", "byte", "taps_type", "span")

ARM_MVE: tuple[Rule, ...] = (
    Rule(
        Kernel("arm_mve", "pointwise", DOTS, takes_row=True, strided=True, reads_spread=True),
        (Conv2d,),
        is_pointwise,
        cost=Cost(0.13, 3.5, tap=25.0, pixels=2, filters=4),
    ),
    Rule(
        Kernel("arm_mve", "depthwise", TAPS, strided=True, reads_spread=True),
        (Conv2d,),
        is_depthwise,
        edge_tap,
        cost=Cost(0.6, 2.0, tap=8.0),
    ),
    Rule(
        Kernel("arm_mve", "conv2d", (*DOTS, "span"), strided=True, reads_spread=True),
        (Conv2d,),
        is_one_group,
        two_patches,
        cost=Cost(0.13, 3.5, 0.3, 8.0, pixels=2, filters=4),
    ),
    Rule(
        Kernel("arm_mve", "dense", DOTS, takes_row=True),
        (Dense,),
        cost=Cost(0.17, 7.0, tap=40.0, filters=4),
    ),
    Rule(
        Kernel("arm_mve", "add", takes_row=True),
        (Add,),
        cost=Cost(output=3.3, tap=1.0),
    ),
)
