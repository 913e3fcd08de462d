"""Check a program's memory: run it on tokens instead of numbers, in one array of bytes.

Every byte of every value has a token of its own. The program's calls are made as the C makes them,
from the lowered numbers alone: each call must find the tokens of the rows that it reads, also after
all that it writes itself. What the planner thought plays no part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from codegen.errors import VerificationFailed
from codegen.ir.graph import Graph
from codegen.ir.program import Layer, Nest, Operand, Program, arena_base
from codegen.ir.schedule import PUSHED, SINK, Schedule, Step
from codegen.ops import Concat

Tokens = npt.NDArray[np.int64]
JUNK = -1
STATE_MARK = -(2**62)


def check_memory(program: Program, schedule: Schedule) -> int:
    """Return the calls that were checked; VerificationFailed at the first wrong byte."""
    machine, steps = _Machine(program, _Values(schedule), schedule.abroad), schedule.steps
    for nest, (first, _) in zip(program.nests, schedule.spans, strict=True):
        for index, row in _calls(nest, first):
            machine.call(machine.layers[index], steps[index], row)
    machine.check_outputs(schedule.graph)
    return machine.count


def _calls(nest: Nest, start: int) -> Iterator[tuple[int, int]]:
    """Yield layer and row of each call of a nest, in the order of the C."""
    done = [0] * len(nest.layers)

    def may_run(i: int) -> bool:
        inner = (need for need in nest.needs[i] if need.step >= start)
        return done[i] < nest.layers[i].rows and all(
            done[need.step - start] >= need.rows_for(done[i]) for need in inner
        )

    while any(runnable := [may_run(i) for i in range(len(done))]):
        latest = len(done) - 1 - runnable[::-1].index(True)
        yield start + latest, done[latest]
        done[latest] += 1


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value's bytes stand among the tokens: a start, and the way from pixel to pixel."""

    start: int
    pixel_pitch: int


class _Values:
    """Numbers the bytes of all values; views share those of their hosts, replacements do not."""

    def __init__(self, schedule: Schedule) -> None:
        graph = schedule.graph
        joins = {node.output for node in graph.nodes if isinstance(node.op, Concat)}
        made = {step.node.output for step in schedule.steps}
        self.graph = graph
        self.views = {
            value: view
            for value, view in schedule.views.items()
            if value not in made or view.host in joins
        }
        sizes = [kind.size_bytes for kind in graph.types.values()]
        self.starts = dict(zip(graph.types, accumulate([0, *sizes]), strict=False))

    def place(self, value: str) -> _Place:
        """Return the tokens of a value."""
        offset, pitch = 0, None
        while value in self.views:
            view = self.views[value]
            offset, pitch = offset + view.offset, view.pixel_pitch or pitch
            value = view.host
        return _Place(self.starts[value] + offset, pitch or 0)

    def rows(self, value: str, first: int, count: int) -> Tokens:
        """Return the tokens of some rows in the order of their bytes."""
        kind, place = self.graph.types[value], self.place(value)
        pitch = place.pixel_pitch or kind.channels
        pixels = np.arange(first * kind.width, (first + count) * kind.width)
        found: Tokens = place.start + pixels[:, None] * pitch + np.arange(kind.channels)
        return found.ravel()


