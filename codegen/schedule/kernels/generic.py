"""Portable kernels: one for every operator."""

from __future__ import annotations

from codegen.ir.schedule import Kernel
from codegen.ops import (
    Add,
    AveragePool,
    Blend,
    Cast,
    Clip,
    Concat,
    Constant,
    Conv2d,
    Copy,
    CumSum,
    Deliver,
    Dense,
    DepthToSpace,
    Elementwise,
    Function,
    Gru,
    Hardmax,
    InverseDeviation,
    LogSoftmax,
    Lookup,
    Lrn,
    Lstm,
    MatMul,
    MatMulInteger,
    MaxPool,
    MaxPoolVolume,
    Normalize,
    Pad,
    Reduce,
    Requantize,
    Resize,
    Rnn,
    SelectIndices,
    SelectValues,
    Slice,
    Softmax,
    SumPoolVolume,
    Take,
    Transpose,
)
from codegen.ops.reduce import SUMS
from codegen.schedule.conditions import (
    always,
    edge_patch,
    elementwise,
    has_formats,
    has_plain_integers,
    is_depthwise,
    is_filled,
    is_global,
    is_linear,
    is_nearest,
    is_one_group,
    is_pointwise,
    is_strided,
    is_unfilled,
    keeps_rows,
    moves_four,
    one_patch,
    one_sum,
    recurrent_scratch,
    reduces,
    resets_after,
    resets_first,
    two_patches,
)
from codegen.schedule.cost import Cost
from codegen.schedule.kernels.rule import Rule

RECALL = ("rescale", "tile_4x1", "dense_4x1", "load32", "store32", "narrow", "curve", "gates")
TILE = ("rescale", "tile_2x2", "store_tile")

ROOT = ("rescale", "inverse_root", "root")

