"""Rows in time: in which order a schedule computes rows, and from when until when each is needed.

One kernel call is one event. Within a nest, always the latest step that may, makes a row: its
operands allow it, and a reader in the nest wants the row for its own next one. So rows are made as
late and used up as soon as can be; the emitted C does the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from codegen.ir.graph import Graph
from codegen.ir.op import Window
from codegen.ir.schedule import Need, Schedule, Step
from codegen.ops import Concat

Times = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Event:
    """One kernel call: a step, and the output row it computes."""

    step: int
    row: int


@dataclass(frozen=True, slots=True, eq=False)
class Lifetime:
    """When the rows of a stored value are live: row r from written[r] to read[r], both included.

    Times are indices of events; -1 is before the first, the number of events after the last.
    """

    value: str
    row_bytes: int
    written: Times
    read: Times

    @property
    def rows(self) -> int:
        return len(self.written)

    def oldest(self, times: Times) -> Times:
        """Return the first row that is still needed at each time."""
        return np.searchsorted(np.maximum.accumulate(self.read), times, "left")

    def newest(self, times: Times) -> Times:
        """Return how many rows have been begun at each time."""
        return np.searchsorted(np.minimum.accumulate(self.written[::-1])[::-1], times, "right")

    def is_live(self, end: int) -> bool:
        """Something is needed at the time of an event, or after the last before `end`."""
        return bool((self.read >= np.maximum(self.written, 0)).any()) and self.written.min() <= end

    def extended_by(self, later: Lifetime) -> Lifetime:
        """Return this life continued by that of a result in the same bytes."""
        read = later.read if later.rows == self.rows else np.full(self.rows, later.read.max())
        return Lifetime(self.value, self.row_bytes, self.written, np.maximum(self.read, read))

    def depth(self) -> int:
        """Return how many rows a ring must hold."""
        times = np.unique(self.written)
        return int((self.newest(times) - self.oldest(times)).max())


@dataclass(frozen=True, slots=True)
class Order:
    """All events in order; for each step, its readers' wants where they ever hold it back."""

    events: tuple[Event, ...]
    wants: tuple[tuple[Need, ...], ...]


def calls(graph: Graph, step: Step) -> int:
    """Return how often a step's kernel is called: once a row of the result, or of the operand."""
    if step.kernel.accumulates:
        return graph.types[graph.activations(step.node)[0]].rows
    return 1 if step.kernel.whole else graph.types[step.node.output].rows


def feeders(graph: Graph, steps: Mapping[str, int], value: str) -> tuple[tuple[int, ...], bool]:
    """Return the steps that make a value, and whether its rows are complete one by one."""
    if value in steps:
        return (steps[value],), True
    node = next((node for node in graph.nodes if node.output == value), None)
    if node is None:
        return (), True
    parts = [feeders(graph, steps, name) for name in graph.activations(node)]
    by_channel = isinstance(node.op, Concat) and node.op.axis == len(graph.types[value].shape) - 1
    found = tuple(dict.fromkeys(step for made, _ in parts for step in made))
    return found, by_channel and all(by_row for _, by_row in parts)


def operand_windows(graph: Graph, step: Step) -> Iterator[tuple[str, Window]]:
    """Yield each computed operand of a step and the rows that one call reads of it."""
    windows = step.node.op.windows(graph.signature(step.node))
    for value, window in zip(graph.activations(step.node), windows, strict=True):
        if step.kernel.whole:
            window = Window(graph.types[value].rows, 0)
        elif step.kernel.accumulates:
            window = Window()
        yield value, window


def find_needs(graph: Graph, steps: tuple[Step, ...]) -> tuple[tuple[Need, ...], ...]:
    """Return for each step how far the steps that feed it must have come."""
    index = {step.node.output: i for i, step in enumerate(steps)}
    found = []
    for step in steps:
        needs: list[Need] = []
        for value, window in operand_windows(graph, step):
            made, by_row = feeders(graph, index, value)
            rows = graph.types[value].rows
            reach = window.span * window.divisor - window.pad
            least = window.span if window.clipped else 0
            for feeder in made:
                total = calls(graph, steps[feeder])
                if by_row and steps[feeder].kernel.makes_rows:
                    needs.append(Need(feeder, window.stride, reach, rows, window.divisor, least))
                else:
                    needs.append(Need(feeder, 0, total, total))
        found.append(tuple(dict.fromkeys(needs)))
    return tuple(found)


def run_order(schedule: Schedule, only: int | None = None) -> Order:
    """Return the events of a schedule, or of its nest `only`, in the order in which the C runs."""
    steps, spans = schedule.steps, schedule.spans
    totals = [calls(schedule.graph, step) for step in steps]
    start = 0 if only is None else spans[only][0]
    done = totals[:start] + [0] * (len(steps) - start)
    events: list[Event] = []
    wants: list[tuple[Need, ...]] = [()] * len(steps)
    for first, end in spans if only is None else spans[only : only + 1]:
        nest = range(first, end)
        wanted = find_wants(schedule.needs, nest, totals)
        for event, held_back in _run_nest(schedule.needs, wanted, nest, totals, done):
            events.append(event)
            for step in held_back:
                wants[step] = wanted[step]
    return Order(tuple(events), tuple(wants))


