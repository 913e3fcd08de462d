"""Check a program's memory: run it on tokens instead of numbers, in one array of bytes.

Every byte of every value has a token of its own. The program's calls are made as the C makes them,
from the lowered numbers alone: each call must find the tokens of the rows that it reads, also after
all that it writes itself. What the planner thought plays no part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from codegen.errors import VerificationFailed
from codegen.ir.graph import Graph
from codegen.ir.program import Layer, Nest, Operand, Program, arena_base
from codegen.ir.schedule import Schedule, Step
from codegen.ops import Concat

Tokens = npt.NDArray[np.int64]
JUNK = -1


def check_memory(program: Program, schedule: Schedule) -> int:
    """Return the calls that were checked; VerificationFailed at the first wrong byte."""
    machine, steps = _Machine(program, _Values(schedule)), schedule.steps
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
    """The arena, full of tokens; its parts one after the other."""

    def __init__(self, program: Program, values: _Values) -> None:
        self.values = values
        self.program = program
        self.layers = program.layers
        blocks = program.interface.blocks
        sizes = accumulate([0, *(block.size_bytes for block in blocks)])
        bases = [arena_base(block.memory) for block in blocks]
        self.starts = dict(zip(bases, sizes, strict=False))
        self.arena = np.full(program.interface.arena_bytes, JUNK, np.int64)
        self.count = 0
        graph = values.graph
        places = zip(program.input_bases, program.input_offsets, strict=True)
        for value, (base, offset) in zip(graph.inputs, places, strict=True):
            tokens = values.rows(value, 0, graph.types[value].rows)
            start = self.starts[base] + offset
            self.arena[start : start + len(tokens)] = tokens

    def call(self, layer: Layer, step: Step, row: int) -> None:
        """Make one call: working memory first, then the result; operands must outlive both."""
        self.count += 1
        scratch = self._use_scratch(layer, step, row)
        names = self.values.graph.activations(step.node)
        reads = [
            self._expect(layer, operand, value, row, step)
            for operand, value in zip(layer.operands, names, strict=True)
        ]
        where = self._write(layer, step, row)
        for at, tokens in reads:
            in_place = step.node.op.in_place and np.array_equal(at, where)
            if not in_place and not np.array_equal(self.arena[at], tokens):
                raise self._error(layer, row, "overwrites an operand that it still reads")
        if any((self.arena[place] != mark).any() for place, mark in scratch):
            raise self._error(layer, row, "overwrites its own working memory")

    def check_outputs(self, graph: Graph) -> None:
        """Every byte of every output stands where the interface says."""
        places = zip(self.program.output_bases, self.program.output_offsets, strict=True)
        for value, (base, offset) in zip(graph.outputs, places, strict=True):
            tokens = self.values.rows(value, 0, graph.types[value].rows)
            start = self.starts[base] + offset
            if not np.array_equal(self.arena[start : start + len(tokens)], tokens):
                raise VerificationFailed(f"output '{value}' does not stand whole at its offset")

    def _use_scratch(self, layer: Layer, step: Step, row: int) -> list[tuple[slice, int]]:
        """Mark the working memory of a call; return the places and their marks."""
        index = int(layer.name.rpartition("_")[2])
        used = []
        if layer.scratch_offset is not None:
            start = self.starts[layer.scratch_base] + layer.scratch_offset
            place = slice(start, start + step.scratch_bytes)
            mark = -2 - 2 * index
            if step.kernel.accumulates and row and (self.arena[place] != mark).any():
                raise self._error(layer, row, "has lost its sums")
            used.append((place, mark))
        overhangs = any(len(_inside(x, row)) < x.window for x in layer.operands)
        if layer.outside_offset is not None and overhangs:
            start = self.starts[layer.outside_base] + layer.outside_offset
            used.append((slice(start, start + layer.outside_bytes), -3 - 2 * index))
        for place, mark in used:
            self.arena[place] = mark
        return used

    def _expect(
        self, layer: Layer, operand: Operand, value: str, row: int, step: Step
    ) -> tuple[Tokens, Tokens]:
        """Return the places and tokens of what the call reads, after comparing them."""
        rows = list(range(operand.height)) if step.kernel.whole else _inside(operand, row)
        first = self.starts[operand.base] + operand.offset
        starts = [first + (r % operand.kept) * operand.pitch for r in rows]
        at = np.concatenate(
            [np.arange(s, s + operand.pitch) for s in starts] or [np.zeros(0, np.int64)]
        )
        tokens = np.concatenate([self.values.rows(value, r, 1) for r in rows] or [at])
        if not np.array_equal(self.arena[at], tokens):
            raise self._error(layer, row, f"does not find the rows of '{value}' that it reads")
        return at, tokens

    def _write(self, layer: Layer, step: Step, row: int) -> Tokens:
        """Put the tokens of the result into the arena; return where."""
        kind = self.values.graph.types[step.node.output]
        width = kind.width * (kind.rows if step.kernel.whole else 1)
        first = row if step.kernel.makes_rows else 0
        if step.kernel.accumulates and row < layer.rows - 1:
            return np.zeros(0, np.int64)
        pitch = layer.output_pitch // kind.width
        start = self.starts[layer.output_base] + layer.output_offset
        start += (first % layer.output_kept) * layer.output_pitch
        at = (start + np.arange(width)[:, None] * pitch + np.arange(kind.channels)).ravel()
        count = kind.rows if step.kernel.whole else 1
        self.arena[at] = self.values.rows(step.node.output, first, count)
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
