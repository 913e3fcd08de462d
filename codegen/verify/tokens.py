"""Check a memory plan: run its certificate on tokens instead of numbers, an array of them a base.

Every byte of every value has a token of its own. The calls are made as the C makes them, from the
certificate alone: each call must find the tokens of the rows that it reads, also after all that it
writes itself, and touch no byte of a buffer but those said to be live. The planner plays no part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt

from codegen.errors import Problem, VerificationFailed
from codegen.ir.certificate import Certificate, CertifiedStep, Port, Read, Scratch, Value, Write
from codegen.verify.contradictions import Index, find_contradictions
from codegen.verify.order import call_order

Tokens = npt.NDArray[np.int64]
OUR_FAULT = "this is a fault of codegen: please report it with the model"
MOST_CONTRADICTIONS = 5


def check_plan(certificate: Certificate, hint: str = OUR_FAULT) -> int:
    """Return the calls that were checked; VerificationFailed where the plan cannot be right."""
    wrong = list(find_contradictions(certificate))[:MOST_CONTRADICTIONS]
    if wrong:
        told = [Problem(f"the memory plan contradicts itself: {text}", hint=hint) for text in wrong]
        raise VerificationFailed.collect(told)
    try:
        return _Machine(certificate).run()
    except _Wrong as wrong_byte:
        raise VerificationFailed(f"the memory plan is wrong: {wrong_byte}", hint=hint) from None


class _Wrong(Exception):
    """What the first wrong byte was."""


@dataclass(frozen=True, slots=True)
class _Row:
    """Bytes of a row in a base: `where` picks them out of the base, `first` is the first of them.

    `tokens` are those that belong there.
    """

    base: str
    first: int
    end: int
    where: slice | Tokens
    tokens: Tokens

    def meets(self, other: _Row) -> bool:
        return self.base == other.base and self.first < other.end and other.first < self.end


class _Machine:
    """The bases, full of tokens: 0 where nothing was written."""

    def __init__(self, certificate: Certificate) -> None:
        self.certificate = certificate
        self.index = Index.of(certificate)
        self.memory = {base.name: np.zeros(base.size_bytes, np.int64) for base in certificate.bases}
        self.live = {b.name: b.spans(certificate.moments) for b in certificate.buffers}
        self.delivered: dict[str, set[int]] = {}
        self.time = 0
        roots = [value for value in certificate.values if value.view_of is None]
        starts = accumulate((value.span_bytes for value in roots), initial=1)
        self.starts = {value.name: at for value, at in zip(roots, starts, strict=False)}
        self.pixels = {value.name: _pixels(value) for value in certificate.values}

    def run(self) -> int:
        """Make all calls; return how many there were."""
        order, steps = call_order(self.certificate), self.certificate.steps
        for port in self.certificate.inputs:
            for row in self._whole(port):
                self.memory[row.base][row.where] = row.tokens
        for self.time, (step, call) in enumerate(order):
            try:
                self._call(steps[step], step, call)
            except _Wrong as wrong:
                raise _Wrong(f"{steps[step].name}, call {call}, {wrong}") from None
        for port in self.certificate.outputs:
            self._check_output(port)
        return len(order)

    def _call(self, step: CertifiedStep, number: int, call: int) -> None:
        """Make one call: working memory first, then the result; operands must outlive both."""
        mark = self._use_scratch(step, number, call)
        reads = [self._read(step, read, call) for read in step.reads]
        writes = self._write(step, step.writes, call) if step.writes else []
        for rows in reads:
            if step.may_replace and _extent(rows) and _extent(rows) == _extent(writes):
                continue
            met = (row for row in rows if any(row.meets(written) for written in writes))
            if not all(self._stands(row) for row in met):
                raise _Wrong("overwrites an operand that it still reads")
        used = step.scratch
        if used and (self.memory[used.base][_bytes(used)] != mark).any():
            raise _Wrong("overwrites its own working memory")

    def _use_scratch(self, step: CertifiedStep, number: int, call: int) -> int:
        """Mark the working memory of a call; return the mark, negative as no token is."""
        used, mark = step.scratch, -1 - number
        if used is None:
            return mark
        memory = self.memory[used.base][_bytes(used)]
        if step.makes == "sum" and call and (memory != mark).any():
            raise _Wrong("has lost its sums")
        self._check_live(used.buffer, 0, used.size_bytes)
        memory[:] = mark
        return mark

    def _read(self, step: CertifiedStep, read: Read, call: int) -> list[_Row]:
        """Return the rows that a call reads, after comparing them."""
        rows = step.rows_read(read, call)
        found = [self._row(read, row) for row in rows]
        for number, row in zip(rows, found, strict=True):
            if not self._stands(row):
                raise _Wrong(f"does not find row {number} of '{read.value}' that it reads")
        if step.writes is None:
            self.delivered.setdefault(read.value, set()).update(rows)
        return found

    def _write(self, step: CertifiedStep, write: Write, call: int) -> list[_Row]:
        """Put the tokens of the result into memory; return where."""
        if step.makes == "sum" and call < step.calls - 1:
            return []
        whole = range(self.index.values[write.value].rows)
        rows = [self._row(write, row) for row in (whole if step.makes != "rows" else [call])]
        for row in rows:
            self.memory[row.base][row.where] = row.tokens
        return rows

    def _row(self, place: Read | Write, row: int) -> _Row:
        """Return a row of a value where a step has it; its bytes must be live."""
        first = place.offset_bytes + row % place.rows_kept * place.row_pitch_bytes
        found = self._row_at(place.base, first, self.index.values[place.value], row)
        home = self.index.home[place.value]
        self._check_live(home.name, first - home.offset_bytes, found.end - home.offset_bytes)
        return found

    def _row_at(self, base: str, first: int, value: Value, row: int) -> _Row:
        """Return a row of a value at a place."""
        pixels = self.pixels[value.name]
        start = self.starts[value.root] + value.offset_bytes + row * value.row_pitch_bytes
        end = first + int(pixels[-1]) + 1
        is_spread = value.pixel_pitch_bytes > value.pixel_bytes
        where = first + pixels if is_spread else slice(first, end)
        return _Row(base, first, end, where, start + pixels)

    def _stands(self, row: _Row) -> bool:
        return np.array_equal(self.memory[row.base][row.where], row.tokens)

    def _check_live(self, buffer: str, first: int, end: int) -> None:
        begins, ends = self.live[buffer]
        if first < begins[self.time] or end > ends[self.time]:
            raise _Wrong(f"touches bytes of buffer '{buffer}' that are not live")

    def _whole(self, port: Port) -> list[_Row]:
        """Return all rows of a port that has a place."""
        value = self.index.values[port.value]
        if port.base is None or port.offset_bytes is None:
            return []
        starts = [port.offset_bytes + row * value.row_pitch_bytes for row in range(value.rows)]
        return [self._row_at(port.base, at, value, row) for row, at in enumerate(starts)]

    def _check_output(self, port: Port) -> None:
        """Every byte of an output stands at its place, or was handed over."""
        if not all(self._stands(row) for row in self._whole(port)):
            raise _Wrong(f"output '{port.value}' does not stand whole at its offset")
        rows = self.index.values[port.value].rows
        if port.base is None and len(self.delivered.get(port.value, ())) < rows:
            raise _Wrong(f"output '{port.value}' is not handed over whole")


def _pixels(value: Value) -> Tokens:
    """Return the place of each byte of a row from its first."""
    starts = np.arange(value.pixels, dtype=np.int64) * value.pixel_pitch_bytes
    return (starts[:, None] + np.arange(value.pixel_bytes)).ravel()


def _bytes(used: Scratch) -> slice:
    return slice(used.offset_bytes, used.offset_bytes + used.size_bytes)


def _extent(rows: Sequence[_Row]) -> tuple[object, ...]:
    """Return the bytes that rows without gaps take up; () where there are gaps."""
    joined = all(a.end == b.first for a, b in pairwise(rows))
    dense = joined and all(row.end - row.first == len(row.tokens) for row in rows)
    return (rows[0].base, rows[0].first, rows[-1].end) if rows and dense else ()
