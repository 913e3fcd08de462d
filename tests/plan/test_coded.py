"""Coded weights and RAM: all are decoded once where there is room, else some filters at a time."""

from __future__ import annotations

import numpy as np

from codegen.ir.coding import Coding
from codegen.ir.graph import Graph
from codegen.ir.memory import RamGoal
from codegen.ir.text import parse_graph
from codegen.passes.code_weights import code_weights
from codegen.plan.solve import schedule_and_plan

FAMILIES = ("arm_dsp", "generic")


def net(spread: int) -> Graph:
    """A 3x3 layer of 9,216 weights of -spread .. spread."""
    random = np.random.default_rng(0)
    graph = parse_graph(
        """
        graph net(x: int8[8,8,32] quant(0.05, 0)) -> y
          const w: int8[32,3,3,32] quant(0.01, 0)
          const b: int32[32] quant(0.0005, 0)
          y = conv2d(x, w, b) pads=(1, 1, 1, 1) : int8[8,8,32] quant(0.5, 0)
        """,
        {
            "w": random.integers(-spread, spread + 1, (32, 3, 3, 32)).astype(np.int8),
            "b": np.zeros(32, np.int32),
        },
    )
    coding = Coding("bits", 4) if spread < 8 else Coding("huffman")
    return code_weights(graph, {"y": coding})


def test_less_ram_takes_fewer_filters_at_a_time() -> None:
    fast, large = schedule_and_plan(net(7), FAMILIES)
    lean, small = schedule_and_plan(net(7), FAMILIES, goal=RamGoal(large.size_bytes // 2))
    assert fast.steps[0].kernel.remembers
    assert fast.steps[0].kernel.decodes == 32
    assert lean.steps[0].kernel.decodes in (8, 16)
    assert not lean.steps[0].kernel.remembers
    assert large.size_bytes > 9_216
    assert small.size_bytes < 9_216
    assert fast.steps[0].cycles < lean.steps[0].cycles


def test_weights_that_would_not_gain_stay_as_they_are() -> None:
    schedule, _ = schedule_and_plan(net(127), FAMILIES)
    assert schedule.steps[0].kernel.decodes == 0
