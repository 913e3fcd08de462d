"""Where a certificate contradicts itself: what it says twice, and limits that cannot be met."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from codegen.ir.certificate import (
    Base,
    Certificate,
    CertifiedStep,
    LiveRange,
    Port,
    Read,
    Scratch,
    Value,
    Write,
)
from codegen.ir.memory import Bytes
from codegen.verify.order import ORDERS

MAKES = ("rows", "sum", "value")


def find_contradictions(certificate: Certificate) -> Iterator[str]:
    """Yield sentences; where names are at fault, only those, as nothing else can be followed."""
    wrong = list(_names(certificate))
    yield from wrong
    if wrong:
        return
    index = Index.of(certificate)
    for base in certificate.bases:
        yield from _base(base, certificate.buffers)
    for value in certificate.values:
        yield from _value(value, index.values[value.root])
    for buffer in certificate.buffers:
        yield from _buffer(buffer, index)
    for port in (*certificate.inputs, *certificate.outputs):
        yield from _port(port, index)
    for number, step in enumerate(certificate.steps):
        yield from _step(number, step, certificate.steps, index)
    yield from _totals(certificate)


@dataclass(frozen=True, slots=True)
class Index:
    """The parts of a certificate by name; `home` is the buffer of each value."""

    bases: dict[str, Base]
    values: dict[str, Value]
    buffers: dict[str, LiveRange]
    home: dict[str, LiveRange]

    @classmethod
    def of(cls, certificate: Certificate) -> Index:
        """Return the index of a certificate whose names are right."""
        return cls(
            {base.name: base for base in certificate.bases},
            {value.name: value for value in certificate.values},
            {buffer.name: buffer for buffer in certificate.buffers},
            {name: buffer for buffer in certificate.buffers for name in buffer.values},
        )

    def kept(self, value: Value) -> int:
        """Return how many rows of a value are in memory, in rows of its own."""
        buffer = self.home[value.name]
        host = self.values[buffer.values[0]]
        return min(buffer.rows_kept or 0, value.rows) if value.rows == host.rows else value.rows

    def offset(self, value: Value) -> int:
        """Return the place of the value's first byte in the base of its buffer."""
        return self.home[value.name].offset_bytes + value.offset_bytes


def _names(certificate: Certificate) -> Iterator[str]:
    """Yield names that are given twice, and those that stand for nothing."""
    steps = certificate.steps
    bases = [base.name for base in certificate.bases]
    values = [value.name for value in certificate.values]
    buffers = [buffer.name for buffer in certificate.buffers]
    stored = [name for buffer in certificate.buffers for name in buffer.values]
    scratch = [step.scratch for step in steps if step.scratch]
    written = [step.writes for step in steps if step.writes]
    touched: list[Read | Write] = [*written, *(read for step in steps for read in step.reads)]
    ports = (*certificate.inputs, *certificate.outputs)
    placed = [port.base for port in ports if port.base is not None]
    roots = [value.name for value in certificate.values if value.view_of is None]
    for kind, given, known in (
        ("base", bases, bases),
        ("value", values, values),
        ("value", stored, values),
        ("value", values, stored),
        ("buffer", buffers, buffers),
        ("step", [step.name for step in steps], [step.name for step in steps]),
        ("input", [port.value for port in certificate.inputs], values),
        ("output", {port.value for port in certificate.outputs}, values),
        ("buffer", [used.buffer for used in scratch], buffers),
    ):
        yield from (f"{kind} '{name}' is there twice" for name in _repeated(given))
        yield from (f"{kind} '{name}' is not described" for name in sorted({*given} - {*known}))
    used = {*placed, *(b.base for b in certificate.buffers), *(s.base for s in scratch)}
    used |= {part.base for part in touched}
    for kind, names, known in (
        ("base", used, bases),
        ("value", {part.value for part in touched}, values),
        ("value", {value.root for value in certificate.values}, roots),
    ):
        yield from (f"{kind} '{name}' is not described" for name in sorted(names - {*known}))


def _repeated(names: Iterable[str]) -> list[str]:
    return sorted(name for name, times in Counter(names).items() if times > 1)


