"""The order of rows inside a nest: as late as possible, in step across branches."""

from __future__ import annotations

from codegen.ir.graph import Graph
from codegen.ir.schedule import Schedule
from codegen.ops import Concat, Conv2d
from codegen.schedule.assemble import assemble
from codegen.schedule.assign import assign_kernels
from codegen.schedule.rows import run_order
from tests.emit.network import Builder
from tests.ops.harness import GENERIC, int8


def fire(rows: int = 12) -> Graph:
    """Two branches over a whole operand, joined, then pooled with a stride."""
    b = Builder(int8((rows, 10, 4), 0.3, -5))
    b.add(Conv2d(), ("x",), "ones", weights=(6, 1, 1, 4))
    b.add(Conv2d((1, 1), (1, 1, 1, 1)), ("x",), "threes", weights=(6, 3, 3, 4))
    b.add(Concat(2), ("ones", "threes"), "joined")
    b.add(Conv2d((2, 2)), ("joined",), "y", weights=(4, 3, 3, 12))
    return b.graph("y")


def one_nest(graph: Graph) -> Schedule:
    assigned = assign_kernels(graph, GENERIC)
    return assemble(assigned, (0, len(assigned.steps)))


def test_no_branch_runs_ahead_of_its_reader() -> None:
    assert one_nest(fire()).rows_kept["joined"] == 3


def test_rows_that_no_window_reaches_are_made_all_the_same() -> None:
    schedule = one_nest(fire(rows=14))
    made = [event.row for event in run_order(schedule).events if event.step == 1]
    assert made == list(range(14))


def test_wants_that_never_decide_are_left_out() -> None:
    schedule = one_nest(fire())
    assert [bool(wants) for wants in schedule.wants] == [False, True, False]
