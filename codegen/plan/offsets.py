"""Offsets: dynamic storage allocation by several greedy orders, then an exact search.

The lower bound is the most bytes live at one time. Where no greedy order attains it, a depth-first
search places buffers in order of offset, each on top of those it meets; it is complete, and its
end proves the best plan optimal unless the limit of steps stops it first.
"""

from __future__ import annotations

from collections.abc import Callable

from codegen.ir.memory import Buffer, MemoryPlan

SEARCH_STEPS = 100_000

Offsets = dict[str, int]


def place(buffers: tuple[Buffer, ...], search_steps: int = SEARCH_STEPS) -> MemoryPlan:
    """Return offsets for `buffers`, of the least total size that was found.

    >>> place((Buffer("a", 4, 0, 2), Buffer("b", 8, 1, 3), Buffer("c", 4, 2, 4))).size_bytes
    12
    """
    bound = lower_bound(buffers)
    orders: tuple[Callable[[Buffer], tuple[int, int]], ...] = (
        lambda b: (-b.size_bytes, b.first),
        lambda b: (-b.size_bytes * (b.end - b.first), b.first),
        lambda b: (-(b.end - b.first), -b.size_bytes),
        lambda b: (b.first, -b.size_bytes),
    )
    plans = [_greedy(sorted(buffers, key=order)) for order in orders]
    best = min(plans, key=lambda offsets: size_of(buffers, offsets))
    optimal = size_of(buffers, best) == bound
    if not optimal:
        search = _Search(buffers, best, search_steps)
        search.run()
        best, optimal = search.best, search.is_complete
    return MemoryPlan(buffers, best, size_of(buffers, best), bound, optimal)


def lower_bound(buffers: tuple[Buffer, ...]) -> int:
    """Return the most bytes that are live at one time."""
    times = {b.first for b in buffers}
    return max(
        (sum(b.size_bytes for b in buffers if b.first <= t < b.end) for t in times), default=0
    )


def size_of(buffers: tuple[Buffer, ...], offsets: Offsets) -> int:
    """Return the end of the last buffer."""
    return max((offsets[b.name] + b.size_bytes for b in buffers), default=0)


def _greedy(order: list[Buffer]) -> Offsets:
    """Place each buffer at the lowest offset free of those placed before that it meets."""
    offsets: Offsets = {}
    placed: list[Buffer] = []
    for buffer in order:
        taken = sorted(
            (offsets[p.name], offsets[p.name] + p.size_bytes) for p in placed if p.meets(buffer)
        )
        offset = 0
        for start, end in taken:
            if offset + buffer.size_bytes <= start:
                break
            offset = max(offset, _align(end, buffer.align))
        offsets[buffer.name] = offset
        placed.append(buffer)
    return offsets


def _align(offset: int, align: int) -> int:
    return -(-offset // align) * align


class _Search:
    """Depth-first search over the orders in which buffers may stand from the bottom up."""

    def __init__(self, buffers: tuple[Buffer, ...], best: Offsets, steps: int) -> None:
        self.buffers = buffers
        self.best = best
        self.size = size_of(buffers, best)
        self.bound = lower_bound(buffers)
        self.steps = steps
        self.is_complete = True
        self.spans = {b.name: range(b.first, b.end) for b in buffers}
        self.end = max(b.end for b in buffers)

    def run(self) -> None:
        heights = [0] * self.end
        waiting = [0] * self.end
        for buffer in self.buffers:
            for t in self.spans[buffer.name]:
                waiting[t] += buffer.size_bytes
        order = sorted(self.buffers, key=lambda b: (-b.size_bytes, b.first))
        self._extend(tuple(order), {}, heights, waiting, 0)

    def _extend(
        self,
        rest: tuple[Buffer, ...],
        offsets: Offsets,
        heights: list[int],
        waiting: list[int],
        floor: int,
    ) -> None:
        """Try each remaining buffer as the next from the bottom, at or above `floor`."""
        if not rest:
            self.best, self.size = offsets, size_of(self.buffers, offsets)
            return
        tried: set[tuple[int, int, int]] = set()
        for i, buffer in enumerate(rest):
            kind = (buffer.size_bytes, buffer.first, buffer.end)
            if kind in tried or self.size == self.bound:
                continue
            tried.add(kind)
            self.steps -= 1
            if self.steps < 0:
                self.is_complete = False
                return
            span = self.spans[buffer.name]
            offset = _align(max(floor, max(heights[t] for t in span)), buffer.align)
            higher, less = heights.copy(), waiting.copy()
            for t in span:
                higher[t] = offset + buffer.size_bytes
                less[t] -= buffer.size_bytes
            if any(max(h, offset) + w >= self.size for h, w in zip(higher, less, strict=True) if w):
                continue
            if offset + buffer.size_bytes >= self.size:
                continue
            self._extend(
                rest[:i] + rest[i + 1 :],
                {**offsets, buffer.name: offset},
                higher,
                less,
                offset,
            )