def _base(base: Base, buffers: Sequence[LiveRange]) -> Iterator[str]:
    mine = [buffer for buffer in buffers if buffer.base == base.name]
    end = max((buffer.offset_bytes + buffer.size_bytes for buffer in mine), default=0)
    if base.size_bytes != end:
        yield f"base '{base.name}' has {base.size_bytes} bytes, and its buffers end at {end}"
    if base.align_bytes != math.lcm(*(buffer.align_bytes for buffer in mine)):
        yield f"base '{base.name}' is not aligned as its buffers are"
    for buffer in mine:
        if buffer.offset_bytes < 0 or buffer.offset_bytes % max(buffer.align_bytes, 1):
            yield f"buffer '{buffer.name}' is not aligned"


def _value(value: Value, root: Value) -> Iterator[str]:
    sizes = (value.rows, value.pixels, value.channels, value.element_bytes)
    if min(sizes) < 1 or value.row_bytes != value.pixels * value.pixel_bytes:
        yield f"value '{value.name}' does not have the bytes of its pixels"
    if value.pixel_pitch_bytes < value.pixel_bytes:
        yield f"the pixels of value '{value.name}' overlap"
    if value is root and (value.offset_bytes or value.pixel_pitch_bytes != value.pixel_bytes):
        yield f"value '{value.name}' is spread, but no view"
    if value.offset_bytes < 0 or value.offset_bytes + value.span_bytes > root.span_bytes:
        yield f"value '{value.name}' is not inside '{root.name}'"


def _buffer(buffer: LiveRange, index: Index) -> Iterator[str]:
    name = f"buffer '{buffer.name}'"
    if bool(buffer.values) == (buffer.rows_kept is None):
        yield f"{name} keeps rows of no value, or a value without rows"
    elif buffer.rows_kept is not None:
        host = index.values[buffer.values[0]]
        if buffer.size_bytes != buffer.rows_kept * host.row_bytes:
            yield f"{name} has not the size of the rows that it keeps"
        if not 1 <= buffer.rows_kept <= host.rows:
            yield f"{name} keeps rows that '{host.name}' does not have"
    for value in (index.values[name] for name in buffer.values):
        size = index.kept(value) * value.row_pitch_bytes
        size -= value.pixel_pitch_bytes - value.pixel_bytes
        if index.home[value.root] is not buffer or value.offset_bytes + size > buffer.size_bytes:
            yield f"value '{value.name}' is not inside {name}"
    calls = [call for call, _, _ in buffer.live]
    if calls != sorted(set(calls)) or min(calls, default=0) < 0:
        yield f"the live bytes of {name} are not in the order of calls"
    if any(not 0 <= begin <= end <= buffer.size_bytes for _, begin, end in buffer.live):
        yield f"the live bytes of {name} are not inside it"


def _port(port: Port, index: Index) -> Iterator[str]:
    value = index.values[port.value]
    if port.base is None:
        if port.offset_bytes is not None:
            yield f"port '{port.value}' has an offset in no base"
        return
    if (port.base, port.offset_bytes) != (index.home[port.value].base, index.offset(value)):
        yield f"port '{port.value}' is not where its buffer is"
    if index.kept(value) < value.rows:
        yield f"port '{port.value}' is not kept whole"


def _step(
    number: int, step: CertifiedStep, steps: Sequence[CertifiedStep], index: Index
) -> Iterator[str]:
    if step.makes not in MAKES:
        yield f"{step.name} makes '{step.makes}', which is unknown"
        return
    if step.calls != _calls(step, index):
        yield f"{step.name} is called {step.calls} times, which is not once a row"
    for read in step.reads:
        yield from _read(step, read, index)
    if step.writes:
        yield from _write(step, step.writes, index)
    yield from _scratch(step, step.scratch, index)
    for need in step.needs:
        if not 0 <= need.step < number:
            yield f"{step.name} waits for a step that is none before it"
        elif need.calls != steps[need.step].calls or need.divisor < 1:
            yield f"{step.name} waits for calls that {steps[need.step].name} does not make"
    for want in step.wants:
        if not number < want.step < len(steps):
            yield f"{step.name} is wanted by a step that is none after it"
        elif want.calls != step.calls or want.divisor < 1:
            yield f"{steps[want.step].name} wants calls that {step.name} does not make"


