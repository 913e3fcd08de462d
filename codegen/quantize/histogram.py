"""Histogram: the distribution of a value over many samples, in bounded memory."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from codegen.ir.types import Array

HALF = 4096
"""Bins on each side of zero."""


@dataclass(slots=True)
class Histogram:
    """Counts in `2 * HALF` bins of one power-of-two width, zero in the middle.

    A value outside doubles the width and merges bins in pairs, so no second look at the data is
    needed. `low` and `high` are the exact extremes.
    """

    low: float = math.inf
    high: float = -math.inf
    exponent: int = -100
    counts: Array | None = None

    def add(self, x: Array) -> None:
        """Count the elements of `x`."""
        low, high = float(x.min()), float(x.max())
        self.low, self.high = min(self.low, low), max(self.high, high)
        reach = max(-low, high)
        if reach > 0:
            self._widen(math.frexp(reach)[1] - HALF.bit_length() + 1)
        width = 2.0**self.exponent
        bins = np.floor(np.ravel(x) * np.float32(1 / width)).astype(np.int32) + HALF
        found = np.bincount(np.clip(bins, 0, 2 * HALF - 1), minlength=2 * HALF)
        self.counts = found if self.counts is None else self.counts + found

    def _widen(self, exponent: int) -> None:
        while self.counts is not None and self.exponent < exponent:
            self.counts = np.pad(self.counts.reshape(HALF, 2).sum(axis=1), HALF // 2)
            self.exponent += 1
        self.exponent = max(self.exponent, exponent)

    def centres(self) -> Array:
        """Return the middle of each bin."""
        middles: Array = (np.arange(-HALF, HALF) + 0.5) * 2.0**self.exponent
        return middles
