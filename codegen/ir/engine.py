"""Engine: the commands of the shared engine in hardware, each with its meaning.

The engine is an array of `pe` times `simd` multipliers of int8, an arena of bytes read `simd` at a
time from any address, and `lanes` rescalers. A command is a layer, a port, or part of one. It
walks seven nested loops; one turn of the innermost is a beat, a cycle: `simd` bytes are read and,
in a convolution, multiplied with a word of `pe` times `simd` weights. The three inner loops make up
the window of a result set: `pe` sums at most, those of neighbouring channels. The four outer
loops choose the window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from codegen.ir.fixed_point import Int64s
from codegen.ir.types import Array

LEVELS = ("beat", "column", "row", "x", "y", "block", "group")
"""The loops, the innermost first. Those from x on begin another result set."""
WINDOW = 3
"""So many loops make up a window."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What an engine is built of.

    `pe`: result channels at a time, a multiple of `simd`: input bytes at a time. `lanes`: rescaled
    bytes a cycle. `ring`: where weights come in a stream, in the order of use, so many words of
    them are held at a time, a power of two; 0: all are held.
    """

    pe: int
    simd: int
    lanes: int
    ring: int = 0


class Kind(IntEnum):
    """What a command does.

    MAC: sums of products. MAX: greatest bytes of windows, channel by channel. ADD: two operands
    with a multiplier each. SOFTMAX, ARGMAX: groups of bytes. RECEIVE: a frame's input from the
    stream; SEND: an output to it.
    """

    MAC = 0
    MAX = 1
    ADD = 2
    SOFTMAX = 3
    ARGMAX = 4
    RECEIVE = 5
    SEND = 6


@dataclass(frozen=True, slots=True)
class Walk:
    """A number that follows the loops: `start` plus, for each loop, its turn times its stride."""

    start: int = 0
    strides: tuple[int, ...] = (0,) * len(LEVELS)

    def deltas(self, counts: Sequence[int]) -> tuple[int, ...]:
        """Return what is added when a loop goes on and those inside it begin anew.

        >>> Walk(0, (1, 10)).deltas((3, 2))
        (1, 8)
        """
        back, found = 0, []
        for stride, count in zip(self.strides, counts, strict=True):
            found.append(stride - back)
            back += (count - 1) * stride
        return tuple(found)

    def moved(self, by: int) -> Walk:
        """Return the walk that starts so much later."""
        return replace(self, start=self.start + by)

    def bounds(self, counts: Sequence[int]) -> tuple[int, int]:
        """Return the least and the greatest number.

        >>> Walk(5, (-1, 10)).bounds((3, 2))
        (3, 15)
        """
        ends = [stride * (count - 1) for stride, count in zip(self.strides, counts, strict=True)]
        least, greatest = sum(end for end in ends if end < 0), sum(end for end in ends if end > 0)
        return self.start + least, self.start + greatest


@dataclass(frozen=True, slots=True)
class Command:
    """One command. Addresses and sizes are in bytes; `counts` are the turns of each loop.

    A beat reads `simd` bytes from `address`. Byte i of them counts where 0 <= row < `rows`,
    0 <= column + i < `row_bytes` and, in the last turn of the innermost loop, i < `tail`; the
    others are `pad`. `row` is the image row, `column` the byte in it, both negative in padding.

    MAC: sum p adds byte i times byte (p, i) of the word at `weight`, for all i. `depthwise`: sum p
    adds, for all j, the byte p that was read j columns ago in the same row of the window, times
    byte (p, j); j is 0 but in a `slide`. In a slide the loop over x goes over input columns, the
    innermost over the rows of the window; a result set is made from column `prime` on, each
    `phase` + 1 columns, the last column included.
    MAX: result p is the greatest byte p of the window.
    ADD: the innermost loop has two turns: a from `address`, b from `weight`; lane 0 holds the
    multiplier of a, lane 1 that of b, and result p is made of both bytes p.

    A sum is rescaled: y = min(max(((sum + bias) * multiplier + offset) >> 32, low), high), `offset`
    holding the zero point and the half; with `ties` the multiplier is added to the offset if bit 32
    of the product is set, else taken from it. In ADD it is (a * m_a + b * m_b + offset) >> 32. Then
    y is looked up in table `table`, if that is not -1. Biases and multipliers of `lanes` channels
    make a row; those of a block begin at row `param` + turn * `param_step`, turn counting blocks
    of all groups; with a step of 0 all channels have the first row.

    A block has `results` channels, the last of each group `last_results`. Result c of a block goes
    to `output`, which follows the outer loops, plus c * `result_stride`. `single`: results are
    rescaled one at a time, as they must where two that are neighbours may lie in words of `simd`
    bytes that are an even number apart.

    SOFTMAX, ARGMAX: the loop over x goes over groups of `row_bytes` bytes from `address`; results
    go to `output`, of ARGMAX as int32. A softmax has the exponentials of table `table`, the
    zero point `pad`, the multiplier `offset` and the shift `phase` (`SoftmaxParams`).
    RECEIVE, SEND: `row_bytes` bytes at `address`.

    Where weights come in a stream, a command waits until `fresh` words more have come, reads none
    but these, and frees them in the end. Addresses of weights are places in the stream of a frame.
    """

    kind: Kind
    counts: tuple[int, ...] = (1,) * len(LEVELS)
    address: Walk = Walk()
    column: Walk = Walk()
    row: Walk = Walk()
    weight: Walk = Walk()
    row_bytes: int = 0
    rows: int = 1
    tail: int = 0
    pad: int = 0
    depthwise: bool = False
    slide: bool = False
    prime: int = 0
    phase: int = 0
    results: int = 0
    last_results: int = 0
    param: int = 0
    param_step: int = 0
    output: Walk = Walk()
    result_stride: int = 1
    offset: int = 0
    low: int = -128
    high: int = 127
    ties: bool = False
    table: int = -1
    single: bool = False
    fresh: int = 0

    @property
    def out_columns(self) -> int:
        """Result sets in a row."""
        if not self.slide:
            return self.counts[WINDOW]
        return (self.counts[WINDOW] - 1 - self.prime) // (self.phase + 1) + 1

    @property
    def out_counts(self) -> tuple[int, ...]:
        """The turns of each loop, counting result sets: those of the window are one."""
        return (1, 1, 1, self.out_columns, *self.counts[WINDOW + 1 :])


@dataclass(frozen=True, slots=True, eq=False)
class Memories:
    """What an engine reads: all but the arena.

    weights: int8 (words, pe, simd), those of a frame's stream where they come in one; biases,
    multipliers: int64 (rows, lanes); tables: int8 (n, 256); exponentials: int64 (n, 256), by the
    distance from the greatest.
    """

    weights: Array
    biases: Int64s
    multipliers: Int64s
    tables: Array
    exponentials: Int64s
