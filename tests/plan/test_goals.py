"""The planner is held to its goals: bytes of arena for published networks."""

from __future__ import annotations

import pytest

from codegen.ir.interface import Transfer
from codegen.ir.memory import FASTEST
from tests.plan.goals import (
    FILES,
    GOALS,
    LEAST,
    MOBILENET_V2,
    Goal,
    cases,
    planned,
    skip_if_absent,
)

PUSHED = tuple(goal for goal in GOALS if goal.pushed_bytes is not None)


@pytest.mark.parametrize("goal", cases(GOALS, FILES))
def test_the_least_plan_attains_its_goal(goal: Goal) -> None:
    skip_if_absent(goal)
    plan = planned(goal, LEAST).plan
    assert plan.lower_bound_bytes <= plan.size_bytes <= goal.least_bytes


@pytest.mark.parametrize("goal", cases(PUSHED, FILES))
def test_the_least_plan_of_pushed_rows_attains_its_goal(goal: Goal) -> None:
    skip_if_absent(goal)
    assert goal.pushed_bytes is not None
    plan = planned(goal, LEAST, Transfer("rows")).plan
    assert plan.lower_bound_bytes <= plan.size_bytes <= goal.pushed_bytes


@pytest.mark.parametrize("goal", cases(GOALS, FILES))
def test_the_fastest_plan_is_smaller_than_whole_values_are(goal: Goal) -> None:
    """The largest operand and result of one layer do not both stand whole; least is least."""
    skip_if_absent(goal)
    fastest, least = planned(goal, FASTEST), planned(goal, LEAST)
    types, graph = fastest.schedule.graph.types, fastest.schedule.graph
    whole = max(
        types[node.output].size_bytes + sum(types[x].size_bytes for x in graph.activations(node))
        for node in graph.nodes
    )
    assert least.plan.size_bytes <= fastest.plan.size_bytes < whole


def test_streaming_is_free_in_mobilenet_v2() -> None:
    """Without any option at most 100,000 bytes, a third of its largest operand and result."""
    assert planned(MOBILENET_V2, FASTEST).plan.size_bytes <= 100_000
