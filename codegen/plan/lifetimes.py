"""Live ranges: which bytes are needed from when until when, and which may be shared."""

from __future__ import annotations

from dataclasses import dataclass, field

from codegen.ir.memory import Buffer
from codegen.ir.schedule import Schedule, Step

SCRATCH_ALIGN = 4


@dataclass(slots=True)
class _Range:
    size_bytes: int
    first: int
    end: int
    values: list[str] = field(default_factory=list)


def find_buffers(schedule: Schedule) -> tuple[Buffer, ...]:
    """Return the buffers of a schedule, in order of first use.

    Inputs live from the start and outputs to the end. The result of an in-place operator takes
    the place of an operand of its size that nothing reads later; a view is part of its host.
    """
    graph, steps = schedule.graph, schedule.steps
    last = _last_reads(schedule)
    ranges: dict[str, _Range] = {}
    for name in graph.inputs:
        ranges[name] = _Range(graph.types[name].size_bytes, 0, last[name], [name])
    for time, step in enumerate(steps):
        name = schedule.storage(step.node.output)
        if name in ranges:
            continue
        size, end = graph.types[name].size_bytes, last[name]
        host = _dying_operand(schedule, step, time, last)
        if host is None:
            ranges[name] = _Range(size, time, end, [name])
            continue
        ranges[name] = ranges[host]
        ranges[name].end = end
        ranges[name].values.append(name)
    for name in schedule.views:
        ranges[schedule.storage(name)].values.append(name)
    unique = {id(r): r for r in ranges.values()}.values()
    buffers = [
        Buffer(r.values[0], r.size_bytes, r.first, r.end, 1, tuple(r.values)) for r in unique
    ]
    return (*buffers, *_scratch(steps))


def _scratch(steps: tuple[Step, ...]) -> list[Buffer]:
    """Return the working memory of each step, named after its result."""
    found = []
    for time, step in enumerate(steps):
        for kind, size, align in (
            ("scratch", step.scratch_bytes, SCRATCH_ALIGN),
            ("outside", step.outside_bytes, 1),
        ):
            if size:
                found.append(Buffer(f"{step.node.output} {kind}", size, time, time + 1, align))
    return found


def _last_reads(schedule: Schedule) -> dict[str, int]:
    """Map each stored value to the end of its live range; outputs outlive the last step."""
    graph, steps = schedule.graph, schedule.steps
    last = dict.fromkeys(graph.inputs, 1)
    for time, step in enumerate(steps):
        last[schedule.storage(step.node.output)] = time + 1
        for name in graph.activations(step.node):
            last[schedule.storage(name)] = time + 1
    for name in graph.outputs:
        last[schedule.storage(name)] = len(steps) + 1
    return last


def _dying_operand(schedule: Schedule, step: Step, time: int, last: dict[str, int]) -> str | None:
    """Return the operand whose bytes the result of `step` may replace row by row, if any."""
    if not step.node.op.in_place or step.node.output in schedule.views:
        return None
    types = schedule.graph.types
    for name in schedule.graph.activations(step.node):
        host = schedule.storage(name)
        same_size = types[host].size_bytes == types[step.node.output].size_bytes
        if same_size and last[host] == time + 1:
            return host
    return None