class _Machine:
    """The arenas and the memory of the caller, full of tokens, by base."""

    def __init__(self, program: Program, values: _Values, abroad: Mapping[str, str]) -> None:
        self.values = values
        self.program = program
        self.layers = program.layers
        self.memory = {
            arena_base(block.memory): np.full(block.size_bytes, JUNK, np.int64)
            for block in program.interface.blocks
        }
        self.delivered: list[int] = []
        self.count = 0
        for value, base in abroad.items():
            self.memory[base] = self._all(value)
        for value, where in zip(values.graph.inputs, program.input_places, strict=True):
            if where is not None:
                tokens = self._all(value)
                self.memory[where.base][where.offset : where.offset + len(tokens)] = tokens
        self.state = np.zeros(0, np.int64)
        if program.state is not None:
            start = program.state.offset
            arena = self.memory[program.state.base]
            self.state = arena[start : start + program.state.size_bytes]
            self.state[:] = STATE_MARK

    def _all(self, value: str) -> Tokens:
        return self.values.rows(value, 0, self.values.graph.types[value].rows)

    def call(self, layer: Layer, step: Step, row: int) -> None:
        """Make one call: working memory first, then the result; operands must outlive both."""
        self.count += 1
        scratch = self._use_scratch(layer, step, row)
        names = self.values.graph.activations(step.node)
        if any(operand.base == PUSHED for operand in layer.operands):
            self.memory[PUSHED] = self.values.rows(names[0], row, 1)
        reads = [
            self._expect(layer, operand, value, row, step)
            for operand, value in zip(layer.operands, names, strict=True)
        ]
        where = self._write(layer, step, row)
        for (at, tokens), operand in zip(reads, layer.operands, strict=True):
            is_same = operand.base == layer.output_base and np.array_equal(at, where)
            in_place = step.node.op.in_place and is_same
            if not in_place and not np.array_equal(self.memory[operand.base][at], tokens):
                raise self._error(layer, row, "overwrites an operand that it still reads")
        if any((place != mark).any() for place, mark in scratch):
            raise self._error(layer, row, "overwrites its own working memory")

    def check_outputs(self, graph: Graph) -> None:
        """Every byte of every output stands where the interface says, or was delivered once."""
        if (self.state != STATE_MARK).any():
            raise VerificationFailed("the state between rows was overwritten")
        for value, where in zip(graph.outputs, self.program.output_places, strict=True):
            tokens = self._all(value)
            if where is None:
                if self.delivered != list(range(graph.types[value].rows)):
                    raise VerificationFailed(f"the rows of '{value}' are not delivered in order")
                continue
            found = self.memory[where.base][where.offset : where.offset + len(tokens)]
            if not np.array_equal(found, tokens):
                raise VerificationFailed(f"output '{value}' does not stand whole at its offset")

    def _use_scratch(self, layer: Layer, step: Step, row: int) -> list[tuple[Tokens, int]]:
        """Mark the working memory of a call; return its bytes and their marks."""
        index = int(layer.name.rpartition("_")[2])
        used = []
        if layer.scratch_offset is not None:
            start = layer.scratch_offset
            place = self.memory[layer.scratch_base][start : start + step.scratch_bytes]
            mark = -2 - 2 * index
            if step.kernel.accumulates and row and (place != mark).any():
                raise self._error(layer, row, "has lost its sums")
            used.append((place, mark))
        overhangs = any(len(_inside(x, row)) < x.window for x in layer.operands)
        if layer.outside_offset is not None and overhangs:
            start = layer.outside_offset
            place = self.memory[layer.outside_base][start : start + layer.outside_bytes]
            used.append((place, -3 - 2 * index))
        for place, mark in used:
            place[:] = mark
        return used

    def _expect(
        self, layer: Layer, operand: Operand, value: str, row: int, step: Step
    ) -> tuple[Tokens, Tokens]:
        """Return the places and tokens of what the call reads, after comparing them."""
        rows = list(range(operand.height)) if step.kernel.whole else _inside(operand, row)
        starts = [operand.offset + (r % operand.kept) * operand.pitch for r in rows]
        at = np.concatenate(
            [np.arange(s, s + operand.pitch) for s in starts] or [np.zeros(0, np.int64)]
        )
        tokens = np.concatenate([self.values.rows(value, r, 1) for r in rows] or [at])
        if not np.array_equal(self.memory[operand.base][at], tokens):
            raise self._error(layer, row, f"does not find the rows of '{value}' that it reads")
        return at, tokens

    def _write(self, layer: Layer, step: Step, row: int) -> Tokens:
        """Put the tokens of the result into the arena; return where."""
        if layer.output_base == SINK:
            self.delivered.append(row)
            return np.zeros(0, np.int64)
        kind = self.values.graph.types[step.node.output]
        width = kind.width * (kind.rows if step.kernel.whole else 1)
        first = row if step.kernel.makes_rows else 0
        if step.kernel.accumulates and row < layer.rows - 1:
            return np.zeros(0, np.int64)
        pitch = layer.output_pitch // kind.width
        start = layer.output_offset + (first % layer.output_kept) * layer.output_pitch
        at = (start + np.arange(width)[:, None] * pitch + np.arange(kind.channels)).ravel()
        count = kind.rows if step.kernel.whole else 1
        self.memory[layer.output_base][at] = self.values.rows(step.node.output, first, count)
        return at

    def _error(self, layer: Layer, row: int, what: str) -> VerificationFailed:
        return VerificationFailed(
            f"the memory plan is wrong: {layer.name}, call {row}, {what}",
            hint="this is a fault of codegen: please report it with the model",
        )


def _inside(operand: Operand, row: int) -> list[int]:
    """Return the operand's rows in the window of a call, without those beyond the image."""
    rows = [
        row * operand.stride + k * operand.dilation - operand.pad for k in range(operand.window)
    ]
    return [r for r in rows if 0 <= r < operand.height]
