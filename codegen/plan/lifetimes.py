"""Buffers in time: which bytes of the arena each value and each kernel needs, event by event."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from codegen.ir.interface import Transfer
from codegen.ir.memory import Buffer
from codegen.ir.schedule import Schedule, Step
from codegen.schedule.rows import Event, Lifetime, calls, find_lifetimes

SCRATCH_ALIGN = 4
MARK_BYTES = 4
STATE = "state between rows"
"""The buffer of what a network whose rows are pushed keeps from one call to the next."""


def find_buffers(schedule: Schedule, events: tuple[Event, ...]) -> tuple[Buffer, ...]:
    """Return the buffers of a schedule with the bytes that are live at each of its events.

    A value's rows are live from the event that writes them to the last that reads them: so a
    result may follow its operand through the same memory. A ring is live as a whole.
    """
    lives = find_lifetimes(schedule, events)
    views: dict[str, list[str]] = {value: [value] for value in lives}
    for value in schedule.views:
        if (host := schedule.storage(value)) in views:
            views[host].append(value)
    count = max(len(events), 1)
    stored = [_stored(schedule, life, count, views[v]) for v, life in lives.items()]
    return (*stored, *_scratch(schedule, events), *_state(schedule, events))


def _state(schedule: Schedule, events: tuple[Event, ...]) -> list[Buffer]:
    """Return what is kept between pushed rows, live all the time.

    Where the events are those of later nests, the first may be any: then of one step.
    """
    if schedule.transfer.inputs != "rows":
        return []
    counted = schedule.nests[0] if events[0].step == 0 else schedule.nests[0][:1]
    size = state_bytes([calls(schedule.graph, step) for step in counted], schedule.transfer)
    begin = np.zeros(len(events), np.int64)
    return [Buffer(STATE, size, begin, np.full_like(begin, size), SCRATCH_ALIGN)]


def state_bytes(rows: Sequence[int], transfer: Transfer) -> int:
    """Return the size of the state: a mark, a counter up to each of `rows`, the caller's sink.

    As large as where pointers take 8 bytes, so that the plan is the same everywhere.
    """
    pointers = 8 * 2 if transfer.outputs == "rows" else 0
    size = pointers + MARK_BYTES + counter_bytes(rows) * len(rows)
    align = 8 if pointers else 4
    return -(-size // align) * align


def counter_bytes(rows: Sequence[int]) -> int:
    """Return the size of integers that count up to each of `rows`."""
    return 2 if max(rows) < 2**15 else 4


def _stored(schedule: Schedule, life: Lifetime, count: int, values: list[str]) -> Buffer:
    """Return the buffer of a value: all its rows, or a ring of those kept."""
    times = np.arange(count)
    kept = schedule.rows_kept[life.value]
    oldest, newest = life.oldest(times), life.newest(times)
    begin, end = oldest * life.row_bytes, newest * life.row_bytes
    if kept < life.rows:
        begin, end = np.zeros_like(begin), np.minimum(newest, kept) * life.row_bytes
    dead = oldest >= newest
    begin[dead], end[dead] = 0, 0
    sizes = (schedule.graph.types[value].dtype.size_bytes for value in values)
    align = max([*sizes, *(step.kernel.align for step in schedule.steps)])
    return Buffer(life.value, kept * life.row_bytes, begin, end, align, tuple(values))


def _scratch(schedule: Schedule, events: tuple[Event, ...]) -> list[Buffer]:
    """Return the working memory of each step, live during its calls, or from first to last."""
    found = []
    owners = np.asarray([event.step for event in events], np.int64)
    steps = schedule.steps
    for index in np.unique(owners):
        step, mine = steps[index], owners == index
        if not step.scratch_bytes:
            continue
        if step.kernel.accumulates or step.kernel.remembers:
            mine = np.cumsum(mine) * np.cumsum(mine[::-1])[::-1] > 0
        end = mine * step.scratch_bytes
        name = scratch_name(step)
        found.append(Buffer(name, step.scratch_bytes, np.zeros_like(end), end, SCRATCH_ALIGN))
    return found


def scratch_name(step: Step) -> str:
    """Return the name of the buffer of a step's scratch."""
    return f"{step.node.output} scratch"
