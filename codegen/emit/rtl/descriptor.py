"""The bits of a command: one table packs the program and names the fields in Verilog and docs.

A command is a header, then some words for each loop, the innermost first. Fields are put into words
of 32 bits in order, from the lowest bit on, each wholly within one word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from codegen.ir.engine import LEVELS, WINDOW, Command, Kind, Shape, Walk
from codegen.ir.engine_cycles import one_at_a_time, steps

WORD_BITS = 32
HALF = 1 << 31
"""Added before the low 32 bits of a product are dropped."""
IDENTITY = 1 << 32
"""The multiplier that leaves a sum as it is."""
INDEX_BYTES = 4
PASSES = 3
"""A softmax reads a group so many times."""


@dataclass(frozen=True, slots=True)
class Field:
    """A number of `bits` bits, in two's complement if `signed`."""

    name: str
    bits: int
    meaning: str
    signed: bool = False

    @property
    def range(self) -> str:
        """The range of its Verilog declaration, with a space behind; nothing for a single bit."""
        return f"[{self.bits - 1}:0] " if self.bits > 1 else ""

    def holds(self, value: int) -> bool:
        """Tell whether a value fits.

        >>> Field("pad", 8, "", signed=True).holds(-128), Field("tail", 5, "").holds(-1)
        (True, False)
        """
        low = -(1 << (self.bits - 1)) if self.signed else 0
        return low <= value < low + (1 << self.bits)


@dataclass(frozen=True, slots=True)
class Placed:
    """A field's bits in its word, both ends included."""

    name: str
    low: int
    high: int


HEADER = (
    Field("kind", 3, "what the command does"),
    Field("depthwise", 1, "each channel by itself"),
    Field("slide", 1, "the columns of a depthwise window are those read before"),
    Field("ties", 1, "the multiplier is added where bit 32 of the product is set, else taken away"),
    Field("single", 1, "results are rescaled one at a time"),
    Field("same_row", 1, "all channels have the first row of parameters"),
    Field("with_lookup", 1, "results are looked up in a table"),
    Field("prime", 4, "in a slide: the first column that makes a result set"),
    Field("phase", 4, "in a slide: columns between result sets, less one"),
    Field("tail", 5, "bytes of the last turn of the innermost loop that count"),
    Field("pad", 8, "what stands for bytes outside of the image", signed=True),
    Field("low", 8, "least result", signed=True),
    Field("high", 8, "greatest result", signed=True),
    Field("table_number", 8, "of results; in a softmax, of exponentials"),
    Field("steps", 8, "cycles in which a result set is rescaled, less one"),
    Field("last_steps", 8, "the same in the last block of a group"),
    Field("lane_mask", 8, "lanes that are used in the last of those cycles"),
    Field("last_lane_mask", 8, "the same in the last block of a group"),
    Field("param", 16, "first row of parameters"),
    Field("param_step", 16, "rows from a block to the next"),
    Field("rows", 12, "rows of the image"),
    Field("row", 12, "first row that is read", signed=True),
    Field("row_bytes", 20, "bytes of a row of the image; in a receive or send, of all"),
    Field("column", 20, "first byte of that row that is read", signed=True),
    Field("address", 20, "where that byte is in the arena, or would be"),
    Field("weight", 20, "first word of weights; in an addition, address of its second operand"),
    Field("result", 20, "where the first result goes"),
    Field("result_stride", 20, "bytes from a channel's result to that of the next", signed=True),
    Field("offset_low", 32, "what is added to a product, its low bits"),
    Field("offset_high", 16, "its high bits", signed=True),
    Field("fresh", 16, "words of weights that must have come in their stream"),
    Field("scale", 32, "in a softmax: what the sum of exponentials is multiplied with"),
)
LOOP = (
    Field("address_delta", 20, "added to the address when this loop goes on", signed=True),
    Field("row_delta", 12, "added to the row", signed=True),
    Field("column_delta", 18, "added to the column", signed=True),
    Field("turns", 14, "of the loop, less one"),
    Field("weight_delta", 20, "added to the weight's address", signed=True),
    Field("output_delta", 20, "added to the result's address", signed=True),
)


def place(fields: Sequence[Field]) -> tuple[tuple[Placed, ...], ...]:
    """Return for each word the fields in it.

    >>> place((Field("a", 20, ""), Field("b", 12, ""), Field("c", 1, "")))[1]
    (Placed(name='c', low=0, high=0),)
    """
    words: list[list[Placed]] = [[]]
    for field in fields:
        low = words[-1][-1].high + 1 if words[-1] else 0
        if low + field.bits > WORD_BITS:
            words.append([])
            low = 0
        words[-1].append(Placed(field.name, low, low + field.bits - 1))
    return tuple(tuple(word) for word in words)


HEADER_WORDS = place(HEADER)
LOOP_WORDS = place(LOOP)
COMMAND_WORDS = len(HEADER_WORDS) + len(LEVELS) * len(LOOP_WORDS)


