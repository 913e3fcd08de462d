"""Divisions assembled as a whole, to compare with what the planner says of their parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from codegen.ir.graph import Graph
from codegen.ir.interface import BY_ARENA, Transfer
from codegen.ir.schedule import Step
from codegen.plan.lifetimes import find_buffers
from codegen.plan.offsets import lower_bound
from codegen.plan.stretches import Stretches
from codegen.schedule.assemble import assemble
from codegen.schedule.assign import Assigned, assign_kernels
from codegen.schedule.cost import loop_cycles
from codegen.schedule.rows import run_order

Forms = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """A division assembled as a whole, with what its schedule says: no stretch plays a part."""

    bounds: tuple[int, ...]
    steps: Forms
    peak: int
    cycles: int


def with_forms_in_order(
    graph: Graph, families: tuple[str, ...], transfer: Transfer = BY_ARENA
) -> Assigned:
    """Assign kernels; leave out forms that are estimated no slower than those preferred to them.

    The preferred form is taken for the fastest, whatever the estimate.
    """
    assigned = assign_kernels(graph, families, transfer)
    kept = []
    for forms in assigned.variants:
        slower = [forms[0]]
        slower += [form for form in forms[1:] if form.cycles > slower[-1].cycles]
        kept.append(tuple(slower))
    return replace(assigned, variants=tuple(kept))


def all_bounds(stretches: Stretches, count: int) -> Iterator[tuple[int, ...]]:
    """Yield all ways to divide `count` steps into stretches."""

    def extend(bounds: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if bounds[-1] == count:
            yield bounds
            return
        for first, end in stretches:
            if first == bounds[-1]:
                yield from extend((*bounds, end))

    yield from extend((0,))


def try_one(assigned: Assigned, bounds: tuple[int, ...], forms: Forms) -> Tried:
    """Assemble one division with one choice of forms."""
    schedule = assemble(replace(assigned, steps=forms), bounds)
    events = run_order(schedule).events
    loops = (
        loop_cycles([event for event in events if first <= event.step < end], first, end)
        for first, end in pairwise(bounds)
    )
    cycles = sum(loops) + sum(step.cycles for step in forms)
    return Tried(bounds, forms, lower_bound(find_buffers(schedule, events)), cycles)
