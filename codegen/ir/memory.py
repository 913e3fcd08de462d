"""MemoryPlan: where in the arena each buffer lives, and how near the plan is to the least."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Buffer:
    """Bytes needed during a live range, first <= t < end, in steps of the schedule.

    `values` are the graph's values that live in it: more than one where a result takes the place
    of its operand. Scratch of a kernel has none.
    """

    name: str
    size_bytes: int
    first: int
    end: int
    align: int = 1
    values: tuple[str, ...] = ()

    def meets(self, other: Buffer) -> bool:
        """Both are live at some time."""
        return self.first < other.end and other.first < self.end


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """An offset for each buffer.

    `lower_bound_bytes`: no placement of these buffers is smaller. `is_optimal`: the plan attains
    it or an exhaustive search found nothing smaller.
    """

    buffers: tuple[Buffer, ...]
    offsets: Mapping[str, int]
    size_bytes: int
    lower_bound_bytes: int
    is_optimal: bool

    def offset_of(self, value: str) -> int:
        """Return the arena offset of a graph value."""
        return next(self.offsets[b.name] for b in self.buffers if value in b.values)

    def peak(self) -> tuple[int, tuple[Buffer, ...]]:
        """Return the time at which most bytes are live, and the buffers that bind there."""
        times = sorted({b.first for b in self.buffers})
        live = {t: tuple(b for b in self.buffers if b.first <= t < b.end) for t in times}
        peak = max(times, key=lambda t: sum(b.size_bytes for b in live[t]))
        return peak, live[peak]
