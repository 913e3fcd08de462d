"""Which kernels there are and when each may be used; the first that applies is preferred.

A target lists its families in order of preference; `generic` serves every operator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from codegen.ir.op import Op, Signature
from codegen.ir.schedule import Kernel
from codegen.ops import (
    Add,
    AveragePool,
    Clip,
    Concat,
    Conv2d,
    Copy,
    Deliver,
    Dense,
    Lrn,
    MaxPool,
    Pad,
    Requantize,
    Resize,
    Slice,
    Softmax,
    Transpose,
)
from codegen.schedule.conditions import (
    always,
    edge_patch,
    filled_vector,
    has_deep_filters,
    is_depthwise,
    is_depthwise_3x3,
    is_depthwise_3x3_s2,
    is_global,
    is_linear,
    is_nearest,
    is_one_group,
    is_pointwise,
    is_pointwise_by_words,
    keeps_rows,
    no_scratch,
    one_patch,
    one_patch_by_words,
    one_sum,
    two_patches,
    two_patches_by_words,
)
from codegen.schedule.cost import Cost


@dataclass(frozen=True, slots=True)
class Rule:
    """A kernel, the operators it computes, a condition, its scratch in bytes, and its cost."""

    kernel: Kernel
    ops: tuple[type[Op], ...]
    applies: Callable[[Op, Signature], bool] = always
    scratch_bytes: Callable[[Op, Signature], int] = no_scratch
    cost: Cost = field(kw_only=True)


TILE = ("rescale", "tile_2x2", "store_tile")
SIMD = ("rescale", "load32", "sxtb16", "smlad", "pack16")
BYTES = ("rescale", "load32", "sxtb16", "smlad", "pin", "smlad_2x2")
SINGLE = ("rescale", "load32", "sxtb16", "smlad", "pin", "smlad_4x1", "store_filters")

RULES: tuple[Rule, ...] = (
    Rule(
        Kernel(
            "arm_dsp",
            "depthwise_3x3",
            (*SIMD, "window_3x3"),
            strided=True,
            reads_spread=True,
            slides=True,
        ),
        (Conv2d,),
        is_depthwise_3x3,
        cost=Cost(mac=5.0),
    ),
    Rule(
        Kernel(
            "arm_dsp",
            "depthwise_3x3_s2",
            (*SIMD, "window_3x3"),
            strided=True,
            reads_spread=True,
            slides=True,
        ),
        (Conv2d,),
        is_depthwise_3x3_s2,
        cost=Cost(mac=5.5),
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
        Kernel("arm_dsp", "dense", SINGLE, takes_row=True),
        (Dense,),
        always,
        filled_vector,
        cost=Cost(2.0, 10.1, 0.8, filters=4),
    ),
    Rule(
        Kernel("generic", "pointwise", TILE, takes_row=True, strided=True, reads_spread=True),
        (Conv2d,),
        is_pointwise,
        cost=Cost(2.74, 6.0, tap=20.3, pixels=2, filters=2),
    ),
    Rule(
        Kernel("generic", "depthwise", ("rescale",), strided=True),
        (Conv2d,),
        is_depthwise,
        edge_patch,
        cost=Cost(6.4, 7.0),
    ),
    Rule(
        Kernel("generic", "conv2d", TILE, strided=True, reads_spread=True),
        (Conv2d,),
        is_one_group,
        two_patches,
        cost=Cost(2.59, 7.1, 2.98, 17.4, pixels=2, filters=2),
    ),
    Rule(
        Kernel(
            "generic",
            "conv2d_by_tap",
            ("rescale", "tile_2x2", "store_apart"),
            strided=True,
            reads_spread=True,
        ),
        (Conv2d,),
        always,
        two_patches,
        cost=Cost(2.53, 15.1, 2.79, 7.0, pixels=2, filters=2),
    ),
    Rule(
        Kernel(
            "generic",
            "conv2d_single",
            ("rescale", "tile_4x1", "store_filters"),
            strided=True,
            reads_spread=True,
        ),
        (Conv2d,),
        always,
        one_patch,
        cost=Cost(3.13, 12.5, 2.33, 6.6, filters=4),
    ),
    Rule(
        Kernel("generic", "dense", ("rescale",), takes_row=True),
        (Dense,),
        cost=Cost(3.6, 8.6, tap=330.0, filters=2),
    ),
    Rule(
        Kernel("generic", "add", takes_row=True),
        (Add,),
        cost=Cost(output=7.9),
    ),
    Rule(
        Kernel("generic", "add_spread", takes_row=True, reads_spread=True),
        (Add,),
        cost=Cost(output=7.9),
    ),
    Rule(
        Kernel("generic", "max_pool", strided=True, reads_spread=True),
        (MaxPool,),
        cost=Cost(output=2.3, value=13.2, tap=4.4),
    ),
    Rule(
        Kernel(
            "generic",
            "global_average_pool",
            ("rescale", "load32", "store32"),
            takes_row=True,
            accumulates=True,
        ),
        (AveragePool,),
        is_global,
        one_sum,
        cost=Cost(value=6.4, tap=32.5),
    ),
    Rule(
        Kernel("generic", "average_pool", ("rescale",), strided=True),
        (AveragePool,),
        cost=Cost(output=25.9, value=5.4, tap=11.7),
    ),
    Rule(
        Kernel("generic", "deliver", takes_row=True, delivers=True),
        (Deliver,),
        cost=Cost(output=0.7),
    ),
    Rule(
        Kernel("generic", "copy", takes_row=True, strided=True, reads_spread=True),
        (Copy,),
        cost=Cost(output=0.7),
    ),
    Rule(
        Kernel("generic", "table", takes_row=True, strided=True, reads_spread=True),
        (Clip, Requantize),
        cost=Cost(output=5.3),
    ),
    Rule(
        Kernel("generic", "softmax", takes_row=True),
        (Softmax,),
        cost=Cost(output=28.4),
    ),
    Rule(
        Kernel("generic", "lrn", ("rescale",), takes_row=True, strided=True),
        (Lrn,),
        cost=Cost(output=60.6, tap=60.0),
    ),
    Rule(
        Kernel("generic", "concat", takes_row=True),
        (Concat,),
        cost=Cost(output=1.3, tap=8.2),
    ),
    Rule(
        Kernel("generic", "pad"),
        (Pad,),
        cost=Cost(output=1.0),
    ),
    Rule(
        Kernel("generic", "resize_linear", ("position",), strided=True, knows_row=True),
        (Resize,),
        is_linear,
        cost=Cost(output=18.4, tap=12.2),
    ),
    Rule(
        Kernel("generic", "resize_nearest", ("position",), strided=True),
        (Resize,),
        is_nearest,
        cost=Cost(output=0.7, tap=25.0),
    ),
    Rule(
        Kernel("generic", "slice"),
        (Slice,),
        cost=Cost(output=0.7),
    ),
    Rule(
        Kernel("generic", "transpose", takes_row=True),
        (Transpose,),
        keeps_rows,
        cost=Cost(output=2.1),
    ),
    Rule(
        Kernel("generic", "transpose", whole=True),
        (Transpose,),
        cost=Cost(output=2.1),
    ),
)


def variants(
    families: tuple[str, ...], op: Op, signature: Signature, *, spread: bool = False
) -> tuple[Rule, ...]:
    """Return the rules of the most preferred family that serves the node, best first.

    Each takes less working memory than all before it; a rule after the first that another one
    undercuts in memory and in cycles is left out. All are called alike: once a row of the result,
    of the operand, or once. Where an operand is `spread`, each reads it so.
    """
    for family in families:
        found: list[Rule] = []
        for rule in RULES:
            serves = rule.kernel.family == family and isinstance(op, rule.ops)
            if not serves or not rule.applies(op, signature):
                continue
            if spread and not rule.kernel.reads_spread:
                continue
            if found and not rule.kernel.is_called_as(found[0].kernel):
                continue
            scratch = rule.scratch_bytes(op, signature)
            if found and scratch >= found[-1].scratch_bytes(op, signature):
                continue
            cycles = rule.cost.cycles(op, signature)
            while len(found) > 1 and found[-1].cost.cycles(op, signature) >= cycles:
                found.pop()
            found.append(rule)
        if found:
            return tuple(found)
    return ()
