"""Assign: which memory each of some blocks lives in, so that accesses cost least.

Blocks may be live at different times; at each time the live bytes in a memory stay within its
capacity. The lower bound relaxes this: wherever a block is, it pays for each memory that it had to
pass over, and the memories up to one together hold parts of blocks. A few blocks are assigned by an
exact search; more by several greedy orders, then by moves and swaps for as long as they help.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from codegen.ir.memory import Bytes

Costs = npt.NDArray[np.float64]

EXACT_BLOCKS = 100
SEARCH_STEPS = 20_000
ROUNDS = 20
"""How often all moves and swaps are tried."""
SLACK = 1e-9
"""Costs nearer than this part of the whole are equal: they are sums of floats."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """The memory of each block, what that costs, and what no assignment costs less than."""

    memories: tuple[int, ...]
    cost: float
    bound: float


def assign(live: Bytes, costs: Costs, capacities: tuple[int, ...]) -> Assignment | None:
    """Return the cheapest assignment found, or None where none was.

    live: (blocks, times) bytes; costs: (blocks, memories), of which the cheaper come first for a
    good bound; capacities: bytes of each memory.
    """
    problem = _Problem(live, costs, capacities)
    bound = float(sum(problem.least[:, 0])) + sum(float(level.max()) for level in problem.levels())
    starts = (problem.greedy(order) for order in problem.orders())
    found = [problem.improved(start, bound) for start in starts if start is not None]
    best = min(found, key=problem.cost, default=None)
    if len(live) <= EXACT_BLOCKS and (best is None or problem.cost(best) > bound * (1 + SLACK)):
        search = _Search(problem, best)
        search.extend(0, 0.0)
        best = search.best
        if search.is_complete and best is not None:
            bound = problem.cost(best)
    if best is None:
        return None
    cost = problem.cost(best)
    return Assignment(tuple(best), cost, min(bound, cost))


class _Problem:
    """What `assign` is given; an assignment in the making is a list of memories."""

    def __init__(self, live: Bytes, costs: Costs, capacities: tuple[int, ...]) -> None:
        self.live = np.unique(live, axis=1)
        self.costs = costs
        self.capacities = np.asarray(capacities, np.int64)
        self.choices = [[int(m) for m in np.argsort(row, kind="stable")] for row in costs]
        self.least = self._least()
        """What a block costs at least where the memories before a column are closed to it."""
        self.gaps = np.diff(self.least, axis=1)
        """What passing over a memory, and all those before it, adds to that."""

    def _least(self) -> Costs:
        room = self.live.max(axis=1, initial=0)[:, None] <= self.capacities
        costs = np.where(room, self.costs, np.inf)
        found: Costs = np.minimum.accumulate(costs[:, ::-1], axis=1)[:, ::-1]
        most = np.where(room, self.costs, 0.0).max(axis=1, keepdims=True)
        bounded: Costs = np.minimum(found, most)
        return bounded

    def cost(self, assigned: list[int]) -> float:
        """Return the cost of a whole assignment."""
        return float(sum(self.costs[i, m] for i, m in enumerate(assigned)))

    def levels(self) -> list[Costs]:
        """Return for each memory but the last what blocks must pay for passing it, at each time."""
        rooms = np.cumsum(self.capacities)
        return [
            _left_out(gaps, self.live, int(room))
            for gaps, room in zip(self.gaps.T, rooms, strict=False)
        ]

    def orders(self) -> list[list[int]]:
        """Return orders for `greedy`: by what there is to gain for each byte, by size, by gain."""
        most = self.live.max(axis=1, initial=0)
        gain = self.costs.max(axis=1) - self.costs.min(axis=1)
        keys = (-gain / np.maximum(most, 1), -most, -gain)
        return [[int(i) for i in np.argsort(key, kind="stable")] for key in keys]

    def nothing_used(self) -> Bytes:
        """Return the live bytes in each memory, (memories, times), before any block is assigned."""
        return np.zeros((len(self.capacities), self.live.shape[1]), np.int64)

    def fits(self, used: Bytes, memory: int, change: Bytes) -> bool:
        """There is room in a memory for a change of its live bytes."""
        return bool((used[memory] + change <= self.capacities[memory]).all())

    def greedy(self, order: list[int]) -> list[int] | None:
        """Give each block in turn the cheapest memory that has room, if all find one."""
        assigned, used = [0] * len(order), self.nothing_used()
        for i in order:
            room = [m for m in self.choices[i] if self.fits(used, m, self.live[i])]
            if not room:
                return None
            assigned[i] = room[0]
            used[room[0]] += self.live[i]
        return assigned

    def improved(self, start: list[int], bound: float) -> list[int]:
        """Move blocks and swap them for as long as that costs less."""
        assigned, used = start.copy(), self.nothing_used()
        np.add.at(used, assigned, self.live)
        for _ in range(ROUNDS):
            if self.cost(assigned) <= bound * (1 + SLACK):
                break
            if not (self._move(assigned, used) | self._swap(assigned, used)):
                break
        return assigned

    def _move(self, assigned: list[int], used: Bytes) -> bool:
        moved = False
        for i, here in enumerate(assigned):
            for there in self.choices[i]:
                if self.costs[i, there] >= self.costs[i, here]:
                    break
                if self.fits(used, there, self.live[i]):
                    used[here] -= self.live[i]
                    used[there] += self.live[i]
                    assigned[i], moved = there, True
                    break
        return moved

    def _swap(self, assigned: list[int], used: Bytes) -> bool:
        swapped = False
        for i, j in combinations(range(len(assigned)), 2):
            a, b = assigned[i], assigned[j]
            before = self.costs[i, a] + self.costs[j, b]
            if before - self.costs[i, b] - self.costs[j, a] <= SLACK * before:
                continue
            change = self.live[j] - self.live[i]
            if self.fits(used, a, change) and self.fits(used, b, -change):
                used[a] += change
                used[b] -= change
                assigned[i], assigned[j], swapped = b, a, True
        return swapped


def _left_out(gaps: Costs, live: Bytes, room: int) -> Costs:
    """Return at each time the least sum of `gaps` of what has no room, where blocks may be cut."""
    share = np.divide(gaps[:, None], live, out=np.full(live.shape, np.inf), where=live > 0)
    order = np.argsort(-share, axis=0, kind="stable")
    sizes = np.take_along_axis(live, order, axis=0)
    left = np.maximum(room - (np.cumsum(sizes, axis=0) - sizes), 0)
    inside = np.divide(left, sizes, out=np.ones(live.shape), where=sizes > 0)
    out: Costs = (gaps[order] * (1 - np.minimum(inside, 1))).sum(axis=0)
    return out


class _Search:
    """Depth-first: blocks with most to gain first, in their cheapest memories first."""

    def __init__(self, problem: _Problem, best: list[int] | None) -> None:
        self.problem = problem
        self.best = best
        self.cost = problem.cost(best) if best is not None else np.inf
        self.steps = SEARCH_STEPS
        self.is_complete = True
        self.order = problem.orders()[2]
        self.assigned = [0] * len(self.order)
        self.used = problem.nothing_used()
        self.times = [int(level.argmax()) for level in problem.levels()]
        """When each memory is shortest of room."""

    def extend(self, depth: int, cost: float) -> None:
        """Try each memory for the next block; `cost` is that of those before."""
        if depth == len(self.order):
            self.best, self.cost = self.assigned.copy(), cost
            return
        i = self.order[depth]
        size = self.problem.live[i]
        for memory in self.problem.choices[i]:
            self.steps -= 1
            if self.steps < 0:
                self.is_complete = False
                return
            if not self.problem.fits(self.used, memory, size):
                continue
            sum_here = cost + float(self.problem.costs[i, memory])
            self.used[memory] += size
            self.assigned[i] = memory
            if sum_here + self._rest(depth + 1) < self.cost * (1 - SLACK):
                self.extend(depth + 1, sum_here)
            self.used[memory] -= size

    def _rest(self, depth: int) -> float:
        """Return what the blocks not yet assigned cost at least."""
        rest = self.order[depth:]
        total = float(self.problem.least[rest, 0].sum())
        for level, time in enumerate(self.times):
            before = self.used[: level + 1, time].sum()
            room = int(self.problem.capacities[: level + 1].sum() - before)
            live = self.problem.live[rest, time][:, None]
            total += float(_left_out(self.problem.gaps[rest, level], live, room)[0])
        return total
