"""Weights in the order in which inner loops read them."""

from __future__ import annotations

import numpy as np

from codegen.ir.types import Array


def interleave_pairs(weights: Array) -> Array:
    """(filters, depth) -> (filter pairs, depth, 2): two filters side by side.

    An odd last filter is paired with zeros, whose result is not stored.
    """
    padded = np.pad(weights, ((0, weights.shape[0] % 2), (0, 0)))
    return padded.reshape(-1, 2, weights.shape[1]).transpose(0, 2, 1)


def interleave_halves(weights: Array) -> Array:
    """(filters, depth) -> (filter pairs, depth / 2, 4): c0k0, c1k0, c0k1, c1k1.

    Two SXTB16 split such a word into the pairs (c0k0, c0k1) and (c1k0, c1k1). The depth is
    rounded up to four values with zeros.
    """
    padded = np.pad(weights, ((0, 0), (0, -weights.shape[1] % 4)))
    return interleave_pairs(padded).reshape(-1, padded.shape[1] // 2, 4)


def column_pairs_3x3(weights: Array) -> Array:
    """(channels, 3, 3) -> (channels, 9): the order in which two words give column pairs.

    SXTB16 of the first word gives the upper two rows of column 0, rotated by 8 of column 1; the
    second word gives those of column 2, rotated the lowest row of columns 0 and 1; the last byte
    is the lowest row of column 2.
    """
    w = weights
    order = ((0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (2, 2))
    return np.stack([w[:, row, column] for row, column in order], axis=1)


def pad_to_even(values: Array, fill: int) -> Array:
    """Append `fill` to an odd number of per-filter values."""
    return np.pad(values, (0, len(values) % 2), constant_values=fill)
