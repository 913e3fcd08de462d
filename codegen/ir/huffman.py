"""Canonical Huffman codes of int8 values and, where they pay, of the runs of zeros before them.

Without runs, the text is a value after the other; with runs, it is how many zeros come, then a
value, in turn. Each group of integers begins with a byte. Codes begin with the highest bit of a
byte and have at most 15 bits. A table of uint16 serves to read them: `lookup` and how many lengths
are longer; for each `lookup` bits that may come next, symbol << 4 | length, or 0 where the code is
longer; for each longer length, the limit below which the next 15 bits are then; for each, the
distance from the code to its place among the symbols of longer codes; those symbols.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

LONGEST_CODE = 15
OFFSET = 128
"""The symbol of a value is the value + 128; that of a run is its length."""
LONGEST_RUNS = (7, 15, 31, 63, 127)
LEAST_LOOKUP = 4
MOST_LOOKUP = 9
LOOKUP_SHARE = 64
"""Short codes of each table take at most this part of the text, or LEAST_LOOKUP bits."""
HEADER = 2
SPARE = 3
"""Bytes behind the last code: its reader may be two bytes ahead, and takes two at a time."""


@dataclass(frozen=True, slots=True)
class Code:
    """Symbols by length, then value, and the length of each; their bits are canonical."""

    symbols: Array
    lengths: Array
    lookup: int

    @property
    def bits(self) -> Array:
        """The bits of each symbol's code, the last in the lowest bit."""
        found, bits, before = [], 0, 0
        for length in self.lengths.tolist():
            bits <<= length - before
            found.append(bits)
            bits, before = bits + 1, length
        return np.array(found, np.int64)

    @property
    def longer(self) -> int:
        """How many lengths are above `lookup`."""
        return int(self.lengths[-1]) - self.lookup

    @property
    def table_bytes(self) -> int:
        long = int((self.lengths > self.lookup).sum())
        return 2 * (HEADER + (1 << self.lookup) + 2 * self.longer + long)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is written: symbols of each kind, in turn; the group of each turn; their codes."""

    symbols: Mapping[str, Array]
    groups: Array
    codes: Mapping[str, Code]
    text_bytes: int

    @property
    def size_bytes(self) -> int:
        return self.text_bytes + sum(code.table_bytes for code in self.codes.values())


def coded_bytes(flat: Array, group: int) -> int:
    """Bytes of the constants that `encode` gives."""
    return _best(flat, group).size_bytes


def encode(flat: Array, group: int) -> tuple[Array, Mapping[str, Array]]:
    """Return the text, and the table of each code by its name: values, or runs and values."""
    plan = _best(flat, group)
    return _text(plan), {name: _table(code) for name, code in plan.codes.items()}


def decode(text: Array, tables: Mapping[str, Array], count: int, group: int) -> Array:
    """Return the integers, read as the C reads them."""
    bits = np.concatenate((np.unpackbits(text), np.zeros(LONGEST_CODE, np.uint8)))
    weights = 1 << np.arange(LONGEST_CODE - 1, -1, -1)
    out = np.zeros(count, np.int8)
    at = 0
    for begin in range(0, count, group):
        at, place, end = -(-at // 8) * 8, begin, min(begin + group, count)
        while place < end:
            for name, table in tables.items():
                symbol, length = _read(int(bits[at : at + LONGEST_CODE] @ weights), table)
                at += length
                if name == "runs":
                    place += symbol
                else:
                    out[place] = symbol - OFFSET
                    place += 1
        assert place == end, "a run leaves its group"
    assert -(-at // 8) + SPARE == len(text), "codes are left"
    return out


def _read(ahead: int, table: Array) -> tuple[int, int]:
    """The symbol with which the next 15 bits begin, and the length of its code."""
    lookup, longer, *rest = table.tolist()
    entry = rest[ahead >> (LONGEST_CODE - lookup)]
    if entry:
        return entry >> 4, entry & 15
    limits, distances, symbols = np.split(rest[1 << lookup :], (longer, 2 * longer))
    step = int((ahead >= limits).sum())
    length = lookup + 1 + step
    return int(symbols[(ahead >> (LONGEST_CODE - length)) - distances[step]]), length


def _best(flat: Array, group: int) -> Plan:
    """The plan of fewest bytes: without runs, or with runs up to some length."""
    every = {"values": flat.astype(np.int64) + OFFSET}
    plans = [_plan(every, np.arange(flat.size) // group)]
    plans += [_plan(*_runs(flat, group, longest)) for longest in LONGEST_RUNS]
    return min(plans, key=lambda plan: plan.size_bytes)


def _runs(flat: Array, group: int, longest: int) -> tuple[Mapping[str, Array], Array]:
    """Runs and the values behind them, and the group of each; no run leaves its group.

    A zero stands as a value behind a run that is the longest, or at the end of a group.
    """
    places = np.arange(flat.size)
    is_last = (places % group == group - 1) | (places == flat.size - 1)
    ends = np.flatnonzero((flat != 0) | is_last)
    groups = ends // group
    before = np.maximum(np.concatenate(([-1], ends[:-1])), groups * group - 1)
    fillers, rests = np.divmod(ends - before - 1, longest + 1)
    last = np.cumsum(fillers + 1) - 1
    runs = np.full(last[-1] + 1, longest)
    values = np.full(len(runs), OFFSET)
    runs[last] = rests
    values[last] = flat[ends].astype(np.int64) + OFFSET
    return {"runs": runs, "values": values}, np.repeat(groups, fillers + 1)


def _plan(symbols: Mapping[str, Array], groups: Array) -> Plan:
    counts = {name: np.bincount(stream) for name, stream in symbols.items()}
    lengths = {name: _lengths(found) for name, found in counts.items()}
    spans = np.sum([lengths[name][stream] for name, stream in symbols.items()], axis=0)
    text_bytes = int(_group_bytes(groups, spans).sum()) + SPARE
    codes = {name: _code(found, text_bytes) for name, found in lengths.items()}
    return Plan(symbols, groups, codes, text_bytes)


def _group_bytes(groups: Array, spans: Array) -> Array:
    bits: Array = np.bincount(groups, weights=spans).astype(np.int64)
    return -(-bits // 8)


def _code(lengths: Array, text_bytes: int) -> Code:
    present = np.flatnonzero(lengths)
    order = present[np.argsort(lengths[present], kind="stable")]
    room = (text_bytes // (2 * LOOKUP_SHARE)).bit_length() - 1
    lookup = min(int(lengths.max()), MOST_LOOKUP, max(room, LEAST_LOOKUP))
    return Code(order, lengths[order], lookup)


def _lengths(counts: Array) -> Array:
    """The code lengths of least total, none above 15 bits: symbols are packaged and merged."""
    present = np.flatnonzero(counts).tolist()
    lengths = np.zeros(len(counts), np.int64)
    if len(present) == 1:
        lengths[present] = 1
        return lengths
    singles = [(int(counts[symbol]), (symbol,)) for symbol in present]
    packages: list[tuple[int, tuple[int, ...]]] = []
    for _ in range(LONGEST_CODE):
        merged = sorted(singles + packages, key=lambda package: package[0])
        pairs = zip(merged[::2], merged[1::2], strict=False)
        packages = [(a[0] + b[0], a[1] + b[1]) for a, b in pairs]
    for _, members in packages[: len(present) - 1]:
        np.add.at(lengths, list(members), 1)
    return lengths


def _text(plan: Plan) -> Array:
    """The bits of all symbols, each group filled up to a byte, and the spare bytes."""
    kinds = len(plan.codes)
    bits, spans = (np.empty(kinds * len(plan.groups), np.int64) for _ in range(2))
    for place, (name, code) in enumerate(plan.codes.items()):
        found = np.zeros((2, int(code.symbols.max()) + 1), np.int64)
        found[:, code.symbols] = code.bits, code.lengths
        bits[place::kinds], spans[place::kinds] = found[:, plan.symbols[name]]
    groups = np.repeat(plan.groups, kinds)
    sizes = 8 * _group_bytes(groups, spans)
    written = np.concatenate(([0], np.cumsum(np.bincount(groups, weights=spans).astype(np.int64))))
    begins = np.cumsum(spans) - spans + (np.cumsum(sizes) - sizes - written[:-1])[groups]
    text = np.zeros(8 * plan.text_bytes, np.uint8)
    for place in range(LONGEST_CODE):
        held = spans > place
        text[begins[held] + place] = bits[held] >> (spans[held] - 1 - place) & 1
    return np.packbits(text)


def _table(code: Code) -> Array:
    lookup = code.lookup
    short = np.zeros(1 << lookup, np.int64)
    for symbol, length, bits in zip(code.symbols, code.lengths, code.bits, strict=True):
        if length <= lookup:
            begin = int(bits) << (lookup - int(length))
            short[begin : begin + (1 << (lookup - int(length)))] = symbol << 4 | length
    limits, distances = [], []
    for length in range(lookup + 1, lookup + 1 + code.longer):
        told = code.lengths[code.lengths <= length]
        after = int((1 << (length - told)).sum())
        limits.append(after << (LONGEST_CODE - length))
        distances.append(after - int((told > lookup).sum()))
    header = (lookup, code.longer)
    long = code.symbols[code.lengths > lookup]
    return np.concatenate((header, short, limits, distances, long)).astype(np.uint16)