def find_wants(
    needs: tuple[tuple[Need, ...], ...], nest: range, totals: list[int]
) -> dict[int, tuple[Need, ...]]:
    """Return for each step of a nest how many of its rows each reader in the nest wants.

    A `Need` with the reader as its step. A reader that is done wants all rows that are left.
    """
    found: dict[int, list[Need]] = {step: [] for step in nest}
    for reader in nest:
        for need in needs[reader]:
            if need.step not in found:
                continue
            rest = need.rows * need.divisor - totals[reader] * need.stride
            found[need.step].append(replace(need, step=reader, reach=max(need.reach, rest)))
    return {step: tuple(dict.fromkeys(wants)) for step, wants in found.items()}


def _run_nest(
    needs: tuple[tuple[Need, ...], ...],
    wants: Mapping[int, tuple[Need, ...]],
    nest: range,
    totals: list[int],
    done: list[int],
) -> Iterator[tuple[Event, tuple[int, ...]]]:
    """Yield the events of a nest, and with each the later steps that only wants held back."""
    touched: dict[int, set[int]] = {step: {step} for step in nest}
    for step in nest:
        for need in needs[step]:
            if need.step in touched:
                touched[need.step].add(step)
                touched[step].add(need.step)

    def is_ready(step: int) -> bool:
        row = done[step]
        return row < totals[step] and all(done[n.step] >= n.rows_for(row) for n in needs[step])

    def is_wanted(step: int) -> bool:
        some = wants[step]
        return not some or any(done[step] < w.rows_for(done[w.step]) for w in some)

    ready = {step for step in nest if is_ready(step)}
    wanted = {step for step in nest if is_wanted(step)}
    while ready:
        step = max(ready & wanted)
        yield Event(step, done[step]), tuple(later for later in ready if later > step)
        done[step] += 1
        for other in touched[step]:
            (ready.add if is_ready(other) else ready.discard)(other)
            (wanted.add if is_wanted(other) else wanted.discard)(other)
    assert all(done[step] == totals[step] for step in nest), "a nest does not finish"


def find_lifetimes(schedule: Schedule, events: tuple[Event, ...]) -> dict[str, Lifetime]:
    """Return when the rows of each value with bytes of its own in the arena are live.

    Where the events are those of some nests, what earlier steps made is written before them and
    what later steps read is read after them; values that are not live then are left out.
    """
    graph, steps, end = schedule.graph, schedule.steps, len(events)
    times = _times_by_row(events)
    first, last = (min(times), max(times)) if times else (0, -1)
    inputs = [schedule.storage(value) for value in graph.inputs]
    before = {*inputs, *(schedule.storage(step.node.output) for step in steps[:first])}
    after = {
        schedule.storage(value)
        for step in steps[last + 1 :]
        for value in graph.activations(step.node)
    }
    outputs = {schedule.storage(value) for value in graph.outputs}
    found: dict[str, Lifetime] = {}

    def of(value: str) -> Lifetime:
        if value not in found:
            rows, row_bytes = graph.types[value].rows, graph.types[value].row_bytes
            written = np.full(rows, -1 if value in before else end, np.int64)
            read = np.full(rows, end if value in after else -1, np.int64)
            found[value] = Lifetime(value, row_bytes, written, read)
        return found[value]

    for value in inputs:
        np.maximum(of(value).read, 0 if first == 0 else -1, out=of(value).read)
    for value in sorted(before & (after | outputs)):
        of(value)
    for index, at in times.items():
        step = steps[index]
        out = of(schedule.storage(step.node.output))
        by_row = shows_rows(schedule, step.node.output) and step.kernel.makes_rows
        rows = np.arange(out.rows) if by_row else slice(None)
        first_write = at.max() if step.kernel.accumulates else at.min()
        out.written[rows] = np.minimum(out.written[rows], at if by_row else first_write)
        out.read[rows] = np.maximum(out.read[rows], at if by_row else at.max())
        for value, window in operand_windows(graph, step):
            _read(of(schedule.storage(value)), window, at, shows_rows(schedule, value))
    for value in sorted(outputs & (found.keys() | before)):
        of(value).read[:] = end
    whole = last - first + 1 == len(steps)
    return {
        value: life
        for value, life in found.items()
        if value not in schedule.abroad and (whole or life.is_live(end))
    }


def _times_by_row(events: tuple[Event, ...]) -> dict[int, Times]:
    """Return for each step the times of its calls."""
    times: dict[int, list[int]] = {}
    for time, event in enumerate(events):
        times.setdefault(event.step, []).append(time)
    return {step: np.asarray(times[step], np.int64) for step in sorted(times)}


def shows_rows(schedule: Schedule, value: str) -> bool:
    """Row r of the value lies in row r of the value that stores it."""
    types, view = schedule.graph.types, schedule.locate(value)
    if value == view.host:
        return True
    same = types[value].shape[:-1] == types[view.host].shape[:-1] and types[value].rows > 1
    return same and _chain_keeps_rows(schedule, value)


def _chain_keeps_rows(schedule: Schedule, value: str) -> bool:
    """No link from the value to its host is a view along rows."""
    while value in schedule.views:
        view = schedule.views[value]
        whole = schedule.graph.types[value].shape == schedule.graph.types[view.host].shape
        if view.pixel_pitch is None and not whole:
            return False
        value = view.host
    return True


def _read(life: Lifetime, window: Window, at: Times, by_row: bool) -> None:
    """Extend the lives of the rows that a step reads at the times of its calls."""
    if not by_row or len(at) == 1:
        np.maximum(life.read, at.max(), out=life.read)
        return
    first = window.first(np.arange(len(at)), life.rows)
    for k in range(window.rows):
        rows = first + k * window.dilation
        inside = (rows >= 0) & (rows < life.rows)
        np.maximum.at(life.read, rows[inside], at[inside])
