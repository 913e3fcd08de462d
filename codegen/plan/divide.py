"""Division of the order of steps into nests, by dynamic programming over its cuts.

The peak of a division is the greatest of its stretches, its cycles are their sum. So for a ceiling
on the peak there is one of fewest cycles, and a least ceiling that any division stays under.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate

from codegen.ir.schedule import Step
from codegen.plan.stretches import Stretch, Stretches
from codegen.schedule.assign import Assigned

Forms = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Division:
    """Bounds of nests, the form of each step, and the estimated cycles of loops and kernels."""

    bounds: tuple[int, ...]
    steps: Forms
    cycles: int


@dataclass(frozen=True, slots=True)
class Measure:
    """How much of a stretch's values is reckoned to share bytes: 1 all that can, 0 nothing."""

    overlap: float

    def room(self, stretch: Stretch, ceiling: float) -> float:
        """Return the peak of live bytes up to which the stretch stays under a ceiling."""
        rest = ceiling - (1 - self.overlap) * stretch.apart_bytes
        if self.overlap > 0:
            return rest / self.overlap
        return float("inf") if rest >= 0 else -1.0


@dataclass(frozen=True, slots=True)
class Cost:
    """What a division costs: estimated cycles, nests, and the peak of each step's nest summed."""

    cycles: int = 0
    nests: int = 0
    peaks: int = 0


class Preference(Enum):
    """Which of the divisions under a ceiling: the fastest, of few nests, of many, of low ones."""

    FAST = "fast"
    FEW = "few"
    MANY = "many"
    LOW = "low"

    def key(self, cost: Cost) -> tuple[int, int]:
        """Return what is to be least."""
        if self is Preference.FAST:
            return cost.cycles, cost.nests
        first = {"few": cost.nests, "many": -cost.nests, "low": cost.peaks}[self.value]
        return first, cost.cycles


def choose_forms(assigned: Assigned, stretch: Stretch, room: float) -> Forms | None:
    """Return the fastest form of each step with which the stretch peaks within `room` bytes."""
    if stretch.fixed_bytes > room:
        return None
    if stretch.fast_bytes <= room:
        return assigned.steps[stretch.first : stretch.end]
    forms = []
    for step in range(stretch.first, stretch.end):
        load = stretch.loads.get(step)
        fitting = (
            form
            for form in assigned.variants[step]
            if load is None or load + form.scratch_bytes <= room
        )
        form = next(fitting, None)
        if form is None:
            return None
        forms.append(form)
    return tuple(forms)


def divide_under(
    assigned: Assigned,
    stretches: Stretches,
    ceiling: float,
    measure: Measure,
    preference: Preference = Preference.FAST,
) -> Division | None:
    """Return the preferred division whose stretches all stay under a ceiling, if any does."""
    count = max(end for _, end in stretches)
    best: dict[int, _Path] = {0: _Path(Cost(), None, ())}
    for (first, end), stretch in sorted(stretches.items(), key=lambda item: item[0][::-1]):
        before = best.get(first)
        if before is None:
            continue
        forms = choose_forms(assigned, stretch, measure.room(stretch, ceiling))
        if forms is None:
            continue
        kernels = stretch.fast_cycles
        if stretch.fast_bytes > measure.room(stretch, ceiling):
            kernels = sum(form.cycles for form in forms)
        cost = Cost(
            before.cost.cycles + stretch.loop_cycles + kernels,
            before.cost.nests + 1,
            before.cost.peaks + stretch.fast_bytes * (end - first),
        )
        known = best.get(end)
        if known is None or preference.key(cost) < preference.key(known.cost):
            best[end] = _Path(cost, before, forms)
    return best[count].division() if count in best else None


@dataclass(frozen=True, slots=True)
class _Path:
    """The best way to divide the steps before some place: what it costs, and its last nest."""

    cost: Cost
    before: _Path | None
    forms: Forms

    def division(self) -> Division:
        parts: list[Forms] = []
        path: _Path | None = self
        while path is not None and path.before is not None:
            parts.insert(0, path.forms)
            path = path.before
        bounds = (0, *accumulate(len(part) for part in parts))
        return Division(bounds, tuple(form for part in parts for form in part), self.cost.cycles)


def least_ceiling(divide: Callable[[int], Division | None], most: int, cycles: float) -> int:
    """Return the least ceiling under which `divide` finds a division of at most `cycles`.

    `most` is a ceiling under which it does.
    """
    low, high = 0, most
    while low < high:
        middle = (low + high) // 2
        division = divide(middle)
        if division is not None and division.cycles <= cycles:
            high = middle
        else:
            low = middle + 1
    return high