def _calls(step: CertifiedStep, index: Index) -> int:
    """Return how often a step is called: for each row of what it makes, or takes."""
    if step.makes == "value":
        return 1
    if step.makes == "rows" and step.writes:
        return index.values[step.writes.value].rows
    return step.reads[0].rows if step.reads else 0


def _read(step: CertifiedStep, read: Read, index: Index) -> Iterator[str]:
    value = index.values[read.value]
    if (read.base, read.offset_bytes) != (index.home[value.name].base, index.offset(value)):
        yield f"{step.name} reads '{value.name}' where its buffer is not"
    given = read.row_pitch_bytes, read.rows, read.rows_kept
    if given != (value.row_pitch_bytes, value.rows, index.kept(value)):
        yield f"{step.name} reads '{value.name}' with other rows than it has"
    if min(read.window_rows, read.dilation, read.divisor) < 1:
        yield f"{step.name} reads a window of '{value.name}' that is none"
    if step.makes == "value" and read.window_rows != read.rows:
        yield f"{step.name} reads '{value.name}' whole, in a window that is not"


def _write(step: CertifiedStep, write: Write, index: Index) -> Iterator[str]:
    value = index.values[write.value]
    if (write.base, write.offset_bytes) != (index.home[value.name].base, index.offset(value)):
        yield f"{step.name} writes '{value.name}' where its buffer is not"
    if not index.bases[write.base].writable:
        yield f"{step.name} writes to '{write.base}', which is read-only"
    given = write.row_pitch_bytes, write.pixel_pitch_bytes, write.rows_kept
    if given != (value.row_pitch_bytes, value.pixel_pitch_bytes, index.kept(value)):
        yield f"{step.name} writes '{value.name}' with other rows than it has"


def _scratch(step: CertifiedStep, used: Scratch | None, index: Index) -> Iterator[str]:
    if used is None:
        return
    buffer = index.buffers[used.buffer]
    given = used.base, used.offset_bytes, used.size_bytes
    if buffer.values or given != (buffer.base, buffer.offset_bytes, buffer.size_bytes):
        yield f"{step.name} uses scratch where its buffer is not"
    if not index.bases[used.base].writable:
        yield f"{step.name} uses '{used.base}' as scratch, which is read-only"


def _totals(certificate: Certificate) -> Iterator[str]:
    calls, buffers = certificate.calls, certificate.buffers
    if certificate.order not in ORDERS:
        yield f"the order '{certificate.order}' is unknown"
    if calls != sum(step.calls for step in certificate.steps):
        yield f"all steps together are not called {calls} times"
        return
    size = sum(base.size_bytes for base in certificate.bases if base.writable)
    if not 0 <= certificate.lower_bound_bytes <= size:
        yield "the lower bound is no bound of the size"
    ranges = {buffer.name: buffer.spans(certificate.moments) for buffer in buffers}
    for buffer in buffers:
        begin, end = ranges[buffer.name]
        live = np.flatnonzero(end > begin)
        first, last = (int(live[0]), int(live[-1]) + 1) if len(live) else (0, 0)
        if (buffer.live_from_call, buffer.live_until_call) != (first, last):
            yield f"buffer '{buffer.name}' is live from other calls on than it says"
    for base in certificate.bases:
        mine = [buffer for buffer in buffers if buffer.base == base.name]
        yield from _overlaps(mine, ranges)


def _overlaps(buffers: list[LiveRange], ranges: dict[str, tuple[Bytes, Bytes]]) -> Iterator[str]:
    """Yield the first two buffers whose live bytes meet."""
    if len(buffers) < 2:
        return
    begins = np.stack([ranges[b.name][0] + b.offset_bytes for b in buffers])
    ends = np.stack([ranges[b.name][1] + b.offset_bytes for b in buffers])
    dead = ends <= begins
    begins[dead] = ends[dead] = -1
    order = np.argsort(begins, axis=0, kind="stable")
    begins, ends = np.take_along_axis(begins, order, 0), np.take_along_axis(ends, order, 0)
    places, calls = np.nonzero(begins[1:] < ends[:-1])
    if len(calls):
        first = int(calls.argmin())
        lower, upper = order[places[first], calls[first]], order[places[first] + 1, calls[first]]
        names = f"'{buffers[lower].name}' and '{buffers[upper].name}'"
        yield f"at call {calls[first]} live bytes of {names} overlap"
