"""How the weights of a layer are stored: fewer bits an integer, and no bit of a result changed.

A fixed-point graph holds weights as int8, whatever their coding. `encode` gives the bytes that
stand in flash, for weights in the order in which a kernel reads them; `decode` is the twin of
the C. Weights are decoded a group at a time: the code of each group begins with a byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from codegen.ir import huffman

Array = NDArray[Any]
Kind = Literal["bits", "codebook", "huffman"]

LANES = 4
"""Bytes of a word: narrow integers stand in them in turn, so that a word is unpacked at once."""
CALL_BYTES = 64
"""About what a layer's calls of a decoder take, and its share of the decoder."""
DECODING_CYCLES: Mapping[str, float] = {"bits": 3.5, "codebook": 7.3, "huffman": 33.0}
"""About what a Cortex-M4 takes to decode a weight, by the kind of its coding."""
DECODER_BYTES: Mapping[str, int] = {"bits": 350, "codebook": 450, "huffman": 450}
"""About what the code that reads a coding takes, once for all layers, by its kind."""
INDEX_BLOCK = 8
"""Indices of a codebook that stand together: as many bytes as an index has bits."""


@dataclass(frozen=True, slots=True)
class Coding:
    """How a layer's weights are stored.

    bits: integers of 4 bits, -8..7, of 2 bits, -2..1, or of 1 bit, which is -1 or 1.
    codebook: indices of 2 to 8 bits into a table of the values that occur.
    huffman: a canonical Huffman code of values and runs of zeros; `bits` is 0.
    """

    kind: Kind
    bits: int = 0

    @property
    def block(self) -> int:
        """Integers that are decoded together; a group is filled up to whole blocks."""
        if self.kind == "bits":
            return LANES * 8 // self.bits
        return INDEX_BLOCK if self.kind == "codebook" else 1

    def decoded(self, count: int) -> int:
        """Bytes that decoding a group of `count` weights writes."""
        return -(-count // self.block) * self.block

    @property
    def text(self) -> str:
        """As `ir.text` prints it."""
        return f"coding({self.kind}, {self.bits})" if self.bits else f"coding({self.kind})"

    def __str__(self) -> str:
        return f"{self.kind} {self.bits}" if self.bits else self.kind


CODINGS = (
    *(Coding("bits", bits) for bits in (4, 2, 1)),
    *(Coding("codebook", bits) for bits in range(2, 9)),
    Coding("huffman"),
)
"""All that there are."""


@dataclass(frozen=True, slots=True)
class Coded:
    """The constants that stand for a layer's weights: uint8 codes, and tables by name."""

    codes: Array
    tables: Mapping[str, Array]

    @property
    def size_bytes(self) -> int:
        return self.codes.nbytes + sum(table.nbytes for table in self.tables.values())


def fits(data: Array, coding: Coding) -> bool:
    """Whether these integers can be stored so."""
    if coding.kind == "codebook":
        return len(np.unique(data)) <= 1 << coding.bits
    if coding.kind == "huffman":
        return True
    if coding.bits == 1:
        return bool((np.abs(data.astype(np.int16)) == 1).all())
    half = 1 << (coding.bits - 1)
    return bool((data >= -half).all() and (data < half).all())


def has_codes(values: Array, data: Array, coding: Coding) -> Array:
    """Return which values have a code where `data` is stored so."""
    if coding.kind == "huffman":
        return np.ones(values.shape, bool)
    if coding.kind == "codebook" or coding.bits == 1:
        return np.isin(values, data)
    half = 1 << (coding.bits - 1)
    return np.asarray((values >= -half) & (values < half))


def coded_bytes(data: Array, coding: Coding, group: int = 0) -> int:
    """Bytes of the constants that `encode` gives, codes and tables."""
    flat = data.reshape(-1)
    group = group or flat.size
    if coding.kind == "huffman":
        return huffman.coded_bytes(flat, group)
    whole, last = divmod(flat.size, group)
    slots = whole * coding.decoded(group) + coding.decoded(last)
    table = len(np.unique(flat)) if coding.kind == "codebook" else 0
    return slots * coding.bits // 8 + table


def stored_bytes(weights: Array, coding: Coding) -> int:
    """Bytes of int8 weights in this coding; a byte each where it, and its calls, take no fewer."""
    size = coded_bytes(weights, coding)
    return size if size + CALL_BYTES < weights.size else int(weights.size)


def saves(weights: Array, coding: Coding) -> bool:
    """Weights in this coding, with tables and code, take fewer bytes than they do as they are."""
    return stored_bytes(weights, coding) < weights.size


def encode(data: Array, coding: Coding, group: int = 0) -> Coded:
    """Return the constants for int8 integers that fit; a group is `group` of them, or all."""
    assert fits(data, coding), f"the integers do not fit {coding}"
    flat: Array = data.reshape(-1)
    group = group or flat.size
    if coding.kind == "huffman":
        return Coded(*huffman.encode(flat, group))
    if coding.kind == "bits":
        return Coded(_join(_narrow, flat, coding, group), {})
    values, indices = np.unique(flat, return_inverse=True)
    codes = _join(_pack, indices.reshape(-1).astype(np.uint8), coding, group)
    return Coded(codes, {"values": values.astype(np.int8)})


def decode(coded: Coded, coding: Coding, count: int, group: int = 0) -> Array:
    """Return the `count` integers that were encoded in groups of `group`."""
    group = group or count
    if coding.kind == "huffman":
        return huffman.decode(coded.codes, coded.tables, count, group)
    sizes = [min(group, count - begin) for begin in range(0, count, group)]
    parts, at = [np.empty(0, np.int8)], 0
    for size in sizes:
        end = at + coding.decoded(size) * coding.bits // 8
        parts.append(_decode_group(coded, coding, coded.codes[at:end])[:size])
        at = end
    assert at == len(coded.codes), "codes are left"
    return np.concatenate(parts)


def _decode_group(coded: Coded, coding: Coding, codes: Array) -> Array:
    if coding.kind == "codebook":
        bits = np.unpackbits(codes, bitorder="little").reshape(-1, coding.bits)
        values: Array = coded.tables["values"][bits @ (1 << np.arange(coding.bits))]
        return values
    shifts = np.arange(0, 8, coding.bits)
    fields = (codes.reshape(-1, 1, LANES) >> shifts[:, None]) & ((1 << coding.bits) - 1)
    signed = fields.astype(np.int8).reshape(-1)
    if coding.bits == 1:
        return np.asarray(2 * signed - 1)
    return np.asarray(signed - (1 << (coding.bits - 1)))


def _join(packed: Callable[[Array, int], Array], flat: Array, coding: Coding, group: int) -> Array:
    """Pack each group, filled up to whole blocks with its last integer."""
    parts = [np.empty(0, np.uint8)]
    for begin in range(0, flat.size, group):
        part = flat[begin : begin + group]
        parts.append(packed(np.pad(part, (0, -part.size % coding.block), mode="edge"), coding.bits))
    return np.concatenate(parts)


def _narrow(part: Array, bits: int) -> Array:
    """Four neighbors in the lowest bits of four bytes, the next four above them, and so on.

    An integer is held as its distance from the least, which is unpacked by one addition.
    """
    steps = (part > 0) if bits == 1 else part + (1 << (bits - 1))
    shifts = np.arange(0, 8, bits).reshape(1, -1, 1)
    fields = steps.astype(np.uint8).reshape(-1, 8 // bits, LANES) << shifts
    blocks: Array = np.bitwise_or.reduce(fields, axis=1)
    return blocks.reshape(-1).astype(np.uint8)


def _pack(indices: Array, bits: int) -> Array:
    """One index after the other, from the lowest bit of the first byte on."""
    spread = np.unpackbits(indices[:, None], axis=1, count=bits, bitorder="little")
    return np.packbits(spread.reshape(-1), bitorder="little")
