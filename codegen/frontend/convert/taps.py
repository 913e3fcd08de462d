"""What each place of a resized axis reads: places of the operand and their weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from codegen.ir.types import Array
from codegen.ops.blend import FINE_SHARES

Taps = dict[int, Fraction]
"""Places of the operand, and the weight of each; weights add up to 1."""


@dataclass(frozen=True, slots=True)
class Filter:
    """An interpolation: linear, or cubic of coefficient `cubic`.

    `narrow` is the scale by which antialiasing widens it, 1 without. `excludes` what lies beyond
    the operand, which is else as its edge.
    """

    cubic: Fraction | None = None
    narrow: Fraction = Fraction(1)
    excludes: bool = False

    def taps(self, position: Fraction, size: int) -> Taps:
        """Return the taps of a position on an axis of `size`."""
        reach = math.ceil((1 if self.cubic is None else 2) / self.narrow)
        around = range(math.ceil(position) - reach, math.floor(position) + reach + 1)
        weights = {place: self.weight((place - position) * self.narrow) for place in around}
        if self.excludes:
            weights = {place: w for place, w in weights.items() if 0 <= place < size}
        total = sum(weights.values())
        found: Taps = {}
        for place, weight in weights.items():
            inside = min(max(place, 0), size - 1)
            found[inside] = found.get(inside, Fraction(0)) + weight / total
        return {place: weight for place, weight in found.items() if weight}

    def weight(self, distance: Fraction) -> Fraction:
        """Return the weight of what is so far away, before all are made to add up to 1."""
        d, a = abs(distance), self.cubic
        if a is None:
            return max(1 - d, Fraction(0))
        if d <= 1:
            return (a + 2) * d**3 - (a + 3) * d**2 + 1
        return a * (d**3 - 5 * d**2 + 8 * d - 4) if d < 2 else Fraction(0)


def tables(places: Sequence[Taps]) -> tuple[Array, Array, int]:
    """Return places and weights as (m, taps), and the shares that weights are in.

    Shares are what makes all weights integers, if these are few; else what rounding leaves goes to
    the greatest weight.
    """
    exact = math.lcm(*(w.denominator for taps in places for w in taps.values()))
    shares = min(exact, FINE_SHARES)
    count = max(len(taps) for taps in places)
    index = np.zeros((len(places), count), np.int32)
    weights = np.zeros((len(places), count), np.int32)
    for row, taps in enumerate(places):
        parts = [round(weight * shares) for weight in taps.values()]
        parts[int(np.argmax(parts))] += shares - sum(parts)
        index[row, : len(taps)] = list(taps)
        weights[row, : len(taps)] = parts
    return index, weights, shares
