"""Kernels of activations in 16 bits: most are portable, those of 8 bits with other elements.

On Armv7E-M two products an instruction, where sums fit 32 bits.
"""

from __future__ import annotations

from codegen.ir.schedule import Kernel
from codegen.ops import (
    Add,
    AveragePool,
    Clip,
    Conv2d,
    CumSum,
    Dense,
    Elementwise,
    Function,
    Gru,
    Hardmax,
    LogSoftmax,
    Lstm,
    MatMul,
    MaxPool,
    Normalize,
    Reduce,
    Requantize,
    Resize,
    Rnn,
    Softmax,
)
from codegen.ops.curve import Curve
from codegen.ops.reduce import SUMS
from codegen.ops.unary16 import Octaves, Steps
from codegen.schedule.conditions import (
    always,
    edge_patch,
    elementwise,
    has_form,
    has_halves,
    is_global,
    is_linear,
    is_short_depthwise,
    one_sum,
    patch_of_halves,
    recurrent_scratch,
    reduces,
    resets_after,
    resets_first,
)
from codegen.schedule.cost import Cost
from codegen.schedule.kernels.rule import Rule

ROW = ("row16",)
RESCALE = ("row16", "rescale16")
RECALL = (
    *("row16", "load32", "store32", "narrow", "curve"),
    *("gates_type", "gates16"),
)

SMLAD = (
    *("row16", "rescale16", "load32", "sxtb16", "smlad", "pin", "smlad_8"),
    *("smlad16_4x1", "store_filters16"),
)