GENERIC: tuple[Rule, ...] = (
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
        cost=Cost(5.1, 18.0),
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
        Kernel(
            "generic",
            "dense",
            ("rescale", "tile_4x1", "dense_4x1", "store_filters"),
            takes_row=True,
        ),
        (Dense,),
        cost=Cost(2.93, 22.0, tap=18.3, filters=4),
    ),
    Rule(
        Kernel("generic", "conv2d_wide", ("rescale",), strided=True, reads_spread=True),
        (Conv2d,),
        wide=True,
        cost=Cost(6.0, 12.0, tap=12.0),
    ),
    Rule(
        Kernel("generic", "dense_wide", ("rescale",), takes_row=True),
        (Dense,),
        wide=True,
        cost=Cost(5.0, 12.0),
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
            ("rescale", "average", "load32", "store32"),
            takes_row=True,
            accumulates=True,
        ),
        (AveragePool,),
        is_global,
        one_sum,
        cost=Cost(value=6.4, tap=32.5),
    ),
    Rule(
        Kernel("generic", "average_pool", ("rescale", "average"), strided=True),
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
        (Clip, Function, Requantize),
        cost=Cost(output=5.3),
    ),
    *(
        Rule(
            Kernel(
                "generic",
                name,
                ("rescale",) if is_product else (),
                takes_row=True,
                knows_row=at_row,
                body="generic/elementwise",
            ),
            (Elementwise,),
            elementwise(is_product=is_product, at_row=at_row),
            cost=Cost(output=11.0),
        )
        for name, is_product, at_row in (
            ("elementwise", False, False),
            ("elementwise_at_row", False, True),
            ("product", True, False),
            ("product_at_row", True, True),
        )
    ),
    Rule(
        Kernel("generic", "cast", takes_row=True, body="generic/elementwise"),
        (Cast,),
        cost=Cost(output=11.0),
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
        Kernel("generic", "lstm", RECALL, takes_row=True, knows_row=True, remembers=True),
        (Lstm,),
        always,
        recurrent_scratch,
        cost=Cost(3.2, 624.0),
    ),
    Rule(
        Kernel("generic", "gru", RECALL, takes_row=True, knows_row=True, remembers=True),
        (Gru,),
        resets_after,
        recurrent_scratch,
        cost=Cost(3.15, 476.0),
    ),
    Rule(
        Kernel(
            "generic", "gru_reset_first", RECALL, takes_row=True, knows_row=True, remembers=True
        ),
        (Gru,),
        resets_first,
        recurrent_scratch,
        cost=Cost(3.15, 465.0),
    ),
    Rule(
        Kernel("generic", "rnn", RECALL, takes_row=True, knows_row=True, remembers=True),
        (Rnn,),
        always,
        recurrent_scratch,
        cost=Cost(3.06, 153.0),
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
        Kernel("generic", "depth_to_space", strided=True, knows_row=True),
        (DepthToSpace,),
        cost=Cost(output=0.7, tap=10.0),
    ),
    Rule(
        Kernel("generic", "matmul", ("rescale",), whole=True),
        (MatMul,),
        cost=Cost(7.0, 18.0),
    ),
    Rule(
        Kernel("generic", "matmul_integer", whole=True),
        (MatMulInteger,),
        cost=Cost(8.0, 18.0),
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
        moves_four,
        cost=Cost(output=2.1),
    ),
    *(
        Rule(
            Kernel("generic", name, uses, takes_row=True, body=body),
            (Reduce,),
            applies,
            cost=Cost(output=40.0, value=value),
        )
        for name, applies, uses, body, value in (
            ("reduce_plain", has_plain_integers, (), "", 6.0),
            ("reduce_root", reduces("l2"), ROOT, "generic/reduce", 5.0),
            ("reduce_log", reduces("log_sum"), ("rescale", "log2"), "generic/reduce", 5.0),
            ("reduce_exp", reduces("log_sum_exp"), ("rescale", "log2"), "", 10.0),
            ("reduce_product", reduces("prod"), (), "", 20.0),
            ("reduce", reduces(*SUMS), ("rescale",), "", 5.0),
        )
    ),
    Rule(
        Kernel("generic", "select", ("apart",), takes_row=True),
        (SelectValues, SelectIndices),
        cost=Cost(output=10.0, value=9.0),
    ),
    Rule(
        Kernel("generic", "normalize", ("inverse_root",), whole=True),
        (Normalize,),
        cost=Cost(output=55.0),
    ),
    Rule(
        Kernel("generic", "inverse_deviation", ("inverse_root",), takes_row=True),
        (InverseDeviation,),
        cost=Cost(output=700.0, value=9.0),
    ),
    Rule(
        Kernel("generic", "max_pool_volume", takes_row=True),
        (MaxPoolVolume,),
        cost=Cost(output=60.0, value=20.0),
    ),
    Rule(
        Kernel("generic", "sum_pool_volume", ROOT, takes_row=True),
        (SumPoolVolume,),
        cost=Cost(output=60.0, value=20.0),
    ),
    Rule(
        Kernel("generic", "hardmax", takes_row=True),
        (Hardmax,),
        cost=Cost(output=7.0),
    ),
    Rule(
        Kernel("generic", "log_softmax", ("rescale", "log2"), takes_row=True),
        (LogSoftmax,),
        cost=Cost(output=20.0, tap=250.0),
    ),
    Rule(
        Kernel("generic", "cum_sum", ("rescale",), takes_row=True),
        (CumSum,),
        has_formats,
        cost=Cost(output=10.0),
    ),
    Rule(
        Kernel("generic", "cum_sum_plain", takes_row=True),
        (CumSum,),
        has_plain_integers,
        cost=Cost(output=9.0),
    ),
    Rule(
        Kernel("generic", "take_strided", whole=True),
        (Take, Transpose),
        is_strided,
        cost=Cost(output=2.1),
    ),
    Rule(
        Kernel("generic", "take_or_fill", whole=True),
        (Take,),
        is_filled,
        cost=Cost(output=9.0),
    ),
    Rule(
        Kernel("generic", "take", whole=True),
        (Take, Transpose),
        is_unfilled,
        cost=Cost(output=6.0),
    ),
    Rule(
        Kernel("generic", "lookup", whole=True),
        (Lookup,),
        cost=Cost(output=1.5),
    ),
    Rule(
        Kernel("generic", "blend", ("rescale",), whole=True),
        (Blend,),
        cost=Cost(mac=9.0, output=20.0),
    ),
    Rule(
        Kernel("generic", "constant", whole=True),
        (Constant,),
        cost=Cost(output=0.7),
    ),
)
