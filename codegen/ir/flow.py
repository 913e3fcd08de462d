"""Flow: a network as hardware with an engine for each layer, and streams of bytes between.

A stream carries one byte a beat, pixel by pixel, channels innermost: the order in which arrays
lie in memory. That is enough wherever a device has no multipliers to make results faster.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from codegen.ir.fixed_point import Int64s
from codegen.ir.types import Array

DIGIT_BITS = 16
"""Rescalers multiply in digits of so many bits, the highest of which has a sign of its own."""


class Unit(Enum):
    """What a stage is.

    MAC: sums of products over all channels of a window. LANES: a filter for each channel. AVERAGE,
    MAX: windows of each channel without weights. RUNNING: the average over a whole image, summed as
    it passes. ADD: two streams with a multiplier each. TABLE: a function of each byte. SOFTMAX:
    over the channels of each pixel.
    """

    MAC = "mac"
    LANES = "lanes"
    AVERAGE = "average"
    MAX = "max"
    RUNNING = "running"
    ADD = "add"
    TABLE = "table"
    SOFTMAX = "softmax"


WINDOWED = (Unit.MAC, Unit.LANES, Unit.AVERAGE, Unit.MAX)
"""Stages that keep rows of their operand and read windows of them."""
RESCALED = (Unit.MAC, Unit.LANES, Unit.AVERAGE, Unit.RUNNING, Unit.ADD)


@dataclass(frozen=True, slots=True)
class Image:
    """What a stream carries in a frame."""

    height: int
    width: int
    channels: int

    @property
    def row_bytes(self) -> int:
        return self.width * self.channels

    @property
    def size_bytes(self) -> int:
        return self.height * self.row_bytes


@dataclass(frozen=True, slots=True)
class Windows:
    """Where windows lie in the operand; pairs are (y, x), `pads` those above and to the left."""

    kernel: tuple[int, int] = (1, 1)
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int] = (0, 0)
    dilations: tuple[int, int] = (1, 1)
    groups: int = 1

    @property
    def span(self) -> int:
        """Rows from the first of a window to its last."""
        return (self.kernel[0] - 1) * self.dilations[0] + 1


@dataclass(frozen=True, slots=True)
class Digits:
    """How many digits the factors of a rescaler have; of ADD, each operand and its multiplier."""

    sums: int = 1
    multipliers: int = 1
    operands: int = 1

    @property
    def products(self) -> int:
        """Products of digits that make up a result."""
        return self.sums * self.multipliers * self.operands


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """The integers of a stage.

    A result is min(max((((sum + bias) << shift) * multiplier + offset) >> down, low), high); with
    `ties` the multiplier is added to the offset if bit `down` of the product is set, else taken
    from it. There is a bias and a multiplier for each channel, or for each pixel if `by_pixel`, or
    one for all. An addition has no sum, but both operands, each times its multiplier. `pad` stands
    in for what is outside the image. `weights` are (filters, rows, columns, channels); `table` is
    indexed by a byte + 128, or by the distance from the greatest in a softmax, whose `multiplier`
    and `shift` are those of `SoftmaxParams`. `acc_bits` hold any sum without bias, `sum_bits` any
    of (sum + bias) << shift.
    """

    weights: Array = field(default_factory=lambda: np.zeros(0, np.int8))
    table: Array = field(default_factory=lambda: np.zeros(0, np.int8))
    biases: Int64s = field(default_factory=lambda: np.zeros(1, np.int64))
    multipliers: Int64s = field(default_factory=lambda: np.zeros(1, np.int64))
    by_pixel: bool = False
    shift: int = 0
    offset: int = 0
    down: int = 32
    low: int = -128
    high: int = 127
    ties: bool = False
    pad: int = 0
    acc_bits: int = 8
    sum_bits: int = 8

    @property
    def multiplier_bits(self) -> int:
        return max(int(self.multipliers.max()).bit_length(), 1)


@dataclass(frozen=True, slots=True)
class Fold:
    """How much of a stage is built side by side.

    `pe` results at a time, of `simd` bytes of a window each; `mults` multipliers rescale.
    """

    pe: int = 1
    simd: int = 1
    mults: int = 0


@dataclass(frozen=True, slots=True)
class Stage:
    """One engine: operands, result, what it computes, and how it is folded."""

    name: str
    unit: Unit
    inputs: tuple[str, ...]
    output: str
    x: Image
    y: Image
    windows: Windows = Windows()
    digits: Digits = Digits()
    numbers: Numbers = field(default_factory=Numbers)
    fold: Fold = Fold()

    @property
    def passes(self) -> int:
        """Cycles in which a rescaler makes a result."""
        return self.digits.products // self.fold.mults if self.fold.mults else 1

    @property
    def has_weights(self) -> bool:
        return self.unit in (Unit.MAC, Unit.LANES)

    @property
    def word_bytes(self) -> int:
        """Bytes that are read at a time from the rows it keeps."""
        return self.fold.simd if self.unit is Unit.MAC else self.fold.pe

    @property
    def group_bytes(self) -> int:
        """Channels that begin with a word of their own."""
        return self.x.channels // self.windows.groups if self.unit is Unit.MAC else self.x.channels

    @property
    def group_words(self) -> int:
        return -(-self.group_bytes // self.word_bytes)

    @property
    def pixel_words(self) -> int:
        groups = self.windows.groups if self.unit is Unit.MAC else 1
        return groups * self.group_words

    @property
    def row_words(self) -> int:
        return self.x.width * self.pixel_words

    @property
    def filters(self) -> int:
        """Results of a group."""
        groups = self.windows.groups if self.unit is Unit.MAC else 1
        return self.y.channels // groups

    @property
    def blocks(self) -> int:
        """Turns in which the results of a group are made."""
        return -(-self.filters // self.fold.pe)

    @property
    def results(self) -> tuple[int, ...]:
        """How many results each turn of a group makes: `pe`, in the last what is left."""
        last = self.filters - (self.blocks - 1) * self.fold.pe
        return (self.fold.pe,) * (self.blocks - 1) + (last,)

    @property
    def beats(self) -> int:
        """Words of a window that a result is made of."""
        words = self.group_words if self.unit is Unit.MAC else 1
        return self.windows.kernel[0] * self.windows.kernel[1] * words

    @property
    def rows_kept(self) -> int:
        """Rows of the operand that it has room for: a window, and what the next one needs more."""
        return max(self.windows.span, self.windows.strides[0]) + self.windows.strides[0]


@dataclass(frozen=True, slots=True)
class Flow:
    """All stages in order. `fifos` are the bytes of the FIFOs before operands, by stage and place.

    `input` and `output` are values; a stage reads a value by the name of that which makes it.
    """

    name: str
    input: str
    output: str
    source: Image
    stages: tuple[Stage, ...]
    fifos: tuple[tuple[str, int, int], ...] = ()

    def readers(self, value: str) -> tuple[tuple[Stage, int], ...]:
        """The stages that read a value, each with the place of its operand."""
        return tuple(
            (stage, i)
            for stage in self.stages
            for i, name in enumerate(stage.inputs)
            if name == value
        )

    def fifo(self, stage: Stage, operand: int) -> int:
        """Bytes of the FIFO before an operand of a stage."""
        return next((n for name, i, n in self.fifos if (name, i) == (stage.name, operand)), 0)
