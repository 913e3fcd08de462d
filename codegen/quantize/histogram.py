"""Histogram: how often values occurred, in a bounded number of bins, over any number of samples."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from codegen.ir.types import Array

BINS = 4096
LEAST_EXPONENT = -140
"""That of bins which hold nothing but zero: below all reals of 32 bits."""
MOST_SHIFT = 63


@dataclass(slots=True)
class Histogram:
    """Counts of elements in bins of equal width, a power of two, whose edges are multiples of it.

    Bin k of `counts` holds reals from `(first + k) * 2**exponent` to a width above that. The width
    doubles, and bins merge in pairs, whenever `BINS` no longer reach from the least to the greatest
    element and zero, so half of the bins or more lie between these. `low` and `high` are exact.
    """

    low: float = math.inf
    high: float = -math.inf
    exponent: int = LEAST_EXPONENT
    first: int = 0
    counts: Array = field(default_factory=lambda: np.zeros(BINS, np.int64))

    def add(self, x: Array) -> None:
        """Count the elements of an array, which are finite."""
        if not x.size:
            return
        self.low = min(self.low, float(x.min()))
        self.high = max(self.high, float(x.max()))
        self.widen()
        bins = np.floor(np.ldexp(x.ravel(), -self.exponent)).astype(np.int64) - self.first
        self.counts += np.bincount(bins, minlength=BINS)

    def widen(self) -> None:
        """Merge bins until they reach from `low` to `high` and zero, and begin at the least."""
        low, high, exponent = min(self.low, 0.0), max(self.high, 0.0), self.exponent
        while bin_of(high, exponent) - bin_of(low, exponent) >= BINS:
            exponent += 1
        held = np.flatnonzero(self.counts)
        first = bin_of(low, exponent)
        places = ((held + self.first) >> min(exponent - self.exponent, MOST_SHIFT)) - first
        merged = np.bincount(places, self.counts[held], BINS).astype(np.int64)
        self.exponent, self.first, self.counts = exponent, first, merged

    @property
    def width(self) -> float:
        return math.ldexp(1.0, self.exponent)

    @property
    def middles(self) -> Array:
        """The reals that stand for the elements of each bin."""
        found: Array = (self.first + np.arange(BINS) + 0.5) * self.width
        return found


def bin_of(real: float, exponent: int) -> int:
    """Return the bin of a real, counted from zero.

    >>> bin_of(0.75, -1), bin_of(-0.1, -1)
    (1, -1)
    """
    return math.floor(math.ldexp(real, -exponent))
