"""Kernels that compute in single precision, where floats are allowed and integers do not fit.

Costs are those of a Cortex-M4 without its FPU, by a compiler's own library; `costs` with it.
"""

from __future__ import annotations

from codegen.ir.schedule import SINGLE, Kernel
from codegen.ops import GridSample, InFloat, InverseDeviation, MatMul, Normalize, Reduce
from codegen.ops.reduce import SUMS
from codegen.schedule.conditions import element_in_float, in_float
from codegen.schedule.cost import Cost
from codegen.schedule.kernels.rule import Rule

FLOOR = (SINGLE, "single_floor")
LOGS = (*FLOOR, "single_exp2", "single_log2")
ROOT = (SINGLE, "single_root")
LINEAR = ("add", "div", "max", "mean", "min", "mul", "prelu", "sub", "where")

REDUCE = "generic/reduce_in_float"

IN_FLOAT: tuple[Rule, ...] = (
    *(
        Rule(
            Kernel(
                "generic",
                f"{name}_at_row_in_float" if at_row else f"{name}_in_float",
                uses,
                takes_row=True,
                knows_row=at_row,
                body="generic/elementwise",
            ),
            (InFloat,),
            element_in_float(*kinds, at_row=at_row),
            cost=Cost(output=cycles),
            costs={"fpu": Cost(output=with_fpu)},
        )
        for name, uses, kinds, cycles, with_fpu in (
            ("elementwise", (SINGLE, "single_pick"), LINEAR, 640.0, 34.0),
            ("modulo", (*FLOOR, "single_modulo"), ("mod", "fmod"), 1070.0, 54.0),
            ("power", (*LOGS, "single_power"), ("pow",), 4500.0, 156.0),
        )
        for at_row in (False, True)
    ),
    *(
        Rule(
            Kernel("generic", name, uses, takes_row=True, body=REDUCE),
            (InFloat,),
            in_float(Reduce, kinds=kinds),
            cost=Cost(output=900.0, value=cycles),
            costs={"fpu": Cost(output=60.0, value=with_fpu)},
        )
        for name, uses, kinds, cycles, with_fpu in (
            ("reduce_in_float", (SINGLE,), (*SUMS, "prod"), 230.0, 8.0),
            ("reduce_root_in_float", ROOT, ("l2",), 270.0, 9.0),
            ("reduce_log_in_float", LOGS, ("log_sum", "log_sum_exp"), 2400.0, 65.0),
        )
    ),
    Rule(
        Kernel("generic", "deviation_in_float", ROOT, takes_row=True, body=REDUCE),
        (InFloat,),
        in_float(InverseDeviation),
        cost=Cost(output=1300.0, value=490.0),
        costs={"fpu": Cost(output=50.0, value=16.0)},
    ),
    Rule(
        Kernel("generic", "normalize_in_float", ROOT, whole=True),
        (InFloat,),
        in_float(Normalize),
        cost=Cost(output=1150.0),
        costs={"fpu": Cost(output=70.0)},
    ),
    Rule(
        Kernel("generic", "grid_sample_in_float", (*FLOOR, "single_modulo"), whole=True),
        (InFloat,),
        in_float(GridSample),
        cost=Cost(output=1260.0, tap=2800.0),
        costs={"fpu": Cost(output=57.0, tap=150.0)},
    ),
    Rule(
        Kernel("generic", "matmul_in_float", (SINGLE,), whole=True),
        (InFloat,),
        in_float(MatMul),
        cost=Cost(370.0, 350.0),
        costs={"fpu": Cost(13.0, 28.0)},
    ),
)
