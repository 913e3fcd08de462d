"""MemoryPlan: where in the arena each buffer lives, and how near the plan is to the least."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RamGoal:
    """What a plan is to attain: at most `limit_bytes` of arena; with `least`, the fewest bytes.

    Otherwise the fewest cycles, and of plans that are equally fast the smallest.
    """

    limit_bytes: int | None = None
    least: bool = False


FASTEST = RamGoal()


@dataclass(frozen=True, slots=True, eq=False)
class Buffer:
    """Bytes of the arena: at event t those from begin[t] to end[t] hold something needed.

    Events are kernel calls in order; begin == end where nothing is needed. `values` are the
    graph's values that live in it: views, and results that take the place of their operands.
    Scratch of a kernel has none.
    """

    name: str
    size_bytes: int
    begin: Bytes
    end: Bytes
    align: int = 1
    values: tuple[str, ...] = ()

    @property
    def live(self) -> Bytes:
        """How many bytes are needed at each event."""
        return self.end - self.begin


@dataclass(frozen=True, slots=True, eq=False)
class MemoryPlan:
    """An offset for each buffer.

    `lower_bound_bytes`: no placement of these buffers is smaller. `is_optimal`: the plan attains
    it or an exhaustive search found nothing smaller. `steps` gives the step of each event.
    """

    buffers: tuple[Buffer, ...]
    offsets: Mapping[str, int]
    size_bytes: int
    lower_bound_bytes: int
    is_optimal: bool
    steps: tuple[int, ...] = ()

    def offset_of(self, value: str) -> int:
        """Return the arena offset of a graph value."""
        return next(self.offsets[b.name] for b in self.buffers if value in b.values)

    def live_bytes(self) -> Bytes:
        """Return the bytes needed at each event."""
        total: Bytes = np.sum([b.live for b in self.buffers], axis=0)
        return total

    def peak(self) -> tuple[int, tuple[Buffer, ...]]:
        """Return the event at which most bytes are needed, and the buffers that bind there."""
        time = int(self.live_bytes().argmax())
        binding = [b for b in self.buffers if b.live[time]]
        return time, tuple(sorted(binding, key=lambda b: (-b.live[time], b.name)))
