"""Kernels of Armv7E-M: two products an instruction, one-instruction rescale."""

from __future__ import annotations

from codegen.ir.schedule import Kernel
from codegen.ops import (
    Conv2d,
    Dense,
)
from codegen.schedule.conditions import (
    block_of_pixels,
    block_of_runs,
    four_channels,
    has_blocks,
    has_blocks_of_runs,
    has_deep_filters,
    has_vectors,
    is_one_group,
    is_pointwise_by_words,
    one_patch_by_words,
    slides_3x3,
    two_patches_by_words,
)
from codegen.schedule.cost import Cost
from codegen.schedule.kernels.rule import Rule

BLOCK = ("rescale", "load32", "store32", "sxtb16", "smlad", "expand_word", "block_type")
VECTOR = ("rescale", "load32", "sxtb16", "smlad", "vector_type")
SLIDE = ("rescale", "load32", "store32", "sxtb16", "smlad", "columns_3x3")
BYTES = ("rescale", "load32", "sxtb16", "smlad", "pin", "smlad_2x2")
SINGLE = ("rescale", "load32", "sxtb16", "smlad", "pin", "smlad_4x1", "store_filters")

ARM_DSP: tuple[Rule, ...] = (
    Rule(
        Kernel("arm_dsp", "depthwise_3x3", SLIDE, strided=True, reads_spread=True, slides=True),
        (Conv2d,),
        slides_3x3,
        four_channels,
        cost=Cost(mac=2.3),
    ),
    Rule(
        Kernel("arm_dsp", "conv2d_run", BLOCK, strided=True, body="arm_dsp/conv2d_block"),
        (Conv2d,),
        has_blocks_of_runs,
        block_of_runs,
        cost=Cost(1.05, 9.0, 1.5, 18.5, pixels=1, filters=2),
    ),
    Rule(
        Kernel("arm_dsp", "conv2d_block", BLOCK, strided=True, reads_spread=True),
        (Conv2d,),
        has_blocks,
        block_of_pixels,
        cost=Cost(1.05, 9.0, 0.94, 18.5, pixels=1, filters=2),
    ),
    Rule(
        Kernel(
            "arm_dsp",
            "pointwise",
            (*BYTES, "store_tile"),
            takes_row=True,
            strided=True,
            reads_spread=True,
            body="generic/pointwise",
            fields=(
                "channels",
                "filters",
                "out_width",
                "in_pitches",
                "out_pitch",
                "stride",
                "zero",
            ),
        ),
        (Conv2d,),
        is_pointwise_by_words,
        cost=Cost(1.63, 11.1, tap=16.6, pixels=2, filters=2),
    ),
    Rule(
        Kernel(
            "arm_dsp",
            "conv2d",
            (*BYTES, "store_tile"),
            strided=True,
            reads_spread=True,
            body="generic/conv2d",
        ),
        (Conv2d,),
        is_one_group,
        two_patches_by_words,
        cost=Cost(1.70, 9.1, 0.94, 18.5, pixels=2, filters=2),
    ),
    Rule(
        Kernel(
            "arm_dsp",
            "conv2d_by_tap",
            (*BYTES, "store_apart"),
            strided=True,
            reads_spread=True,
            body="generic/conv2d_by_tap",
        ),
        (Conv2d,),
        has_deep_filters,
        two_patches_by_words,
        cost=Cost(1.79, 10.7, 2.33, 7.5, pixels=2, filters=2),
    ),
    Rule(
        Kernel(
            "arm_dsp",
            "conv2d_single",
            SINGLE,
            strided=True,
            reads_spread=True,
            body="generic/conv2d_single",
        ),
        (Conv2d,),
        has_deep_filters,
        one_patch_by_words,
        cost=Cost(2.10, 11.4, 1.28, 8.5, filters=4),
    ),
    Rule(
        Kernel("arm_dsp", "dense", VECTOR, takes_row=True),
        (Dense,),
        has_vectors,
        cost=Cost(1.31, 11.5, filters=4),
    ),
)
