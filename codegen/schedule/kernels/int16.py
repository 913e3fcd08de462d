"""Kernels of activations in 16 bits: most are portable, those of 8 bits with other elements.

On Armv7E-M two products an instruction, where sums fit 32 bits.
"""

from __future__ import annotations

from dataclasses import replace

from codegen.ir.schedule import Kernel
from codegen.ops import (
    Clip,
    Conv2d,
    CumSum,
    Dense,
    Function,
    Hardmax,
    LogSoftmax,
    Reduce,
    Requantize,
)
from codegen.ops.curve import Curve
from codegen.ops.reduce import SUMS
from codegen.ops.unary16 import Octaves, Steps
from codegen.schedule.conditions import (
    always,
    edge_patch,
    has_form,
    has_halves,
    is_short_depthwise,
    patch_of_halves,
    reduces,
)
from codegen.schedule.cost import Cost
from codegen.schedule.kernels.generic import GENERIC
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


def twin(name: str, uses: tuple[str, ...], cost: Cost) -> Rule:
    """Return the rule of the kernel that has the template of the one for 8 bits, and its calls."""
    (rule,) = (rule for rule in GENERIC if rule.kernel.name == name)
    body = rule.kernel.body or f"generic/{name}"
    kernel = replace(rule.kernel, name=f"{name}_int16", uses=uses, body=body)
    return replace(rule, kernel=kernel, wide=False, int16=True, cost=cost, costs={})


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
    *(
        twin(name, uses, cost)
        for name, uses, cost in (
            ("conv2d_wide", RESCALE, Cost(7.0, 20.0, tap=12.0)),
            ("dense_wide", RESCALE, Cost(6.0, 20.0)),
            ("add_spread", ROW, Cost(output=16.0)),
            ("max_pool", ROW, Cost(output=2.3, value=14.0, tap=4.4)),
            (
                "global_average_pool",
                (*RESCALE, "load32", "store32"),
                Cost(value=7.0, tap=32.5),
            ),
            ("max_places", ROW, Cost(output=8.0, value=6.0)),
            ("average_pool", RESCALE, Cost(output=32.0, value=6.0, tap=11.7)),
            ("elementwise", ("rescale16",), Cost(output=18.0)),
            ("elementwise_at_row", ("rescale16",), Cost(output=18.0)),
            ("product", ("rescale16",), Cost(output=18.0)),
            ("product_at_row", ("rescale16",), Cost(output=18.0)),
            ("softmax", ("row16", "exponential"), Cost(output=50.0)),
            ("lstm", RECALL, Cost(6.0, 624.0)),
            ("gru", RECALL, Cost(6.0, 476.0)),
            ("gru_reset_first", RECALL, Cost(6.0, 465.0)),
            ("rnn", RECALL, Cost(6.0, 153.0)),
            ("resize_linear", ("row16", "position"), Cost(output=20.0, tap=12.2)),
            ("matmul", RESCALE, Cost(8.0, 25.0)),
            (
                "reduce_root",
                (*RESCALE, "inverse_root", "wide_root"),
                Cost(output=900.0, value=7.0),
            ),
            ("reduce_log", (*RESCALE, "log2"), Cost(output=300.0, value=5.0)),
            ("reduce_product", ROW, Cost(output=60.0, value=30.0)),
            ("normalize", ("row16", "inverse_root"), Cost(output=58.0)),
        )
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
)
