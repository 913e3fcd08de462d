"""Assemble a schedule from steps and nests: what rows wait for, who takes whose place, rings."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from codegen.ir.schedule import Schedule, View
from codegen.schedule.assign import Assigned
from codegen.schedule.rows import (
    Event,
    Lifetime,
    find_lifetimes,
    operand_windows,
    run_order,
)


def assemble(assigned: Assigned, bounds: tuple[int, ...], only: int | None = None) -> Schedule:
    """Return the schedule whose nests are the steps between successive `bounds`.

    With `only`, what it says of places and rings is right for that nest alone.
    """
    steps = assigned.steps
    nests = tuple(steps[i:j] for i, j in pairwise(bounds))
    schedule = Schedule(assigned.graph, nests, assigned.views, assigned.needs, {})
    events = run_order(schedule, only)
    schedule = replace_in_place(schedule, events)
    lives = find_lifetimes(schedule, events)
    kept = {value: rows_kept(schedule, events, life) for value, life in lives.items()}
    return replace(schedule, rows_kept=kept)


def rows_kept(schedule: Schedule, events: tuple[Event, ...], life: Lifetime) -> int:
    """Return the rows that a value keeps: a ring where only one nest knows it, else all."""
    return life.depth() if is_inner(schedule, events, life) else life.rows


def is_inner(schedule: Schedule, events: tuple[Event, ...], life: Lifetime) -> bool:
    """All that writes or reads the value belongs to one nest, row by row."""
    first, last = int(life.written.min()), int(life.read.max())
    if first < 0 or last >= len(events):
        return False
    nest_of = nests_by_step(schedule)
    return nest_of[events[first].step] == nest_of[events[last].step]


def nests_by_step(schedule: Schedule) -> list[int]:
    """Return the nest of each step."""
    return [i for i, (first, end) in enumerate(schedule.spans) for _ in range(first, end)]


def replace_in_place(schedule: Schedule, events: tuple[Event, ...]) -> Schedule:
    """Let results of in-place operators take the place of an operand that dies row by row."""
    active = {event.step for event in events}
    for step in (schedule.steps[i] for i in sorted(active)):
        if not step.node.op.in_place or step.node.output in schedule.views:
            continue
        host = dying_operand(schedule, events, step.node.output)
        if host is not None:
            views = {**schedule.views, step.node.output: View(host)}
            schedule = replace(schedule, views=views)
    return schedule


def dying_operand(schedule: Schedule, events: tuple[Event, ...], output: str) -> str | None:
    """Return the stored operand whose rows are last read just where those of `output` are made."""
    types = schedule.graph.types
    lives = find_lifetimes(schedule, events)
    step = next(step for step in schedule.steps if step.node.output == output)
    made = lives[output]
    for value, _ in operand_windows(schedule.graph, step):
        host = schedule.storage(value)
        life = lives[host]
        if types[host].size_bytes != types[output].size_bytes:
            continue
        if life.rows == made.rows and not np.array_equal(life.read, made.written):
            continue
        if life.rows != made.rows and life.read.max() > made.written.min():
            continue
        if is_inner(schedule, events, life) == is_inner(schedule, events, made):
            return host
    return None
