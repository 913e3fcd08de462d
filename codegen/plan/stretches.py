"""Stretches: what each run of steps that may be one nest needs, and what its loop costs.

The peak of a nest depends on nothing but the nest, the values that lie over it and those that it
reads and leaves. So each stretch is measured once, for all divisions it may be part of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from codegen.ir.memory import Buffer, Bytes
from codegen.ir.schedule import Schedule
from codegen.plan.lifetimes import find_buffers, scratch_name
from codegen.plan.offsets import lower_bound
from codegen.schedule.assemble import assemble, divide
from codegen.schedule.assign import Assigned
from codegen.schedule.cost import loop_cycles
from codegen.schedule.rows import Event, run_order


@dataclass(frozen=True, slots=True)
class Stretch:
    """Steps from `first` to `end` as one nest.

    `fixed_bytes`: the peak of the steps that have one form; `loads`: of each step that has several,
    the most bytes that all but its scratch takes during its calls;
    `fast_bytes` the peak and `fast_cycles` the kernels' cycles with the first form of each.
    `apart_bytes`: what all values take where none shares bytes with another. `loop_cycles`: what
    the loop around the kernels costs.
    """

    first: int
    end: int
    fixed_bytes: int
    loads: Mapping[int, int]
    fast_bytes: int
    fast_cycles: int
    apart_bytes: int
    loop_cycles: int


Stretches = Mapping[tuple[int, int], Stretch]


def measure_stretches(assigned: Assigned) -> Stretches:
    """Measure every stretch of steps that may be a nest: those between cuts, and single steps."""
    count = len(assigned.steps)
    cuts = find_cuts(assigned)
    found: dict[tuple[int, int], Stretch] = {}
    for i in range(count):
        last = count if i in cuts else i + 1
        events = stretch_events(assigned, i, last)
        for j in range(i + 1, last + 1):
            if (j == i + 1 or j in cuts) and not _holds_edge_whole(assigned, i, j):
                alone = events if is_joint(assigned, j) else stretch_events(assigned, i, j)
                found[i, j] = _measure(assigned, i, j, alone)
    return found


def _holds_edge_whole(assigned: Assigned, i: int, j: int) -> bool:
    """The stretch does nothing but receive an input, or deliver an output, that passes by rows."""
    ends = {0: assigned.transfer.inputs, len(assigned.steps) - 1: assigned.transfer.outputs}
    return j == i + 1 and len(assigned.steps) > 1 and ends.get(i) == "rows"


def stretch_events(assigned: Assigned, i: int, j: int) -> tuple[Event, ...]:
    """Return the events of the steps from i to j as one nest."""
    nests = divide(assigned, stretch_bounds(assigned, i, j))
    return run_order(nests, nests.spans.index((i, j))).events


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


def is_joint(assigned: Assigned, p: int) -> bool:
    """One step before `p` feeds all from there on: what is before runs as if `p` were the end."""
    return len({n.step for needs in assigned.needs[p:] for n in needs if n.step < p}) <= 1


def stretch_bounds(assigned: Assigned, i: int, j: int) -> tuple[int, ...]:
    """Return the bounds that make a nest of the steps from i to j, with all others around it."""
    return tuple(sorted({0, i, j, len(assigned.steps)}))


def _measure(assigned: Assigned, i: int, j: int, events: tuple[Event, ...]) -> Stretch:
    """Measure one stretch, from the events of one that begins with it."""
    mine = tuple(event for event in events if event.step < j)
    schedule = assemble(assigned, stretch_bounds(assigned, i, j), mine)
    buffers = find_buffers(schedule, mine)
    live: Bytes = np.sum([b.live for b in buffers], axis=0)
    owners = np.asarray([event.step for event in mine])
    flexible = [step for step in range(i, j) if len(assigned.variants[step]) > 1]
    apart = sum(b.size_bytes for b in buffers if b.values and b.live.any())
    scratch = [b.live for b in buffers if not b.values]
    return Stretch(
        i,
        j,
        int(live[~np.isin(owners, flexible)].max(initial=0)),
        {step: _load(schedule, step, mine, live, buffers) for step in flexible},
        lower_bound(buffers),
        sum(step.cycles for step in assigned.steps[i:j]),
        apart + int(np.max(scratch, initial=0)),
        loop_cycles(mine, i, j),
    )


def _load(
    schedule: Schedule,
    index: int,
    events: tuple[Event, ...],
    live: Bytes,
    buffers: tuple[Buffer, ...],
) -> int:
    """Return the most bytes that all but the step's scratch takes during its calls."""
    mine = np.asarray([event.step == index for event in events])
    name = scratch_name(schedule.steps[index])
    own = [b.live[mine] for b in buffers if b.name == name]
    return int((live[mine] - np.sum(own, axis=0)).max() if own else live[mine].max())
