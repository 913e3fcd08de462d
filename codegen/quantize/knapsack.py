"""One of several for each item: the least total cost at which the total weight is within a limit.

Exact. Partial choices are merged item by item; one is dropped where another weighs and costs no
more, or where even fractions of what is left cannot make it better than a choice that is known
(Lagrange's relaxation). So few are left, whatever the numbers are.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from codegen.ir.types import Array

HALVINGS = 100
"""Of the range in which the price of a weight lies."""
SLACK = 1e-9
"""Part of the cost by which sums of floats may be off."""


def choose(
    costs: Sequence[Sequence[float]], weights: Sequence[Sequence[float]], limit: float
) -> tuple[int, ...] | None:
    """Return the place of the one chosen for each item; None where the lightest weigh too much.

    >>> choose([[0, 3], [0, 5]], [[8, 4], [9, 4]], 13)
    (1, 0)
    """
    items = [
        (np.asarray(c, float), np.asarray(w, float)) for c, w in zip(costs, weights, strict=True)
    ]
    if sum(float(w.min()) for _, w in items) > limit:
        return None
    price, known = find_price(items, limit)
    rest = rest_bounds(items, price)
    front_costs, front_weights = np.zeros(1), np.zeros(1)
    steps: list[tuple[Array, Array]] = []
    for (cost, weight), (least_cost, least_weight) in zip(items, rest[1:], strict=True):
        total = (front_costs[:, None] + cost).reshape(-1)
        heavy = (front_weights[:, None] + weight).reshape(-1)
        reach = total + least_cost - price * (limit - heavy)
        kept = np.flatnonzero((heavy + least_weight <= limit) & (reach <= known))
        kept = kept[undominated(total[kept], heavy[kept])]
        steps.append(divmod(kept, len(cost)))
        front_costs, front_weights = total[kept], heavy[kept]
    place = int(np.argmin(front_costs))
    chosen: list[int] = []
    for before, choice in reversed(steps):
        chosen.append(int(choice[place]))
        place = int(before[place])
    return tuple(reversed(chosen))


def undominated(costs: Array, weights: Array) -> Array:
    """Return the places of those that nothing lighter or as heavy matches in cost."""
    order = np.lexsort((costs, weights))
    best = np.minimum.accumulate(costs[order])
    is_new = np.concatenate([[True], best[1:] < best[:-1]]) if len(order) else order
    found: Array = order[is_new.astype(bool)]
    return found


def at_price(items: Sequence[tuple[Array, Array]], price: float) -> tuple[float, float]:
    """Return cost and weight of what is best where each unit of weight costs `price`."""
    places = [int(np.argmin(cost + price * weight)) for cost, weight in items]
    pairs = [(c[i], w[i]) for (c, w), i in zip(items, places, strict=True)]
    return float(sum(c for c, _ in pairs)), float(sum(w for _, w in pairs))


def find_price(items: Sequence[tuple[Array, Array]], limit: float) -> tuple[float, float]:
    """Return the price of a unit of weight that keeps the limit, and a cost that can be had."""
    cost, weight = at_price(items, 0.0)
    if weight <= limit:
        return 0.0, cost + SLACK * abs(cost)
    low, high = 0.0, steepest(items)
    known = float(sum(c[np.lexsort((c, w))[0]] for c, w in items))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        cost, weight = at_price(items, middle)
        low, high = (low, middle) if weight <= limit else (middle, high)
        known = min(known, cost) if weight <= limit else known
    return high, known + SLACK * abs(known)


def steepest(items: Sequence[tuple[Array, Array]]) -> float:
    """Return a price at which the lightest of each item is the best."""
    found = 0.0
    for cost, weight in items:
        order = np.argsort(weight)
        for a, b in pairwise(order):
            if weight[b] > weight[a]:
                found = max(found, (cost.max() - cost.min()) / (weight[b] - weight[a]))
    return 2 * found


def rest_bounds(items: Sequence[tuple[Array, Array]], price: float) -> list[tuple[float, float]]:
    """Return for each item the least priced cost, and the least weight, of it and all after it."""
    bounds = [(0.0, 0.0)]
    for cost, weight in reversed(items):
        least, light = bounds[-1]
        bounds.append((least + float((cost + price * weight).min()), light + float(weight.min())))
    return bounds[::-1]
