"""Kernels of Armv7E-M: two products an instruction, one-instruction rescale."""

from __future__ import annotations

from codegen.ir.schedule import Kernel
from codegen.ops import (
    Add,
    AveragePool,
    Conv2d,
    Dense,
    MaxPool,
)
from codegen.schedule.conditions import (
    block_of_pixels,
    block_of_runs,
    bytes_of_pixels,
    edge_patch,
    four_channels,
    has_blocks,
    has_blocks_of_runs,
    has_deep_filters,
    has_patch_vectors,
    has_pixel_vectors,
    has_vectors,
    one_patch,
    one_patch_by_words,
    one_sum,
    slides_along_strips,
    slides_by_one,
    slides_by_two,
    strips,
    strips_by_one,
    strips_by_two,
    sums_rows_in_halfwords,
    sums_windows_in_halfwords,
)
from codegen.schedule.cost import Cost
from codegen.schedule.kernels.rule import Rule

WINDOWS = (
    "ends",
    "skips",
    "bytes",
    "row_bytes",
    "width",
    "kernel_rows",
    "stride",
    "pad",
    "filters",
    "length",
    "apart",
    "zero",
    "input_zero",
    "in_pitches",
    "out_pitch",
)
"""What layers may tell kernels that work on blocks."""
STRIPS = (
    "channels",
    "out_width",
    "pad",
    "inside",
    "after",
    "over",
    "back",
    "span",
    "zero",
    "input_zero",
    "in_pitches",
    "out_pitch",
)
"""What depthwise layers may."""
BLOCK = ("rescale", "load32", "store32", "sxtb16", "smlad", "expand_word", "block_type")
VECTOR = ("rescale", "load32", "sxtb16", "smlad", "vector_type")
SLIDE = ("rescale", "load32", "store32", "sxtb16", "smlad", "columns_3x3")
SINGLE = ("rescale", "load32", "sxtb16", "smlad", "pin", "smlad_8", "smlad_4x1", "store_filters")
DEPTHWISE = Kernel("arm_dsp", "depthwise_3x3", SLIDE, strided=True, reads_spread=True, slides=True)
BY_STRIPS = Kernel(
    "arm_dsp",
    "depthwise",
    ("rescale", "load32", "store32", "sxtb16", "smlad", "strip_type"),
    strided=True,
    reads_spread=True,
    slides=True,
    fields=STRIPS,
)

ARM_DSP: tuple[Rule, ...] = (
    Rule(DEPTHWISE, (Conv2d,), slides_by_one, four_channels, cost=Cost(mac=2.16, row=57)),
    Rule(DEPTHWISE, (Conv2d,), slides_by_two, four_channels, cost=Cost(mac=2.96, row=50)),
    Rule(BY_STRIPS, (Conv2d,), strips_by_one, strips, cost=Cost(1.38, 14.5, row=60)),
    Rule(BY_STRIPS, (Conv2d,), strips_by_two, strips, cost=Cost(1.66, 26.0, row=60)),
    Rule(
        Kernel(
            "arm_dsp",
            "depthwise_by_pixel",
            ("rescale",),
            strided=True,
            body="generic/depthwise",
        ),
        (Conv2d,),
        slides_along_strips,
        edge_patch,
        cost=Cost(5.1, 18.0),
    ),
    Rule(
        Kernel(
            "arm_dsp",
            "conv2d_run",
            BLOCK,
            strided=True,
            body="arm_dsp/conv2d_block",
            fields=WINDOWS,
            pixels=4,
        ),
        (Conv2d,),
        has_blocks_of_runs,
        block_of_runs,
        cost=Cost(1.05, 24.0, 1.4, 7.0, filters=2),
    ),
    Rule(
        Kernel(
            "arm_dsp",
            "conv2d_block",
            BLOCK,
            strided=True,
            reads_spread=True,
            fields=WINDOWS,
            pixels=4,
        ),
        (Conv2d,),
        has_blocks,
        block_of_pixels,
        cost=Cost(1.05, 8.2, 1.3, 3.3, filters=2),
    ),
    Rule(
        Kernel(
            "arm_dsp",
            "conv2d_bytes",
            BLOCK,
            strided=True,
            reads_spread=True,
            body="arm_dsp/conv2d_block",
            fields=WINDOWS,
            pixels=3,
        ),
        (Conv2d,),
        has_blocks,
        bytes_of_pixels,
        cost=Cost(1.16, 8.9, 1.2, 5.0, filters=2),
    ),
    Rule(
        Kernel("arm_dsp", "conv2d_vector", VECTOR, strided=True, reads_spread=True),
        (Conv2d,),
        has_patch_vectors,
        one_patch,
        cost=Cost(1.31, 14.0, 1.3, 15.0, filters=4),
    ),
    Rule(
        Kernel("arm_dsp", "pointwise", VECTOR, takes_row=True, strided=True, reads_spread=True),
        (Conv2d,),
        has_pixel_vectors,
        cost=Cost(1.31, 14.0, tap=60.0, filters=4),
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
        cost=Cost(1.31, 10.5, filters=4),
    ),
    Rule(
        Kernel("arm_dsp", "add", ("sum_type",), takes_row=True, reads_spread=True),
        (Add,),
        cost=Cost(output=6.7),
    ),
    Rule(
        Kernel(
            "arm_dsp",
            "max_pool",
            ("load32", "store32", "max4"),
            strided=True,
            reads_spread=True,
        ),
        (MaxPool,),
        cost=Cost(output=3.0, value=2.2, tap=5.0),
    ),
    Rule(
        Kernel(
            "arm_dsp",
            "global_average_pool",
            ("rescale", "average", "load32", "store32", "sxtb16", "sxtab16", "add_half"),
            takes_row=True,
            accumulates=True,
        ),
        (AveragePool,),
        sums_rows_in_halfwords,
        one_sum,
        cost=Cost(value=3.0, tap=32.5),
    ),
    Rule(
        Kernel(
            "arm_dsp",
            "average_pool",
            ("rescale", "average", "load32", "sxtb16", "sxtab16"),
            strided=True,
            reads_spread=True,
        ),
        (AveragePool,),
        sums_windows_in_halfwords,
        cost=Cost(output=14.0, value=1.6),
    ),
)
