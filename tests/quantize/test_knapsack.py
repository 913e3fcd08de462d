"""The knapsack: as good as trying everything, and fast where that is impossible."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from codegen.quantize.knapsack import choose

ITEM = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=4)


@given(st.lists(ITEM, min_size=1, max_size=5), st.integers(0, 100))
def test_nothing_within_the_limit_costs_less(
    items: list[list[tuple[int, int]]], limit: int
) -> None:
    costs = [[float(c) for c, _ in item] for item in items]
    weights = [[float(w) for _, w in item] for item in items]
    found = choose(costs, weights, limit)
    totals = [
        sum(c for c, _ in picked)
        for picked in itertools.product(*items)
        if sum(w for _, w in picked) <= limit
    ]
    if found is None:
        assert not totals
        return
    picked = [item[place] for item, place in zip(items, found, strict=True)]
    assert sum(w for _, w in picked) <= limit
    assert sum(c for c, _ in picked) == min(totals)


def test_a_hundred_layers_of_odd_sizes_are_no_trouble() -> None:
    rng = np.random.default_rng(0)
    sizes = [int(size) for size in rng.integers(100, 500_000, 100)]
    weights = [[size * part for part in (1, 0.5, 0.25, 0.125, 0.7)] for size in sizes]
    costs = [[0.0, *10 ** -rng.uniform(1, 4, 4)] for _ in sizes]
    limit = 0.4 * sum(sizes)
    found = choose(costs, weights, limit)
    assert found is not None
    assert sum(w[i] for w, i in zip(weights, found, strict=True)) <= limit
