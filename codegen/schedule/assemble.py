"""Assemble a schedule from steps and nests: what rows wait for, who takes whose place, rings."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from codegen.ir.schedule import Schedule, Step, View
from codegen.schedule.assign import Assigned
from codegen.schedule.rows import (
    Event,
    Lifetime,
    find_lifetimes,
    operand_windows,
    run_order,
)


def assemble(
    assigned: Assigned, bounds: tuple[int, ...], events: tuple[Event, ...] | None = None
) -> Schedule:
    """Return the schedule whose nests are the steps between successive `bounds`.

    With the `events` of some nests, places and rings are right for those nests alone.
    """
    schedule = divide(assigned, bounds)
    if events is None:
        order = run_order(schedule)
        schedule, events = replace(schedule, wants=order.wants), order.events
    lives = find_lifetimes(schedule, events)
    owners = nests_of_events(schedule, events)
    schedule = replace_in_place(schedule, events, lives, owners)
    kept = {
        value: life.depth() if is_inner(life, owners) else life.rows
        for value, life in lives.items()
    }
    return replace(schedule, rows_kept=kept)


def divide(assigned: Assigned, bounds: tuple[int, ...]) -> Schedule:
    """Return the nests between successive `bounds`, without places and rings."""
    nests = tuple(assigned.steps[i:j] for i, j in pairwise(bounds))
    return Schedule(
        assigned.graph,
        nests,
        assigned.views,
        assigned.needs,
        {},
        assigned.transfer,
        assigned.abroad,
    )


def nests_of_events(schedule: Schedule, events: tuple[Event, ...]) -> list[int]:
    """Return the nest of each event."""
    nests = [i for i, (first, end) in enumerate(schedule.spans) for _ in range(first, end)]
    return [nests[event.step] for event in events]


def is_inner(life: Lifetime, owners: list[int]) -> bool:
    """All that writes or reads the value belongs to one nest: a ring of its rows may suffice."""
    first, last = int(life.written.min()), int(life.read.max())
    return 0 <= first <= last < len(owners) and owners[first] == owners[last]


def replace_in_place(
    schedule: Schedule, events: tuple[Event, ...], lives: dict[str, Lifetime], owners: list[int]
) -> Schedule:
    """Let results of in-place operators take the place of an operand that dies row by row.

    Their lives in `lives` become one.
    """
    steps = schedule.steps
    for index in sorted({event.step for event in events}):
        step = steps[index]
        output = step.node.output
        if not step.node.op.in_place or step.kernel.apart or output in schedule.views:
            continue
        host = dying_operand(schedule, step, lives, owners)
        if host is not None:
            schedule = replace(schedule, views={**schedule.views, output: View(host)})
            lives[host] = lives[host].extended_by(lives.pop(output))
    return schedule


def dying_operand(
    schedule: Schedule, step: Step, lives: dict[str, Lifetime], owners: list[int]
) -> str | None:
    """Return the stored operand whose rows are last read where those of the result are made."""
    types, made = schedule.graph.types, lives[step.node.output]
    for value, _ in operand_windows(schedule.graph, step):
        host = schedule.storage(value)
        if host in schedule.abroad:
            continue
        life = lives[host]
        kind, result = types[value], types[step.node.output]
        same_elements = kind.dtype.size_bytes == result.dtype.size_bytes
        if types[host].size_bytes != result.size_bytes or not same_elements:
            continue
        row_by_row = life.rows == made.rows and np.array_equal(life.read, made.written)
        at_once = life.rows != made.rows and life.read.max() <= made.written.min()
        if (row_by_row or at_once) and is_inner(life, owners) == is_inner(made, owners):
            return host
    return None
