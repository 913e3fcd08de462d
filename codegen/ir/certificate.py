"""Certificate: a memory plan that can be checked by itself, schema "codegen.plan/1".

It repeats on purpose what follows from elsewhere: a reader need not compute, a checker compares.
A place is a base (an array of bytes) and an offset in it. docs/plan.md is its documentation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codegen.ir.memory import Bytes

LATEST_WANTED = "latest ready step that is wanted"
"""The order inside a nest: of the steps whose needs allow another call, and of whose wants one asks
for it if there are any, always the latest makes its next call."""


@dataclass(frozen=True, slots=True)
class Base:
    """An array of bytes that places count from; one that is not writable holds only inputs."""

    name: str
    size_bytes: int
    align_bytes: int
    writable: bool = True


@dataclass(frozen=True, slots=True)
class Value:
    """A value of `rows` rows of `pixels` pixels of `channels` elements.

    A view shows bytes of another value, from `offset_bytes` of it on. Pixels stand
    `pixel_pitch_bytes` apart, which is more than their size where the value is spread.
    """

    name: str
    rows: int
    pixels: int
    channels: int
    element_bytes: int
    row_bytes: int
    pixel_pitch_bytes: int
    view_of: str | None = None
    offset_bytes: int = 0

    @property
    def root(self) -> str:
        """The value whose bytes it shows."""
        return self.view_of or self.name

    @property
    def pixel_bytes(self) -> int:
        return self.channels * self.element_bytes

    @property
    def row_pitch_bytes(self) -> int:
        """From one row to the next in memory."""
        return self.pixels * self.pixel_pitch_bytes

    @property
    def span_bytes(self) -> int:
        """From the first byte to the end of the last."""
        pixels = self.rows * self.pixels
        return (pixels - 1) * self.pixel_pitch_bytes + self.pixel_bytes if pixels else 0


@dataclass(frozen=True, slots=True)
class Port:
    """Where an input stands before the first call, or an output after the last.

    Without a place an input is brought, an output handed over, row by row by steps.
    """

    value: str
    base: str | None
    offset_bytes: int | None


@dataclass(frozen=True, slots=True)
class LiveRange:
    """A buffer: bytes that hold values, or scratch where `values` is empty.

    `live` are triples (call, begin, end): from that call on, to the next triple, the bytes from
    begin to end of the buffer hold something needed. `rows_kept` is None for scratch.
    """

    name: str
    base: str
    offset_bytes: int
    size_bytes: int
    align_bytes: int
    rows_kept: int | None
    live_from_call: int
    live_until_call: int
    values: tuple[str, ...]
    live: tuple[tuple[int, int, int], ...]

    def spans(self, moments: int) -> tuple[Bytes, Bytes]:
        """Return where the live bytes begin and end at each call, or moment."""
        table = np.asarray([(-1, 0, 0), *self.live], np.int64)
        index = np.searchsorted(table[:, 0], np.arange(moments), "right") - 1
        return table[index, 1], table[index, 2]


@dataclass(frozen=True, slots=True)
class Read:
    """The rows of an operand that a call reads.

    Call c reads rows first + k * dilation for 0 <= k < window_rows, those that exist. There first
    is (c * stride - pad) / divisor, rounded down, or, if it is `clipped`, the nearest of the rows.
    Row r stands at offset + (r mod rows_kept) * row_pitch.
    """

    value: str
    base: str
    offset_bytes: int
    row_pitch_bytes: int
    rows: int
    rows_kept: int
    window_rows: int
    stride: int
    dilation: int
    pad: int
    divisor: int
    clipped: bool

    def window(self, call: int) -> range:
        """Return the rows of the window of a call, without those beyond the value."""
        first, step = (call * self.stride - self.pad) // self.divisor, self.dilation
        if self.clipped:
            first = min(max(first, 0), self.rows - 1)
        before = max(0, -(first // step))
        inside = min(self.window_rows, -((first - self.rows) // step))
        return range(first + before * step, first + max(before, inside) * step, step)


@dataclass(frozen=True, slots=True)
class Write:
    """Where a call puts its row of the result: row r at offset + (r mod rows_kept) * row_pitch."""

    value: str
    base: str
    offset_bytes: int
    row_pitch_bytes: int
    pixel_pitch_bytes: int
    rows_kept: int


@dataclass(frozen=True, slots=True)
class Scratch:
    """Working memory of a step: the whole of a buffer."""

    buffer: str
    base: str
    offset_bytes: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Wait:
    """What call c waits for: `step` must have made a number of calls.

    (c * stride + reach) / divisor, rounded down; at least `least`, at most `calls`.
    """

    step: int
    stride: int
    reach: int
    calls: int
    divisor: int
    least: int

    def calls_for(self, call: int) -> int:
        reached = (call * self.stride + self.reach) // self.divisor
        return min(max(reached, self.least), self.calls)


@dataclass(frozen=True, slots=True)
class CertifiedStep:
    """A layer: `calls` calls of one kernel.

    `makes` is "rows" (a call makes a row of the result), "sum" (a call takes a row of the operand
    into sums that its scratch keeps; the last writes the result) or "value" (one call reads and
    writes all). A step that
    `may_replace` may write a row over the operand's row that it makes it from. `wants` are what its
    readers in the nest ask of it: a `Wait` whose step is the reader, c its next call.
    """

    name: str
    node: str
    operator: str
    kernel: str
    makes: str
    calls: int
    may_replace: bool
    reads: tuple[Read, ...]
    writes: Write | None
    scratch: Scratch | None
    needs: tuple[Wait, ...]
    wants: tuple[Wait, ...]

    def rows_read(self, read: Read, call: int) -> range:
        """Return the rows of an operand that a call reads."""
        return range(read.rows) if self.makes == "value" else read.window(call)


@dataclass(frozen=True, slots=True)
class CertifiedNest:
    """Steps whose calls interleave, by the order of the certificate."""

    steps: tuple[CertifiedStep, ...]


@dataclass(frozen=True, slots=True)
class Certificate:
    """Bases, values, buffers, and the nests in the order of execution.

    Steps count from the first of all; calls from the first of all in the order they are made.
    """

    name: str
    model_digest: str
    order: str
    calls: int
    lower_bound_bytes: int
    bases: tuple[Base, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    values: tuple[Value, ...]
    buffers: tuple[LiveRange, ...]
    nests: tuple[CertifiedNest, ...]

    @property
    def steps(self) -> tuple[CertifiedStep, ...]:
        """All steps in order."""
        return tuple(step for nest in self.nests for step in nest.steps)

    @property
    def moments(self) -> int:
        """The calls; one where there are none, for what stands in memory all the same."""
        return max(self.calls, 1)
