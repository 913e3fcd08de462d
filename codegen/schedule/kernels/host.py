"""Kernels of the machine that runs codegen: plain loops that compilers turn into vectors.

Their working memory is on the stack. Costs are in the cycles of a machine with vectors of 32 bytes.
"""

from __future__ import annotations

from codegen.ir.schedule import Kernel
from codegen.ops import AveragePool, Conv2d, Dense, MaxPool
from codegen.schedule.conditions import has_opposites, is_depthwise
from codegen.schedule.cost import Cost
from codegen.schedule.kernels.rule import Rule

HOST: tuple[Rule, ...] = (
    Rule(
        Kernel("host", "depthwise", ("rescale", "widen"), strided=True, reads_spread=True),
        (Conv2d,),
        is_depthwise,
        cost=Cost(0.2, 0.5),
    ),
    Rule(
        Kernel("host", "conv2d", ("rescale", "widen", "dot_4"), strided=True, reads_spread=True),
        (Conv2d,),
        cost=Cost(0.07, 1.0, tap=3.0, filters=4),
    ),
    Rule(
        Kernel("host", "dense_bytes", ("rescale", "dot_32"), takes_row=True, body="host/dense"),
        (Dense,),
        has_opposites,
        cost=Cost(0.03, 1.0, filters=32),
    ),
    Rule(
        Kernel("host", "dense", ("rescale", "dot_4"), takes_row=True),
        (Dense,),
        cost=Cost(0.07, 1.0, filters=4),
    ),
    Rule(
        Kernel("host", "max_pool", strided=True, reads_spread=True),
        (MaxPool,),
        cost=Cost(output=0.1, value=0.1, tap=1.0),
    ),
    Rule(
        Kernel("host", "average_pool", ("rescale", "average"), strided=True, reads_spread=True),
        (AveragePool,),
        cost=Cost(output=2.3, value=0.3, tap=1.0),
    ),
)
