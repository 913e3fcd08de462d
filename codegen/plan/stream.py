"""Streaming: which steps run row by row together, so that wide values are never whole.

Nests are stretches of the order of steps. The peak of a nest depends on nothing but the nest, the
values that lie over it and those that it reads and leaves: so dynamic programming over the bounds
finds, among all divisions into nests, one whose greatest peak is least.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import product

import numpy as np

from codegen.ir.graph import Graph
from codegen.ir.interface import BY_ARENA, Transfer
from codegen.ir.memory import MemoryPlan
from codegen.ir.schedule import Schedule
from codegen.plan import make_plan
from codegen.plan.lifetimes import find_buffers
from codegen.plan.offsets import lower_bound
from codegen.schedule.assemble import assemble, divide
from codegen.schedule.assign import Assigned, assign_kernels
from codegen.schedule.rows import Event, run_order

OVERLAPS = (1.0, 0.75, 0.5, 0.25, 0.0)
"""How far a nest's result is reckoned to follow its operand through the same memory.

A result can always follow one operand, but a chain of results each below its operand ends at the
bottom of the arena; so several measures are tried and the smallest plan is kept."""


def schedule_and_plan(
    graph: Graph, families: tuple[str, ...], transfer: Transfer = BY_ARENA
) -> tuple[Schedule, MemoryPlan]:
    """Return the schedule and plan of least RAM found; the bound is that of all divisions."""
    assigned = assign_kernels(graph, families, transfer)
    peaks = segment_peaks(assigned)
    tried: dict[tuple[int, ...], tuple[Schedule, MemoryPlan]] = {}
    for overlap, few in product(OVERLAPS, (False, True)):
        _, bounds = least_peak(peaks, overlap, few)
        if bounds not in tried:
            schedule = assemble(assigned, bounds)
            tried[bounds] = schedule, make_plan(schedule)
    schedule, plan = min(tried.values(), key=lambda found: found[1].size_bytes)
    bound = int(least_peak(peaks, overlap=1.0, few=True)[0])
    return schedule, replace(plan, lower_bound_bytes=bound, is_optimal=plan.size_bytes == bound)


Peaks = dict[tuple[int, int], tuple[int, int]]
"""For the steps from i to j as one nest: live bytes at the peak, and with nothing overlapped."""


def segment_peaks(assigned: Assigned) -> Peaks:
    """Measure every stretch of steps that may be a nest: those between cuts, and single steps."""
    count = len(assigned.steps)
    cuts = find_cuts(assigned)
    found: Peaks = {}
    for i in range(count):
        last = count if i in cuts else i + 1
        nests = divide(assigned, stretch_bounds(assigned, i, last))
        events = run_order(nests, nests.spans.index((i, last)))
        for j in range(i + 1, last + 1):
            if j == i + 1 or j in cuts:
                found[i, j] = _peak(assigned, i, j, events)
    return found


def find_cuts(assigned: Assigned) -> frozenset[int]:
    """Return the places in the order of steps over which only one value lies, and both ends."""
    whole = assemble(assigned, tuple(range(len(assigned.steps) + 1)))
    made: dict[str, int] = {}
    read: dict[str, int] = {}
    for time, step in enumerate(assigned.steps):
        for value in (step.node.output, *assigned.graph.activations(step.node)):
            host = whole.storage(value)
            if host in whole.abroad:
                continue
            made.setdefault(host, time)
            read[host] = time
    lying = [sum(made[v] < p <= read[v] for v in made) for p in range(len(assigned.steps) + 1)]
    return frozenset(p for p, values in enumerate(lying) if values <= 1)


def stretch_bounds(assigned: Assigned, i: int, j: int) -> tuple[int, ...]:
    """Return the bounds that make a nest of the steps from i to j, with all others around it."""
    return tuple(sorted({0, i, j, len(assigned.steps)}))


def _peak(assigned: Assigned, i: int, j: int, events: tuple[Event, ...]) -> tuple[int, int]:
    """Return the peaks of one stretch, from the events of one that begins with it."""
    mine = tuple(event for event in events if event.step < j)
    schedule = assemble(assigned, stretch_bounds(assigned, i, j), mine)
    buffers = find_buffers(schedule, mine)
    apart = sum(b.size_bytes for b in buffers if b.values and b.live.any())
    scratch = [b.live for b in buffers if not b.values]
    return lower_bound(buffers), apart + int(np.max(scratch, initial=0))


def least_peak(peaks: Peaks, overlap: float, few: bool) -> tuple[float, tuple[int, ...]]:
    """Return the least greatest peak of any division, and the bounds of its nests.

    Of the divisions with that peak: one of few nests, or of many small ones.
    """
    count = max(j for _, j in peaks)
    best: list[tuple[float, int, tuple[int, ...]]] = [(0.0, 0, (0,))]
    for j in range(1, count + 1):
        best.append(min(_extensions(peaks, best, j, overlap, 1 if few else -1)))
    peak, _, bounds = best[count]
    return peak, bounds


def _extensions(
    peaks: Peaks,
    best: list[tuple[float, int, tuple[int, ...]]],
    j: int,
    overlap: float,
    price: int,
) -> Iterable[tuple[float, int, tuple[int, ...]]]:
    for i in range(j):
        if (i, j) not in peaks:
            continue
        live, apart = peaks[i, j]
        peak, nests, bounds = best[i]
        cost = max(peak, overlap * live + (1 - overlap) * apart)
        yield cost, nests + price, (*bounds, j)
