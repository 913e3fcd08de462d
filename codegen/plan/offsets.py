"""Offsets: dynamic storage allocation by several greedy orders, then an exact search.

Two buffers may overlap where their live bytes never do: for each pair there is a least distance
at which one may stand above the other, often less than the size of the lower. The lower bound is
the most bytes live at one time. Where no greedy order attains it, a depth-first search tries the
orders in which buffers may stand on each other from the bottom up; it is complete, and its end
proves the best plan optimal unless the limit of steps stops it first.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np

from codegen.ir.memory import Buffer, MemoryPlan

SEARCH_STEPS = 20_000
TRIALS = 60
"""How many variations of each greedy order are tried."""
IMPROVED = 7
"""How many of the greedy orders are varied: those that gave the smallest plans."""
NEVER = -(2**62)
"""The distance of two buffers that are never live at one time."""


def place(
    buffers: tuple[Buffer, ...], steps: tuple[int, ...] = (), search_steps: int = SEARCH_STEPS
) -> MemoryPlan:
    """Return offsets for `buffers`, of the least total size that was found."""
    bound = lower_bound(buffers)
    apart = distances(buffers)
    near = _neighbors(apart)
    sizes = [b.size_bytes for b in buffers]
    spans = [int((b.live > 0).sum()) for b in buffers]
    starts = [int((b.live > 0).argmax()) for b in buffers]
    keys: tuple[Callable[[int], tuple[int, int]], ...] = (
        lambda i: (-sizes[i], starts[i]),
        lambda i: (-sizes[i] * spans[i], starts[i]),
        lambda i: (-spans[i], -sizes[i]),
        lambda i: (starts[i], -sizes[i]),
        lambda i: (-starts[i], -sizes[i]),
        lambda i: (bool(buffers[i].values), -starts[i]),
        lambda i: (bool(buffers[i].values), -starts[i] - spans[i]),
    )
    orders = [sorted(range(len(buffers)), key=key) for key in keys]
    orders.sort(key=lambda order: _size(buffers, _greedy(order, buffers, near)))
    best = min(
        (_improve(order, buffers, near, bound) for order in orders[:IMPROVED]),
        key=lambda offsets: _size(buffers, offsets),
    )
    optimal = _size(buffers, best) == bound
    if not optimal and search_steps:
        search = _Search(buffers, apart, best, search_steps)
        search.run()
        best = search.best
        optimal = search.is_complete or search.size == bound
    offsets = {b.name: offset for b, offset in zip(buffers, best, strict=True)}
    return MemoryPlan(buffers, offsets, _size(buffers, best), bound, optimal, steps)


def lower_bound(buffers: tuple[Buffer, ...]) -> int:
    """Return the most bytes that are live at one time."""
    return int(np.sum([b.live for b in buffers], axis=0).max(initial=0)) if buffers else 0


def distances(buffers: tuple[Buffer, ...]) -> list[list[int]]:
    """Return for each pair the least by which the second's offset exceeds the first's, if above."""
    begin = np.stack([b.begin for b in buffers]) if buffers else np.zeros((0, 0), np.int64)
    end = np.stack([b.end for b in buffers]) if buffers else begin
    live = end > begin
    rows = []
    for i in range(len(buffers)):
        both = live & live[i]
        found = np.where(both, end[i] - begin, NEVER).max(axis=1, initial=NEVER)
        rows.append([int(x) for x in found])
    return rows


def _size(buffers: tuple[Buffer, ...], offsets: list[int]) -> int:
    """Return the end of the last buffer."""
    return max((o + b.size_bytes for b, o in zip(buffers, offsets, strict=True)), default=0)


Neighbors = list[tuple[int, int, int]]
"""Of one buffer: another that is live with it, the least by which this one stands above that one,
and that one above this one."""


def _neighbors(apart: list[list[int]]) -> list[Neighbors]:
    count = range(len(apart))
    return [[(p, apart[p][i], apart[i][p]) for p in count if apart[p][i] > NEVER] for i in count]


def _greedy(order: list[int], buffers: tuple[Buffer, ...], near: list[Neighbors]) -> list[int]:
    """Place each buffer at the lowest offset allowed by those placed before."""
    offsets = [-1] * len(buffers)
    for i in order:
        offset = 0
        barred = [(offsets[p] - up, offsets[p] + low) for p, low, up in near[i] if offsets[p] >= 0]
        for below, above in sorted(barred):
            if below >= offset:
                break
            if above > offset:
                offset = _align(above, buffers[i].align)
        offsets[i] = offset
    return offsets


def _improve(
    order: list[int], buffers: tuple[Buffer, ...], near: list[Neighbors], bound: int
) -> list[int]:
    """Place in an order, then try orders in which what stands highest comes earlier."""
    best = _greedy(order, buffers, near)
    random = Random(0)
    for _ in range(TRIALS):
        size = _size(buffers, best)
        if size == bound:
            break
        highest = [i for i, b in enumerate(buffers) if best[i] + b.size_bytes == size]
        moved = order.copy()
        for i in highest:
            at = moved.index(i)
            moved.insert(random.randrange(at + 1), moved.pop(at))
        found = _greedy(moved, buffers, near)
        if _size(buffers, found) <= size:
            best, order = found, moved
    return best


def _align(offset: int, align: int) -> int:
    return -(-offset // align) * align


class _Search:
    """Depth-first search over the orders in which buffers stand on each other."""

    def __init__(
        self, buffers: tuple[Buffer, ...], apart: list[list[int]], best: list[int], steps: int
    ) -> None:
        self.buffers = buffers
        self.apart = apart
        self.best = best
        self.size = _size(buffers, best)
        self.bound = lower_bound(buffers)
        self.steps = steps
        self.is_complete = True

    def run(self) -> None:
        order = sorted(range(len(self.buffers)), key=lambda i: -self.buffers[i].size_bytes)
        self._extend(order, [-1] * len(self.buffers), [0] * len(self.buffers))

    def _extend(self, rest: list[int], offsets: list[int], lows: list[int]) -> None:
        """Try each remaining buffer as the next from the bottom; `lows` are least offsets."""
        if not rest:
            self.best, self.size = offsets.copy(), _size(self.buffers, offsets)
            return
        for i in rest:
            if self.size == self.bound:
                return
            self.steps -= 1
            if self.steps < 0:
                self.is_complete = False
                return
            offset = _align(lows[i], self.buffers[i].align)
            later = [j for j in rest if j != i]
            raised = lows.copy()
            for j in later:
                raised[j] = max(raised[j], offset + self.apart[i][j])
            tops = (raised[j] + self.buffers[j].size_bytes for j in later)
            if max(offset + self.buffers[i].size_bytes, *tops, 0) >= self.size:
                continue
            offsets[i] = offset
            self._extend(later, offsets, raised)
            offsets[i] = -1