def spell_out(shape: Shape, command: Command) -> Command:
    """Return the command with the loops that ports, softmax and argmax run."""
    groups = command.counts[WINDOW]
    read, written = command.address.strides[WINDOW], command.output.strides[WINDOW]
    whole = replace(command, column=Walk(), row=Walk(), rows=1, tail=shape.simd)
    if command.kind is Kind.SEND:
        words = -(-command.row_bytes // shape.simd)
        along = (shape.simd, 0, 0, 0, 0, 0, 0)
        return replace(
            whole,
            counts=(words, 1, 1, 1, 1, 1, 1),
            address=Walk(command.address.start, along),
            column=Walk(0, along),
            pad=0,
        )
    if command.kind is Kind.ARGMAX:
        return replace(
            whole,
            counts=(command.row_bytes, 1, 1, groups, 1, 1, 1),
            address=Walk(command.address.start, (1, 0, 0, read, 0, 0, 0)),
            row_bytes=shape.simd,
            results=INDEX_BYTES,
            last_results=INDEX_BYTES,
            offset=HALF,
            low=-128,
            high=127,
        )
    if command.kind is Kind.SOFTMAX:
        return replace(
            whole,
            counts=(1, 1, 1, command.row_bytes, PASSES, groups, 1),
            address=Walk(command.address.start, (0, 0, 0, 1, 0, read, 0)),
            output=Walk(command.output.start, (0, 0, 0, 1, 0, written, 0)),
            row_bytes=shape.simd,
            results=1,
            last_results=1,
            offset=(command.pad << 32) + HALF,
            phase=0,
        )
    return replace(command, tail=shape.simd) if command.slide else command


def pack(shape: Shape, command: Command, identity: int = 0, exponentials: int = 0) -> list[int]:
    """Return the words of a command.

    `identity` is the row of parameters that leave sums as they are; `exponentials` the number of
    the table of a softmax.
    """
    assert not unfit(shape, command)
    groups = _values(shape, command, identity, exponentials)
    words = []
    for placed, values in zip(_layouts(), groups, strict=True):
        for word in placed:
            parts = (
                (values[field.name] & ((1 << (field.high - field.low + 1)) - 1)) << field.low
                for field in word
            )
            words.append(sum(parts))
    return words


def unfit(shape: Shape, command: Command) -> tuple[str, ...]:
    """Return what the fields of a command cannot hold, in words."""
    found = []
    for fields, values in zip(
        (HEADER, *[LOOP] * len(LEVELS)), _values(shape, command), strict=True
    ):
        found += [
            f"{field.name} ({field.meaning}) is {values[field.name]}"
            for field in fields
            if not field.holds(values[field.name])
        ]
    return tuple(found)


def _layouts() -> Iterator[tuple[tuple[Placed, ...], ...]]:
    yield HEADER_WORDS
    for _ in LEVELS:
        yield LOOP_WORDS


def _values(
    shape: Shape, command: Command, identity: int = 0, exponentials: int = 0
) -> list[dict[str, int]]:
    """Return the values of the header's fields, then those of each loop."""
    run = spell_out(shape, command)
    is_softmax = command.kind is Kind.SOFTMAX
    has_identity = command.kind in (Kind.SOFTMAX, Kind.ARGMAX)
    header = {
        "kind": int(run.kind),
        "depthwise": int(run.depthwise),
        "slide": int(run.slide),
        "ties": int(run.ties),
        "single": int(one_at_a_time(run)),
        "same_row": int(not run.param_step),
        "with_lookup": int(run.table >= 0 and not is_softmax),
        "prime": run.prime,
        "phase": run.phase,
        "tail": run.tail,
        "pad": run.pad,
        "low": run.low,
        "high": run.high,
        "table_number": exponentials if is_softmax else max(run.table, 0),
        "steps": max(steps(shape, run, run.results) - 1, 0),
        "last_steps": max(steps(shape, run, run.last_results) - 1, 0),
        "lane_mask": _mask(shape, run.results),
        "last_lane_mask": _mask(shape, run.last_results),
        "param": identity if has_identity else run.param,
        "param_step": run.param_step,
        "rows": run.rows,
        "row": run.row.start,
        "row_bytes": run.row_bytes,
        "column": run.column.start,
        "address": run.address.start % (1 << 20),
        "weight": run.weight.start,
        "result": run.output.start,
        "result_stride": run.result_stride,
        "offset_low": run.offset % (1 << 32),
        "offset_high": run.offset >> 32,
        "fresh": run.fresh,
        "scale": command.offset if is_softmax else 0,
    }
    out_counts = (1, 1, 1, run.out_columns, *run.counts[WINDOW + 1 :])
    if is_softmax:
        out_counts = (*out_counts[: WINDOW + 1], 1, *run.counts[WINDOW + 2 :])
    deltas = zip(
        run.address.deltas(run.counts),
        run.row.deltas(run.counts),
        run.column.deltas(run.counts),
        (turns - 1 for turns in run.counts),
        run.weight.deltas(run.counts),
        run.output.deltas(out_counts),
        strict=True,
    )
    names = [field.name for field in LOOP]
    return [header, *(dict(zip(names, row, strict=True)) for row in deltas)]


def _mask(shape: Shape, results: int) -> int:
    """Return a bit for each lane that the last step of a set of results uses."""
    return (1 << ((results - 1) % shape.lanes + 1)) - 1


def describe() -> str:
    """Return the fields of a command as a table in Markdown."""
    rows = ["| Part | Word | Bits | Field | Meaning |", "|---|---|---|---|---|"]
    parts = (("header", HEADER, HEADER_WORDS), ("each loop", LOOP, LOOP_WORDS))
    for part, fields, words in parts:
        meanings = {field.name: field for field in fields}
        for index, word in enumerate(words):
            for placed in word:
                field = meanings[placed.name]
                bits = f"{placed.high}:{placed.low}" if placed.high > placed.low else placed.low
                sign = ", signed" if field.signed else ""
                rows.append(f"| {part} | {index} | {bits} | {field.name} | {field.meaning}{sign} |")
    return "\n".join(rows) + "\n"
