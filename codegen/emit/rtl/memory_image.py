"""The memories of an engine as lines of hexadecimal digits, as $readmemh reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from codegen.emit.rtl.descriptor import IDENTITY, pack
from codegen.ir.engine import Command, Kind, Memories, Shape
from codegen.ir.fixed_point import Int64s
from codegen.ir.types import Array

MULTIPLIER_BITS = 34
"""Of a row of parameters, for each lane, besides a bias as wide as a sum."""
LEAST_SUM = 18
"""Bits that a sum takes at least, so that it has two digits."""
SLICES = ((1024, 18), (1536, 9), (2048, 27), (4096, 12))
"""Most words, and the width of a slice: so many blocks as deep as that are fewer than others would
be, so that synthesis takes them."""
SHALLOW = 512
"""Words of the least deep and widest block RAM."""


@dataclass(frozen=True, slots=True)
class Images:
    """Each memory as words, the first at address 0; biases take `acc_bits` bits, as sums do."""

    acc_bits: int
    program: tuple[int, ...]
    weights: tuple[int, ...]
    parameters: tuple[int, ...]
    tables: tuple[int, ...]
    exponentials: tuple[int, ...]


def make_images(
    shape: Shape, memories: Memories, commands: Sequence[Command], sum_bits: int
) -> Images:
    """Return what the memories of an engine hold; its sums with their biases take `sum_bits` bits.

    A row of parameters that leave sums as they are follows the others where a softmax or argmax
    needs it. Exponentials have the shift of their softmax in them.
    """
    acc_bits = max(sum_bits, LEAST_SUM)
    shifted = exponential_tables(commands)
    identity = len(memories.biases)
    program: list[int] = []
    for command in commands:
        number = shifted.index((command.table, command.phase)) if _is_softmax(command) else 0
        program += pack(shape, command, identity, number)
    return Images(
        acc_bits,
        tuple(program),
        tuple(_join(_bytes(word), 8) for word in memories.weights),
        tuple(_parameters(shape, memories, commands, acc_bits)),
        tuple(_bytes(memories.tables)),
        tuple(int(e) << shift for table, shift in shifted for e in memories.exponentials[table]),
    )


def exponential_tables(commands: Sequence[Command]) -> list[tuple[int, int]]:
    """Return the tables of exponentials that are used, each with the shift of its softmax."""
    return sorted({(command.table, command.phase) for command in commands if _is_softmax(command)})


def needs_identity(commands: Sequence[Command]) -> bool:
    """Tell whether a row of parameters is needed that leaves sums as they are."""
    return any(command.kind in (Kind.SOFTMAX, Kind.ARGMAX) for command in commands)


def to_hex(words: Iterable[int], bits: int) -> str:
    """Return a line a word.

    >>> to_hex((10, 255), 12).split()
    ['00a', '0ff']
    """
    digits = -(-bits // 4)
    return "".join(f"{word:0{digits}x}\n" for word in words)


def slice_bits(words: int, bits: int) -> int:
    """Return the width of the slices in which a memory of so many words is held.

    >>> slice_bits(500, 512), slice_bits(3571, 512), slice_bits(5000, 512)
    (512, 12, 512)
    """
    if words <= SHALLOW:
        return bits
    return next((min(wide, bits) for deep, wide in SLICES if words <= deep), bits)


def slices_of(words: Sequence[int], bits: int) -> Iterable[tuple[list[int], int]]:
    """Yield each slice of a memory, that of the lowest bits first, and its width."""
    wide = slice_bits(len(words), bits)
    for low in range(0, bits, wide):
        width = min(wide, bits - low)
        yield [word >> low & ((1 << width) - 1) for word in words], width


def _is_softmax(command: Command) -> bool:
    return command.kind is Kind.SOFTMAX


def parameter_bits(shape: Shape, acc_bits: int) -> int:
    """Return the bits of a row of parameters."""
    return shape.lanes * (acc_bits + MULTIPLIER_BITS)


def _parameters(
    shape: Shape, memories: Memories, commands: Sequence[Command], acc_bits: int
) -> Iterable[int]:
    for biases, multipliers in zip(memories.biases, memories.multipliers, strict=True):
        yield _row(biases, multipliers, acc_bits)
    if needs_identity(commands):
        zeros = np.zeros(shape.lanes, np.int64)
        yield _row(zeros, zeros + IDENTITY, acc_bits)


def _row(biases: Int64s, multipliers: Int64s, acc_bits: int) -> int:
    mask = (1 << acc_bits) - 1
    lanes = (
        bias & mask | multiplier << acc_bits
        for bias, multiplier in zip(biases.tolist(), multipliers.tolist(), strict=True)
    )
    return _join(lanes, acc_bits + MULTIPLIER_BITS)


def _bytes(values: Array) -> list[int]:
    found: list[int] = np.ascontiguousarray(values, np.int8).view(np.uint8).ravel().tolist()
    return found


def _join(parts: Iterable[int], bits: int) -> int:
    """Return the parts beside each other, the first in the lowest bits."""
    return sum(part << (bits * i) for i, part in enumerate(parts))
