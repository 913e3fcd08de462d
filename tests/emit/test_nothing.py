"""A network whose output is its input under another shape runs nothing, in clean C."""

from __future__ import annotations

import numpy as np

from codegen.ir.memory import RamGoal
from codegen.ir.text import parse_graph
from codegen.plan.solve import solve
from codegen.schedule.assign import assign_kernels
from tests.ops.harness import GENERIC, assert_c_equals_reference

GRAPH = """
graph net(x: int8[2,3] quant(0.5, 0)) -> y
  y = reshape(x) shape=(6,) : int8[6] quant(0.5, 0)
"""


def test_the_output_stands_where_the_input_does() -> None:
    graph = parse_graph(GRAPH)
    solution = solve(assign_kernels(graph, GENERIC), RamGoal())
    assert (solution.plan.size_bytes, solution.cycles, solution.fits) == (6, 0, True)
    planned = solution.schedule, solution.plan
    assert_c_equals_reference(graph, GENERIC, np.random.default_rng(0), planned)
