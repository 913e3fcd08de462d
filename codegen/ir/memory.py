"""MemoryPlan: where in the arena each buffer lives, and how near the plan is to the least."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RamGoal:
    """What a plan is to attain: at most `limit_bytes` of arena, at the fewest cycles.

    Of plans that are equally fast, the smallest. With `least`, the fewest bytes, as long as that
    costs few cycles more.
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


@dataclass(frozen=True, slots=True)
class Arena:
    """One stretch of RAM that the caller provides; `memory` is that of the target it lies in."""

    memory: str
    size_bytes: int
    align: int


@dataclass(frozen=True, slots=True, eq=False)
class MemoryPlan:
    """An offset for each buffer.

    `lower_bound_bytes`: no placement of these buffers is smaller. `is_optimal`: the plan attains
    it or an exhaustive search found nothing smaller. `steps` gives the step of each event.

    Where the plan is spread over several memories, `homes` maps each buffer to that of its arena,
    in which its offset counts, and the size is that of all `arenas`.
    """

    buffers: tuple[Buffer, ...]
    offsets: Mapping[str, int]
    size_bytes: int
    lower_bound_bytes: int
    is_optimal: bool
    steps: tuple[int, ...] = ()
    arenas: tuple[Arena, ...] = ()
    homes: Mapping[str, str] = field(default_factory=dict)

    def offset_of(self, value: str) -> int:
        """Return the arena offset of a graph value."""
        return self.offsets[self.buffer_of(value).name]

    def buffer_of(self, value: str) -> Buffer:
        """Return the buffer that a graph value lives in."""
        return next(b for b in self.buffers if value in b.values)

    def home_of(self, buffer: str) -> str:
        """Return the memory of a buffer's arena, "" where there is only one arena."""
        return self.homes.get(buffer, "")

    def live_bytes(self) -> Bytes:
        """Return the bytes needed at each event."""
        total: Bytes = np.sum([b.live for b in self.buffers], axis=0)
        return total

    def peak(self) -> tuple[int, tuple[Buffer, ...]]:
        """Return the event at which most bytes are needed, and the buffers that bind there."""
        time = int(self.live_bytes().argmax())
        binding = [b for b in self.buffers if b.live[time]]
        return time, tuple(sorted(binding, key=lambda b: (-b.live[time], b.name)))
