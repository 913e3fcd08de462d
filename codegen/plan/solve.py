"""The solver: among all divisions into nests and forms of kernels, the plan that a goal asks for.

What a ceiling on live bytes promises, offsets may miss by a little: results follow their operands
through the same memory, but not all at once. So divisions under several measures are placed, and
the best plan is kept. All limits count work, not time: the same input gives the same plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

from codegen.ir.graph import Graph
from codegen.ir.interface import BY_ARENA, Transfer
from codegen.ir.memory import FASTEST, MemoryPlan, RamGoal
from codegen.ir.schedule import Schedule
from codegen.plan import make_plan
from codegen.plan.divide import Division, Measure, Preference, divide_under, least_ceiling
from codegen.plan.stretches import Stretches, measure_stretches
from codegen.schedule.assemble import assemble
from codegen.schedule.assign import Assigned, assign_kernels

SLOWDOWNS = (1.01, 1.05, 1.2, float("inf"))
"""What a plan may cost in cycles over the fastest; the next is tried where no plan fits.

Estimates are no nearer than the first."""

LEAST_SLOWDOWN = 1.05
"""What the plan of least RAM may cost; what lies below costs more than it saves."""

OVERLAPS = (1.0, 0.75, 0.5, 0.25, 0.0)
"""How far a nest's values are reckoned to share bytes.

A result can always follow one operand, but a chain of results each below its operand ends at the
bottom of the arena."""


Placed = tuple[Schedule, MemoryPlan]


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """A schedule with its plan, and the estimate of its cycles; `fits` within the goal's limit."""

    schedule: Schedule
    plan: MemoryPlan
    cycles: int
    fits: bool


def schedule_and_plan(
    graph: Graph,
    families: tuple[str, ...],
    transfer: Transfer = BY_ARENA,
    goal: RamGoal = FASTEST,
) -> tuple[Schedule, MemoryPlan]:
    """Return the schedule and plan that come nearest to a goal."""
    solution = solve(assign_kernels(graph, families, transfer), goal)
    return solution.schedule, solution.plan


def solve(assigned: Assigned, goal: RamGoal) -> Solution:
    """Return the fastest plan within the goal's limit, the smallest of those that are equally fast.

    Where the goal is the least RAM, the smallest that is little slower than the fastest; where
    nothing fits, the smallest of all.
    """
    if not assigned.steps:
        return _nothing_to_run(assigned, goal)
    stretches = measure_stretches(assigned)
    most = max((s.apart_bytes + s.fixed_bytes for s in stretches.values()), default=0) * 2
    divide = partial(divide_under, assigned, stretches)
    bound = least_ceiling(partial(divide, measure=Measure(1.0)), most, float("inf"))
    limit = most if goal.limit_bytes is None else max(goal.limit_bytes, bound)
    fastest = divide(limit, Measure(1.0))
    assert fastest is not None
    placed: dict[Division, Placed] = {}
    for slowdown in (LEAST_SLOWDOWN,) if goal.least else SLOWDOWNS:
        cycles = fastest.cycles * slowdown
        for division in _candidates(assigned, stretches, most, cycles):
            if division not in placed:
                placed[division] = _place(assigned, division)
        fitting = [d for d, (_, plan) in placed.items() if plan.size_bytes <= limit]
        if fitting:
            break
    best = min(fitting or placed, key=lambda d: (placed[d][1].size_bytes, d.cycles))
    best, (schedule, plan) = _faster_forms(assigned, best, placed[best])
    if plan.size_bytes > bound:
        plan = make_plan(schedule)
    optimal = plan.size_bytes == bound
    early = plan.stopped_early and not optimal
    plan = replace(plan, lower_bound_bytes=bound, is_optimal=optimal, stopped_early=early)
    fits = goal.limit_bytes is None or plan.size_bytes <= goal.limit_bytes
    return Solution(schedule, plan, best.cycles, fits)


def _nothing_to_run(assigned: Assigned, goal: RamGoal) -> Solution:
    """Return the plan of a network whose outputs are its inputs under other shapes."""
    schedule = assemble(assigned, (0,))
    plan = make_plan(schedule)
    return Solution(schedule, plan, 0, plan.size_bytes <= (goal.limit_bytes or plan.size_bytes))


def _candidates(
    assigned: Assigned, stretches: Stretches, most: int, cycles: float
) -> Iterator[Division]:
    """Yield divisions within some cycles whose peaks are least, by several measures of peaks."""
    for overlap, preference in product(OVERLAPS, Preference):
        divide = partial(
            divide_under, assigned, stretches, measure=Measure(overlap), preference=preference
        )
        ceiling = least_ceiling(divide, most, cycles)
        division = divide(ceiling)
        if division is not None and division.cycles <= cycles:
            yield division


def _faster_forms(
    assigned: Assigned, division: Division, placed: Placed
) -> tuple[Division, Placed]:
    """Return the division with the fastest form of each step that makes the plan no larger."""
    changed = [i for i, form in enumerate(assigned.steps) if division.steps[i] is not form]
    for i in sorted(changed, key=lambda i: assigned.steps[i].cycles - division.steps[i].cycles):
        for form in assigned.variants[i][: assigned.variants[i].index(division.steps[i])]:
            steps = (*division.steps[:i], form, *division.steps[i + 1 :])
            cycles = division.cycles + form.cycles - division.steps[i].cycles
            faster = Division(division.bounds, steps, cycles)
            found = _place(assigned, faster)
            if found[1].size_bytes <= placed[1].size_bytes:
                division, placed = faster, found
                break
    return division, placed


def _place(assigned: Assigned, division: Division) -> Placed:
    schedule = assemble(replace(assigned, steps=division.steps), division.bounds)
    return schedule, make_plan(schedule, search_steps=0)
