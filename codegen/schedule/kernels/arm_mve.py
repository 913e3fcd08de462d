"""Kernels of Armv8.1-M with Helium: dot products of 16 values an instruction."""

from __future__ import annotations

from codegen.ir.schedule import Kernel
from codegen.ops import Conv2d, Dense
from codegen.schedule.conditions import is_one_group, is_pointwise, two_patches
from codegen.schedule.cost import Cost
from codegen.schedule.kernels.rule import Rule

DOTS = ("rescale", "dots_type")

ARM_MVE: tuple[Rule, ...] = (
    Rule(
        Kernel("arm_mve", "pointwise", DOTS, takes_row=True, strided=True, reads_spread=True),
        (Conv2d,),
        is_pointwise,
        cost=Cost(0.13, 3.5, tap=25.0, pixels=2, filters=4),
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
)
