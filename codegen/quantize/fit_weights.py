"""Fit weights to few integers: scales and integers that change a layer's results least.

With 16 levels or fewer a scale that holds the largest weight wastes most of them, so it is chosen
for each filter by the error that is left after rounding. Weights are rounded together for several
scales (`round_weights`); then each is moved to the level that is best for all others as they are,
and the scale to the best for all, in turn, while that helps. The error is that of the results on
samples, in the mean square, as far as a bias cannot undo it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from codegen.ir.types import Array
from codegen.quantize.round_weights import blocks, damp, nearest, round_in_turn

SHRINKS = np.geomspace(0.15, 1.1, 40)
"""Scales that are tried without regard to other weights, as parts of one that holds all."""
TRIED = (0.8, 0.9, 1.0, 1.1, 1.25)
"""Scales for which weights are rounded together, as parts of the best of those."""
TRIED_ELEMENTS = 1 << 22
"""Most weights that are rounded at once, for all scales that are tried; bounds memory."""
SWEEPS = 4
LEAST = 1e-30
"""The scale of weights that are all zero."""


def fit_scales(reals: Array, squares: Array, levels: Array) -> Array:
    """Return scales (G, M) for weights (G, M, K) of least error, each to its nearest level.

    `squares` (G, K) are the mean squares of what each is multiplied by.

    >>> fit_scales(np.array([[[0.5, -0.5, 0.5]]]), np.ones((1, 3)), np.array([-1, 1])).round(1)
    array([[0.5]])
    """
    whole = holding_scales(reals, levels)
    best, least = whole, np.full(whole.shape, np.inf)
    for part in SHRINKS:
        scales = whole * part
        lost = nearest(reals / scales[..., None], levels) * scales[..., None] - reals
        errors = np.einsum("gmk,gmk,gk->gm", lost, lost, squares)
        best, least = np.where(errors < least, scales, best), np.minimum(errors, least)
    return best


def holding_scales(reals: Array, levels: Array) -> Array:
    """Return the least scales (G, M) for which no weight (G, M, K) is beyond the levels."""
    low, high = reals.min(axis=2), reals.max(axis=2)
    scales = np.maximum(high / levels[-1], low / levels[0])
    held: Array = np.maximum(scales, LEAST)
    return held


def fit_together(reals: Array, squares: Array, levels: Array, least: float) -> tuple[Array, Array]:
    """Return scales (G, M), none below `least`, and integers for weights (G, M, K).

    `squares` (G, K, K) are the mean products of what the weights are multiplied by.
    """
    damped = damp(squares)
    diagonal = np.diagonal(damped, axis1=1, axis2=2)
    start = np.maximum(fit_scales(reals, diagonal, levels), least)
    tried = TRIED if reals.size * len(TRIED) <= TRIED_ELEMENTS else (1.0,)
    best: tuple[Array, Array, Array] | None = None
    for scales, integers in round_for_each(reals, damped, levels, start, tried, least):
        errors = error_of(reals, scales, integers, damped)
        best = keep_better(best, (scales, integers, errors))
    assert best is not None
    for _ in range(SWEEPS):
        scales = refit_scales(reals, best[0], best[1], damped, least)
        integers = move_each(reals / scales[..., None], best[1], damped, levels)
        best = keep_better(best, (scales, integers, error_of(reals, scales, integers, damped)))
    return best[0], best[1]


def round_for_each(
    reals: Array,
    squares: Array,
    levels: Array,
    start: Array,
    tried: tuple[float, ...],
    least: float,
) -> Iterator[tuple[Array, Array]]:
    """Yield scales and the weights rounded together for them, for each factor of `tried`."""
    scales = np.concatenate([np.maximum(start * part, least) for part in tried], axis=1)
    steps = np.concatenate([reals] * len(tried), axis=1) / scales[..., None]
    rounded = round_in_turn(steps, squares, levels)
    yield from zip(
        np.split(scales, len(tried), axis=1), np.split(rounded, len(tried), axis=1), strict=True
    )


def keep_better(
    best: tuple[Array, Array, Array] | None, other: tuple[Array, Array, Array]
) -> tuple[Array, Array, Array]:
    """Return for each filter the scale, integers and error of less error."""
    if best is None:
        return other
    better = other[2] < best[2]
    return (
        np.where(better, other[0], best[0]),
        np.where(better[..., None], other[1], best[1]),
        np.where(better, other[2], best[2]),
    )


def error_of(reals: Array, scales: Array, integers: Array, squares: Array) -> Array:
    """Return the mean square of the error of each filter's results, (G, M)."""
    lost = reals - integers * scales[..., None]
    errors: Array = ((lost @ squares) * lost).sum(axis=2)
    return errors


def refit_scales(
    reals: Array, scales: Array, integers: Array, squares: Array, least: float
) -> Array:
    """Return the scales of least error for these integers."""
    seen = integers @ squares
    own, shared = (seen * integers).sum(axis=2), (seen * reals).sum(axis=2)
    found = np.divide(shared, own, out=scales.copy(), where=own > 0)
    return np.where(found > 0, np.maximum(found, least), scales)


def move_each(steps: Array, integers: Array, squares: Array, levels: Array) -> Array:
    """Return integers, each in turn moved to the level that is best for all others as they are."""
    moved = integers.copy()
    pull = (steps - moved) @ squares
    for first, last in blocks(steps.shape[2]):
        block = slice(first, last)
        for k in range(first, last):
            wanted = moved[:, :, k] + pull[:, :, k] / squares[:, None, k, k]
            wanted[steps[:, :, k] == 0] = 0
            change = nearest(wanted, levels) - moved[:, :, k]
            moved[:, :, k] += change
            pull[:, :, block] -= change[..., None] * squares[:, None, k, block]
        pull[:, :, last:] -= (moved - integers)[:, :, block] @ squares[:, block, last:]
    return moved
