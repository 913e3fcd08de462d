"""Ranges: the reals that each value of a network takes, measured on samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from codegen.ir.types import Array

Range = tuple[float, float]
Progress = Callable[[int, int], None]
"""Called with the steps done and all steps."""


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

    `source` says on what they were measured, for the report; `synthetic` that it is made up.
    `masked` are values of which some elements were as good as minus infinity: these are left out.
    """

    bounds: Mapping[str, Range]
    source: str
    synthetic: bool = False
    evidence: Evidence | None = None
    masked: frozenset[str] = frozenset()


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
