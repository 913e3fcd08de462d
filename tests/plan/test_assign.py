"""Laws of assignment: capacities hold at all times, bounds are bounds, an optimum is one."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.ir.memory import Bytes
from codegen.plan.assign import EXACT_BLOCKS, Assignment, Costs, assign

law = settings(max_examples=150, deadline=None, derandomize=True)
Case = tuple[Bytes, Costs, tuple[int, ...]]


@st.composite
def cases(draw: st.DrawFn, most: int) -> Case:
    """Blocks that come and go, memories in any order of cost, capacities from none to enough."""
    blocks, times, memories = (
        draw(st.integers(1, most)),
        draw(st.integers(1, 5)),
        draw(st.integers(1, 3)),
    )
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    live = rng.integers(0, 20, (blocks, times)) * rng.integers(0, 2, (blocks, times))
    costs = rng.integers(0, 30, (blocks, 1)) * rng.choice([0, 1, 2, 2, 14], memories)
    costs = costs + rng.integers(0, 2, (blocks, memories)) * draw(st.integers(0, 5))
    capacities = rng.integers(0, max(2, int(live.sum(axis=0).max()) + 1), memories)
    return live, costs.astype(float), tuple(int(c) for c in capacities)


def fits(case: Case, memories: tuple[int, ...]) -> bool:
    live, _, capacities = case
    chosen = np.asarray(memories)
    return all((live[chosen == m].sum(axis=0) <= room).all() for m, room in enumerate(capacities))


def cost(case: Case, memories: tuple[int, ...]) -> float:
    return float(sum(case[1][i, m] for i, m in enumerate(memories)))


def check(case: Case, found: Assignment) -> None:
    assert fits(case, found.memories)
    assert found.cost == cost(case, found.memories)
    assert found.bound <= found.cost
    blocks, memories = case[1].shape
    for m in range(memories):
        if fits(case, (m,) * blocks):
            assert found.cost <= cost(case, (m,) * blocks)


@law
@given(cases(most=6))
def test_a_few_blocks_are_assigned_exactly(case: Case) -> None:
    blocks, memories = case[1].shape
    every = [a for a in product(range(memories), repeat=blocks) if fits(case, a)]
    found = assign(*case)
    if not every:
        assert found is None
        return
    assert found is not None
    check(case, found)
    least = min(cost(case, a) for a in every)
    assert abs(found.cost - least) <= 1e-6 * max(least, 1)
    assert found.bound <= least + 1e-6 * max(least, 1)


@law
@given(cases(most=30))
def test_capacity_is_never_exceeded(case: Case) -> None:
    found = assign(*case)
    if found is not None:
        check(case, found)


def test_many_blocks_are_assigned_within_a_bound() -> None:
    rng = np.random.default_rng(0)
    count = 3 * EXACT_BLOCKS
    live = rng.integers(1, 4000, (count, 1))
    costs = rng.integers(1, 10_000, (count, 1)) * np.array([0.0, 2.0, 14.0])
    case = live, costs, (int(live.sum()) // 8, int(live.sum()) // 2, int(live.sum()))
    found = assign(*case)
    assert found is not None
    check(case, found)
    assert found.bound >= 0.95 * found.cost


def test_what_has_most_accesses_for_its_size_is_in_the_fast_memory() -> None:
    live = np.array([[60, 60], [60, 0], [0, 60]])
    costs = np.array([[0, 50], [0, 30], [0, 40]], float)
    found = assign(live, costs, (60, 200))
    assert found == Assignment((1, 0, 0), 50.0, 50.0)
