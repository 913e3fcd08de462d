"""Kernels for high-level synthesis: they find bytes by their places in one array, the arena.

Such tools resolve neither pointers into an array that several layers share nor words read from
bytes. Costs are in clock cycles of the loops as their pragmas ask for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from codegen.ir.op import Op, Signature
from codegen.ir.schedule import Kernel
from codegen.ops import (
    Add,
    AveragePool,
    Clip,
    Concat,
    Conv2d,
    Copy,
    Dense,
    FlipSign,
    Function,
    MaxPool,
    Pad,
    Requantize,
    Resize,
    Slice,
    Softmax,
    Transpose,
)
from codegen.schedule.conditions import is_global, is_nearest, keeps_rows, moves_four, one_sum
from codegen.schedule.cost import Cost
from codegen.schedule.kernels.rule import Rule


def is_by_channel(op: Op, signature: Signature) -> bool:
    """A convolution of one filter for each channel."""
    assert isinstance(op, Conv2d)
    return op.is_depthwise(signature)


def is_joined(op: Op, signature: Signature) -> bool:
    """Any other convolution."""
    return not is_by_channel(op, signature)


_LINEAR: tuple[Rule, ...] = (
    Rule(
        Kernel("hls", "depthwise", ("rescale",), strided=True, reads_spread=True),
        (Conv2d,),
        is_by_channel,
        cost=Cost(1.0, 10.0),
    ),
    Rule(
        Kernel("hls", "conv2d", ("rescale",), strided=True, reads_spread=True),
        (Conv2d,),
        is_joined,
        cost=Cost(0.25, 6.0, filters=4),
    ),
    Rule(
        Kernel("hls", "dense", ("rescale",), takes_row=True),
        (Dense,),
        cost=Cost(0.25, 6.0, filters=4),
    ),
)

_OTHERS: tuple[Rule, ...] = (
    Rule(
        Kernel("hls", "add", takes_row=True, reads_spread=True),
        (Add,),
        cost=Cost(output=2.0),
    ),
    Rule(
        Kernel("hls", "max_pool", strided=True, reads_spread=True),
        (MaxPool,),
        cost=Cost(output=5.0, value=1.0),
    ),
    Rule(
        Kernel(
            "hls",
            "global_average_pool",
            ("rescale", "average", "sum_places"),
            takes_row=True,
            accumulates=True,
            reads_spread=True,
        ),
        (AveragePool,),
        is_global,
        one_sum,
        cost=Cost(value=1.0, tap=12.0),
    ),
    Rule(
        Kernel("hls", "average_pool", ("rescale", "average"), strided=True, reads_spread=True),
        (AveragePool,),
        cost=Cost(output=12.0, value=1.0),
    ),
    Rule(
        Kernel("hls", "copy", takes_row=True, strided=True, reads_spread=True),
        (Copy,),
        cost=Cost(output=1.0),
    ),
    Rule(
        Kernel("hls", "table", takes_row=True, strided=True, reads_spread=True),
        (Clip, Function, Requantize),
        cost=Cost(output=1.0),
    ),
    Rule(
        Kernel("hls", "flip_sign", takes_row=True),
        (FlipSign,),
        cost=Cost(output=1.0),
    ),
    Rule(
        Kernel("hls", "softmax", takes_row=True),
        (Softmax,),
        cost=Cost(output=3.0, tap=40.0),
    ),
    Rule(
        Kernel("hls", "concat", takes_row=True),
        (Concat,),
        cost=Cost(output=1.0),
    ),
    Rule(
        Kernel("hls", "pad"),
        (Pad,),
        cost=Cost(output=2.0),
    ),
    Rule(
        Kernel("hls", "slice"),
        (Slice,),
        cost=Cost(output=1.0),
    ),
    Rule(
        Kernel("hls", "resize_nearest", ("position",), strided=True),
        (Resize,),
        is_nearest,
        cost=Cost(output=1.0, tap=10.0),
    ),
    Rule(
        Kernel("hls", "transpose", takes_row=True),
        (Transpose,),
        keeps_rows,
        cost=Cost(output=1.0),
    ),
    Rule(
        Kernel("hls", "transpose", whole=True),
        (Transpose,),
        moves_four,
        cost=Cost(output=1.0),
    ),
)


def widened(rule: Rule) -> Rule:
    """Return the rule of the same template for weights that take 16 bits."""
    kernel = rule.kernel
    wide = replace(kernel, name=f"{kernel.name}_wide", body=f"hls/{kernel.name}")
    return replace(rule, kernel=wide, wide=True)


def in_bytes(applies: Callable[[Op, Signature], bool]) -> Callable[[Op, Signature], bool]:
    """Return a condition and that all activations take a byte each: so the arena is accessed."""

    def holds(op: Op, signature: Signature) -> bool:
        kinds = zip(signature.inputs, signature.constants, strict=True)
        computed = [kind for kind, constant in kinds if constant is None]
        is_bytes = all(kind.dtype.size_bytes == 1 for kind in (*computed, signature.output))
        return is_bytes and applies(op, signature)

    return holds


HLS: tuple[Rule, ...] = tuple(
    replace(rule, kernel=replace(rule.kernel, indexes=True), applies=in_bytes(rule.applies))
    for rule in (*_LINEAR, *map(widened, _LINEAR), *_OTHERS)
)
