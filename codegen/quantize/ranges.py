"""Ranges: the reals that each value of a network takes, measured on samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from codegen.ir.types import Array

Range = tuple[float, float]
Progress = Callable[[int, int | None], None]
"""Called with the steps done and all steps, None where their number is unknown."""


@dataclass(frozen=True, slots=True, eq=False)
class Channels:
    """What each channel of a value takes: least and greatest real, and the mean of the squares."""

    low: Array
    high: Array
    squares: Array

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Return the channels of several values, one after the other."""
        return cls(
            np.concatenate([part.low for part in parts]),
            np.concatenate([part.high for part in parts]),
            np.concatenate([part.squares for part in parts]),
        )

    def select(self, places: Array) -> Channels:
        """Return the channels at `places`."""
        return Channels(self.low[places], self.high[places], self.squares[places])

    def divided(self, scales: Array) -> Channels:
        """Return channels that are divided by `scales`, which are positive."""
        return Channels(self.low / scales, self.high / scales, self.squares / scales**2)

    def clipped(self, bounds: Range) -> Channels:
        """Return channels that keep within bounds."""
        return Channels(np.clip(self.low, *bounds), np.clip(self.high, *bounds), self.squares)

    @property
    def greatest(self) -> Array:
        """The greatest magnitude in each channel."""
        found: Array = np.maximum(np.abs(self.low), np.abs(self.high))
        return found

    @property
    def bounds(self) -> Range:
        return float(self.low.min()), float(self.high.max())

    @property
    def span(self) -> float:
        return span(self.bounds)


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What the float network made of some samples: a check on what the integers make of them.

    `inputs` are the samples as the float graph takes them, (N, *shape); `means` the mean of each
    channel, over all samples and places, of the results of convolutions and dense layers.
    """

    inputs: tuple[Array, ...]
    means: Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Ranges:
    """The least and greatest real to be represented, for each measured value.

    `channels` tells them for each channel apart: the last dimension. `extremes` are what was seen
    of values that are clipped to less. `source` says on what all this was
    measured, for the report, and `count` on how many samples; `synthetic` that it is made up.
    `masked` are values of which some elements were as good as minus infinity: these are left out.
    """

    bounds: Mapping[str, Range]
    source: str
    synthetic: bool = False
    evidence: Evidence | None = None
    masked: frozenset[str] = frozenset()
    channels: Mapping[str, Channels] = field(default_factory=dict)
    extremes: Mapping[str, Range] = field(default_factory=dict)
    count: int = 0

    def seen(self, name: str) -> Range | None:
        """Return the extremes of a value, None where it was not measured."""
        return self.extremes.get(name, self.bounds.get(name))


def union(first: Range | None, second: Range | None) -> Range | None:
    """Return the least range that holds both; None holds nothing."""
    if first is None or second is None:
        return first or second
    return min(first[0], second[0]), max(first[1], second[1])


def intersect(found: Range, clamp: Range | None) -> Range:
    """Return what a clamp leaves of a range."""
    if clamp is None:
        return found
    low, high = clamp
    return min(max(found[0], low), high), max(min(found[1], high), low)


def span(found: Range) -> float:
    """Return the length of a range with zero added, which every format has to represent."""
    return max(found[1], 0.0) - min(found[0], 0.0)
