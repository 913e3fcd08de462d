"""Laws of the solver: limits are kept or said not to be, and plans compare as RamGoal says."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.ir.graph import Graph
from codegen.ir.memory import FASTEST, RamGoal
from codegen.plan import make_plan
from codegen.plan.solve import LEAST_SLOWDOWN, SLOWDOWNS, solve
from codegen.schedule import make_schedule
from codegen.schedule.assign import assign_kernels
from tests.ops.harness import ARM_DSP, GENERIC, assert_c_equals_reference
from tests.plan.divisions import with_forms_in_order
from tests.plan.goals import LEAST
from tests.plan.test_stream import few, networks

fewer = settings(few, max_examples=5)
families_of_kernels = st.sampled_from((GENERIC, ARM_DSP))


@fewer
@given(networks(), families_of_kernels, st.data())
def test_a_limit_is_kept_or_said_not_to_be(
    graph: Graph, families: tuple[str, ...], data: st.DataObject
) -> None:
    """Any limit from the bound to layer by layer; what comes passes the check and is right."""
    assigned = assign_kernels(graph, families)
    least = solve(assigned, LEAST)
    bound = least.plan.lower_bound_bytes
    layers = make_plan(make_schedule(graph, families)).size_bytes
    limit = data.draw(st.integers(bound, max(bound, layers)))
    found = solve(assigned, RamGoal(limit))
    assert found.fits == (found.plan.size_bytes <= limit)
    assert found.fits or limit < least.plan.size_bytes
    assert found.plan.lower_bound_bytes == bound <= found.plan.size_bytes
    planned = found.schedule, found.plan
    assert_c_equals_reference(graph, families, np.random.default_rng(0), planned)


@fewer
@given(networks(), families_of_kernels, st.data())
def test_plans_compare_as_their_goals_say(
    graph: Graph, families: tuple[str, ...], data: st.DataObject
) -> None:
    """The least plan is least and fits in its own size; the fastest is fastest, more room faster.

    Cycles compare within the accuracy of their estimates.
    """
    assigned = with_forms_in_order(graph, families)
    least, fastest = solve(assigned, LEAST), solve(assigned, FASTEST)
    layers = make_plan(make_schedule(graph, families)).size_bytes
    assert least.fits
    assert fastest.fits
    assert least.plan.size_bytes <= fastest.plan.size_bytes <= layers
    low = solve(assigned, RamGoal(least.plan.size_bytes))
    high = solve(
        assigned, RamGoal(data.draw(st.integers(least.plan.size_bytes, fastest.plan.size_bytes)))
    )
    assert low.fits
    assert high.fits
    cycles = [fastest.cycles, high.cycles, low.cycles]
    assert all(a <= SLOWDOWNS[0] * b for a, b in pairwise(cycles)), cycles
    assert least.cycles <= LEAST_SLOWDOWN * fastest.cycles


@fewer
@given(networks(), families_of_kernels)
def test_below_the_bound_nothing_fits(graph: Graph, families: tuple[str, ...]) -> None:
    assigned = assign_kernels(graph, families)
    found = solve(assigned, RamGoal(1))
    assert not found.fits
    assert 1 < found.plan.lower_bound_bytes <= found.plan.size_bytes
    assert not solve(assigned, RamGoal(found.plan.lower_bound_bytes - 1)).fits
