"""Codebooks: the few integers that stand for all weights of a layer with the least error.

Weights are shared by k-means clusters (Han et al. 2016, "Deep Compression", arXiv 1510.00149,
section 3); of integers in order the best clusters are found exactly, by dynamic programming over
where one ends (Wang and Song 2011, "Ckmeans.1d.dp").
"""

from __future__ import annotations

import numpy as np

from codegen.ir.types import Array


def best_codebook(steps: Array, size: int, counts: Array | None = None) -> Array:
    """Return at most `size` integers, in order, that stand for numbers at the least squared error.

    `counts` are how much the error of each counts. Where a number is exactly zero, so is an entry:
    then pruned weights stay so.

    >>> best_codebook(np.array([0.0, 1.0, 2.0, 9.0, 10.0, 10.0]), 3).tolist()
    [0, 2, 10]
    """
    whole = np.rint(steps).astype(np.int64)
    values, places = np.unique(whole, return_inverse=True)
    if len(values) <= size:
        return values
    weights = np.bincount(
        places.reshape(-1),
        None if counts is None else np.broadcast_to(counts, steps.shape).reshape(-1),
    )
    centers, costs = clusters(values, weights)
    if (steps == 0).any():
        zero = int(np.searchsorted(values, 0))
        costs[: zero + 1, zero:] = np.inf
        costs[zero, zero] = 0.0
    found = [centers[first, last] for first, last in divide(costs, size)]
    return np.unique(found)


def clusters(values: Array, weights: Array) -> tuple[Array, Array]:
    """Return the best integer for the values from each (row) to each (column), and its cost.

    Costs are infinite where the last comes before the first.
    """
    sums = [np.concatenate([[0.0], np.cumsum(weights * values**power)]) for power in (0, 1, 2)]
    mass, first, second = (total[None, 1:] - total[:-1, None] for total in sums)
    centers = np.rint(np.divide(first, mass, out=values[None] * np.ones_like(mass), where=mass > 0))
    costs = second - 2 * centers * first + centers**2 * mass
    return centers.astype(np.int64), np.where(np.tri(len(values), k=-1, dtype=bool), np.inf, costs)


def divide(costs: Array, most: int) -> list[tuple[int, int]]:
    """Return the first and last value of each of `most` clusters that cost least together."""
    best, begins = costs[0], []
    for _ in range(1, most):
        totals = np.concatenate([[np.inf], best[:-1]])[:, None] + costs
        begins.append(np.argmin(totals, axis=0))
        best = totals.min(axis=0)
    found, last = [], len(costs) - 1
    for begin in reversed(begins):
        found.append((int(begin[last]), last))
        last = int(begin[last]) - 1
    return [(0, last), *reversed(found)]
