"""Weights in the order in which inner loops read them."""

from __future__ import annotations

import numpy as np

from codegen.ir.types import Array

INT8_MAX = 127


def interleave_pairs(weights: Array) -> Array:
    """(filters, depth) -> (filter pairs, depth, 2): two filters side by side.

    An odd last filter is paired with zeros, whose result is not stored.
    """
    padded = np.pad(weights, ((0, weights.shape[0] % 2), (0, 0)))
    return padded.reshape(-1, 2, weights.shape[1]).transpose(0, 2, 1)


def interleave_quads(weights: Array) -> Array:
    """(filters, depth) -> (filter pairs, depth / 4, 8): c0k0, c1k0, c0k2, c1k2, then k1 and k3.

    Two SXTB16 split the first four into (c0k0, c0k2) and (c1k0, c1k2), as they split four values
    of a patch into (k0, k2) and (k1, k3). The depth is rounded up to four values with zeros.
    """
    padded = np.pad(weights, ((0, 0), (0, -weights.shape[1] % 4)))
    quads = interleave_pairs(padded).reshape(-1, padded.shape[1] // 4, 4, 2)
    return quads[:, :, (0, 2, 1, 3)].reshape(*quads.shape[:2], 8)


def interleave_fours(weights: Array) -> Array:
    """(filters, depth) -> (fours of filters, depth, 4): four filters side by side.

    Missing filters of the last four are zeros, whose results are not stored.
    """
    padded = np.pad(weights, ((0, -weights.shape[0] % 4), (0, 0)))
    return padded.reshape(-1, 4, weights.shape[1]).transpose(0, 2, 1)


def interleave_four_quads(weights: Array) -> Array:
    """(filters, depth) -> (fours of filters, depth / 4, 16): the quads of two pairs in turn."""
    padded = np.pad(weights, ((0, -weights.shape[0] % 4), (0, 0)))
    quads = interleave_quads(padded)
    pairs = quads.reshape(-1, 2, *quads.shape[1:])
    return pairs.transpose(0, 2, 1, 3).reshape(-1, quads.shape[1], 16)


def interleave_four_halves(weights: Array) -> Array:
    """(filters, depth) -> (fours of filters, depth / 4, 16): eight bytes of each of two pairs.

    Those are of values 0 and 1, then 2 and 3, as two words of an int16 patch hold them.
    """
    padded = np.pad(weights, ((0, -weights.shape[0] % 4), (0, -weights.shape[1] % 4)))
    pairs = interleave_pairs(padded).reshape(-1, 2, padded.shape[1] // 4, 8)
    return pairs.transpose(0, 2, 1, 3).reshape(-1, pairs.shape[2], 16)


def widen_fours(weights: Array) -> Array:
    """(filters, depth) -> int16 (fours of filters, 4, depth); zeros fill fours and 16 values."""
    filters, depth = weights.shape
    padded = np.pad(weights.astype(np.int16), ((0, -filters % 4), (0, -depth % 16)))
    return padded.reshape(-1, 4, padded.shape[1])


def interleave_by_word(weights: Array) -> Array:
    """(filters, depth) -> (32s of filters, depth / 4, 128): four values of each of 32 filters.

    Zeros fill the last filters and the last four values.
    """
    padded = np.pad(weights, ((0, -weights.shape[0] % 32), (0, -weights.shape[1] % 4)))
    words = padded.reshape(-1, 32, padded.shape[1] // 4, 4)
    return words.transpose(0, 2, 1, 3).reshape(-1, words.shape[2], 128)


def interleave_even_pairs(weights: Array) -> Array:
    """(filters, depth) -> (filter pairs, depth, 2): pairs, an odd depth filled with a zero."""
    return interleave_pairs(np.pad(weights, ((0, 0), (0, weights.shape[1] % 2))))


def lane_runs(pairs: Array) -> Array:
    """(filter pairs, depth, 2) -> int8, for each pair of filters: how many fours of steps go before
    each two steps that are added up apart, and how many go before the end, as -1 - fours.

    Two are apart where four might drive a filter's sum of products out of 16 bits, where only two
    are left, and where an int8 cannot count the fours before them.
    """
    runs: list[int] = []
    for pair in pairs.astype(np.int64):
        runs.append(0)
        at = 0
        while at < len(pair):
            if at + 4 <= len(pair) and runs[-1] < INT8_MAX and fits_lane(pair[at : at + 4]):
                runs[-1] += 1
                at += 4
            else:
                runs.append(0)
                at += 2
        runs[-1] = -1 - runs[-1]
    return np.array(runs, np.int8)


def fits_lane(steps: Array) -> bool:
    """The sums of (steps, filters) weights times int8 values fit 16 bits, whatever the values, and
    so do their negatives: with -2^15 in the upper half, a negative lower one would leave 32 bits.
    """
    positive, negative = (np.maximum(sign * steps, 0).sum(axis=0) for sign in (1, -1))
    greatest, least = 127 * positive + 128 * negative, 128 * positive + 127 * negative
    return bool((np.maximum(greatest, least) < 2**15).all())


def pad_to_multiple(values: Array, fill: int, multiple: int) -> Array:
    """Append `fill` to per-filter values until their count is a multiple of `multiple`."""
    return np.pad(values, (0, -len(values) % multiple), constant_values=fill)