INT16: tuple[Rule, ...] = (
    Rule(
        Kernel(
            "arm_dsp",
            "conv2d_wide_int16",
            SMLAD,
            strided=True,
            reads_spread=True,
            body="generic/conv2d_single",
        ),
        (Conv2d,),
        has_halves,
        patch_of_halves,
        int16=True,
        cost=Cost(1.9, 22.0, 1.5, 8.5, filters=4),
    ),
    Rule(
        Kernel("arm_dsp", "dense_wide_int16", SMLAD, takes_row=True, body="generic/dense"),
        (Dense,),
        has_halves,
        int16=True,
        cost=Cost(1.9, 22.0, filters=4),
    ),
    Rule(
        Kernel("generic", "depthwise_int16", RESCALE, strided=True, body="generic/depthwise"),
        (Conv2d,),
        is_short_depthwise,
        edge_patch,
        int16=True,
        cost=Cost(6.0, 32.0),
    ),
    Rule(
        Kernel(
            "generic",
            "conv2d_wide_int16",
            RESCALE,
            strided=True,
            reads_spread=True,
            body="generic/conv2d_wide",
        ),
        (Conv2d,),
        int16=True,
        cost=Cost(7.0, 20.0, tap=12.0),
    ),
    Rule(
        Kernel("generic", "dense_wide_int16", RESCALE, takes_row=True, body="generic/dense_wide"),
        (Dense,),
        int16=True,
        cost=Cost(6.0, 20.0),
    ),
    Rule(
        Kernel(
            "generic",
            "add_spread_int16",
            ROW,
            takes_row=True,
            reads_spread=True,
            body="generic/add_spread",
        ),
        (Add,),
        int16=True,
        cost=Cost(output=16.0),
    ),
    Rule(
        Kernel(
            "generic",
            "max_pool_int16",
            ROW,
            strided=True,
            reads_spread=True,
            body="generic/max_pool",
        ),
        (MaxPool,),
        int16=True,
        cost=Cost(output=2.3, value=14.0, tap=4.4),
    ),
    Rule(
        Kernel(
            "generic",
            "global_average_pool_int16",
            (*RESCALE, "load32", "store32"),
            takes_row=True,
            accumulates=True,
            body="generic/global_average_pool",
        ),
        (AveragePool,),
        is_global,
        one_sum,
        int16=True,
        cost=Cost(value=7.0, tap=32.5),
    ),
    Rule(
        Kernel("generic", "average_pool_int16", RESCALE, strided=True, body="generic/average_pool"),
        (AveragePool,),
        int16=True,
        cost=Cost(output=32.0, value=6.0, tap=11.7),
    ),
    Rule(
        Kernel("generic", "scale16", RESCALE, takes_row=True, strided=True, reads_spread=True),
        (Clip, Requantize),
        int16=True,
        cost=Cost(output=14.0),
    ),
    *(
        Rule(
            Kernel("generic", name, uses, takes_row=True, strided=True, reads_spread=True),
            (Function,),
            has_form(form),
            int16=True,
            cost=Cost(output=cycles),
        )
        for name, form, uses, cycles in (
            ("curve16", Curve, ("row16", "curve"), 30.0),
            ("octaves16", Octaves, ("row16", "octaves"), 60.0),
            ("steps16", Steps, ("row16", "steps"), 60.0),
        )
    ),
    *(
        Rule(
            Kernel(
                "generic",
                f"{name}_int16",
                ("rescale16",),
                takes_row=True,
                knows_row=at_row,
                body="generic/elementwise",
            ),
            (Elementwise,),
            elementwise(is_product=is_product, at_row=at_row),
            int16=True,
            cost=Cost(output=18.0),
        )
        for name, is_product, at_row in (
            ("elementwise", False, False),
            ("elementwise_at_row", False, True),
            ("product", True, False),
            ("product_at_row", True, True),
        )
    ),
    Rule(
        Kernel(
            "generic",
            "softmax_int16",
            ("row16", "exponential"),
            takes_row=True,
            body="generic/softmax",
        ),
        (Softmax,),
        int16=True,
        cost=Cost(output=50.0),
    ),
    *(
        Rule(
            Kernel(
                "generic",
                f"{name}_int16",
                RECALL,
                takes_row=True,
                knows_row=True,
                remembers=True,
                body=f"generic/{name}",
            ),
            (op,),
            applies,
            recurrent_scratch,
            int16=True,
            cost=Cost(6.0, unit),
        )
        for name, op, applies, unit in (
            ("lstm", Lstm, always, 624.0),
            ("gru", Gru, resets_after, 476.0),
            ("gru_reset_first", Gru, resets_first, 465.0),
            ("rnn", Rnn, always, 153.0),
        )
    ),
    Rule(
        Kernel(
            "generic",
            "resize_linear_int16",
            ("row16", "position"),
            strided=True,
            knows_row=True,
            body="generic/resize_linear",
        ),
        (Resize,),
        is_linear,
        int16=True,
        cost=Cost(output=20.0, tap=12.2),
    ),
    Rule(
        Kernel("generic", "matmul_int16", RESCALE, whole=True, body="generic/matmul"),
        (MatMul,),
        int16=True,
        cost=Cost(8.0, 25.0),
    ),
    *(
        Rule(
            Kernel("generic", f"{name}_int16", uses, takes_row=True, body=f"generic/{name}"),
            (op,),
            applies,
            int16=True,
            cost=Cost(output=40.0, value=value),
        )
        for name, op, applies, uses, value in (
            ("reduce", Reduce, reduces(*SUMS), RESCALE, 5.0),
            ("reduce_exp", Reduce, reduces("log_sum_exp"), (*RESCALE, "log2", "exponential"), 20.0),
            ("log_softmax", LogSoftmax, always, (*RESCALE, "log2", "exponential"), 0.0),
            ("cum_sum", CumSum, always, RESCALE, 0.0),
            ("hardmax", Hardmax, always, ROW, 0.0),
        )
    ),
    Rule(
        Kernel(
            "generic",
            "normalize_int16",
            ("row16", "inverse_root"),
            whole=True,
            body="generic/normalize",
        ),
        (Normalize,),
        int16=True,
        cost=Cost(output=58.0),
    ),
)
