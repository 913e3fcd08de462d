"""Exponentials of distances from the greatest of some values: tables, one for each byte."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codegen.ir.fixed_point import Int64s
from codegen.ir.types import Array, TensorType

FACTOR_BITS = 30
"""Of the fraction of the coarse table."""


@dataclass(frozen=True, slots=True, eq=False)
class Exponentials:
    """exp(-d * scale) times a unit: fine[d] of a byte, and with 16 bits

    (fine[d & 255] * coarse[d >> 8] + 2^29) >> 30.
    """

    fine: Array
    coarse: Array

    def at(self, d: Int64s) -> Int64s:
        """Return the exponentials of distances; the kernels' fx_exponential does the same."""
        fine = self.fine.astype(np.int64)
        if not len(self.coarse):
            return fine[d]
        wide = fine[d & 255] * self.coarse.astype(np.int64)[d >> 8]
        found: Int64s = (wide + (1 << (FACTOR_BITS - 1))) >> FACTOR_BITS
        return found


NONE = Exponentials(np.zeros(0), np.zeros(0))


def make_exponentials(unit: int, x: TensorType) -> Exponentials:
    """Return the tables for distances between values of a type."""
    assert x.quant is not None
    places = np.arange(256) * x.quant.scale
    fine = np.rint(np.exp(-places) * unit).astype(np.int32)
    if not x.is_int16:
        return Exponentials(fine, np.zeros(0, np.int32))
    coarse = np.rint(np.exp(-256 * places) * 2**FACTOR_BITS).astype(np.int32)
    return Exponentials(fine, coarse)
