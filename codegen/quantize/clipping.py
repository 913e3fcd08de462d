"""Clipping: which range of a value to represent, when not all that was seen of it.

Rare extremes make the steps of all others coarse. Each method chooses from a histogram, over all
samples, what saturates.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from codegen.ir.types import Array, DType
from codegen.options import CalibrationMethod
from codegen.quantize.formats import make_format
from codegen.quantize.histogram import Histogram
from codegen.quantize.ranges import Range

Clip = Callable[[Histogram], Range]
"""Returns the range to represent, within what was seen."""

CANDIDATES = 64
"""Bounds that are tried on either side of zero, evenly up to the extreme."""
ROUNDS = 3
"""How often the bounds of either side are chosen anew for that of the other."""
SIGNED_LEVELS = 128
"""Levels of the magnitude where values have both signs, as published."""
LEVELS = 256
"""Those where they have one."""
MAGNITUDES = 2048
"""Bins of magnitudes, as published."""
STRIDE = 8
"""Bins from one candidate to the next."""


def find_method(name: CalibrationMethod, percentile: float, element: DType) -> Clip | None:
    """Return how ranges are chosen for formats of a type; None takes the extremes."""
    if name == "min-max":
        return None
    if name == "percentile":
        return partial(clip_tails, percent=percentile)
    if name == "mse":
        return partial(least_error, element=element)
    return least_divergence


def clip_tails(histogram: Histogram, percent: float) -> Range:
    """Return the range that holds `percent` of all elements, of the others as many on either side.

    It ends at the edges of bins.
    """
    counts = histogram.counts
    tail = counts.sum() * (100 - percent) / 200
    lowest = int(np.searchsorted(np.cumsum(counts), tail, side="right"))
    highest = len(counts) - int(np.searchsorted(np.cumsum(counts[::-1]), tail, side="right"))
    low = (histogram.first + lowest) * histogram.width
    high = (histogram.first + highest) * histogram.width
    return max(low, histogram.low), min(high, histogram.high)


def least_error(histogram: Histogram, element: DType) -> Range:
    """Return the range whose format, zero point included, makes the least mean square error."""
    held = np.flatnonzero(histogram.counts)
    counts, middles = histogram.counts[held], histogram.middles[held]
    low, high = min(histogram.low, 0.0), max(histogram.high, 0.0)
    shares = np.arange(CANDIDATES, 0, -1) / CANDIDATES
    lows, highs = (low * shares if low else [0.0]), (high * shares if high else [0.0])

    def error(found: Range) -> float:
        return format_error(middles, counts, histogram.width, found, element)

    best = (low, high)
    for _ in range(ROUNDS):
        before = best
        best = min(((best[0], float(bound)) for bound in highs), key=error)
        best = min(((float(bound), best[1]) for bound in lows), key=error)
        if best == before:
            break
    return best


def format_error(
    middles: Array, counts: Array, width: float, found: Range, element: DType
) -> float:
    """Return the sum of the square errors that the format of a range makes of bins.

    Elements are spread evenly over their bin, so that steps finer than bins count as well.
    """
    quant = make_format(found, element)
    errors = quant.dequantize(quant.quantize(middles, element)).astype(np.float64) - middles
    return float(counts @ (np.square(errors) + min(quant.scale, width) ** 2 / 12))


def least_divergence(histogram: Histogram) -> Range:
    """Return the range up to the magnitude at which quantization loses the least information.

    Source: Migacz 2017, "8-bit Inference with TensorRT". The distribution of magnitudes, with all
    that saturates in its last bin, is compared with itself in as many levels as the integers
    have for it. Zero is exact in every format, so its bin counts as the next one does.
    """
    counts, width = magnitudes(histogram)
    levels = SIGNED_LEVELS if histogram.low < 0 < histogram.high else LEVELS
    if len(counts) <= levels:
        return histogram.low, histogram.high
    candidates = [len(counts), *range(levels, len(counts), STRIDE)]
    limit = width * min(candidates, key=lambda bins: divergence(counts, bins, levels))
    return max(histogram.low, -limit), min(histogram.high, limit)


def magnitudes(histogram: Histogram) -> tuple[Array, float]:
    """Return counts of magnitudes in `MAGNITUDES` bins from zero or fewer, and their width."""
    held = np.flatnonzero(histogram.counts)
    bins = held + histogram.first
    bins = np.where(bins < 0, -1 - bins, bins)
    merged = 1 if bins.max() < MAGNITUDES else 2
    counts = np.bincount(bins // merged, histogram.counts[held])
    counts[0] = counts[:2].min()
    return counts, histogram.width * merged


def divergence(counts: Array, bins: int, levels: int) -> float:
    """Return the Kullback-Leibler divergence of the first bins, the rest in the last, in levels.

    A bin that levels leave empty counts as if it had an element.
    """
    kept = counts[:bins]
    whole = kept.copy()
    whole[-1] += counts[bins:].sum()
    is_held = whole > 0
    edges = np.arange(levels) * bins // levels
    sums = np.add.reduceat(kept, edges)
    shared = sums / np.maximum(np.add.reduceat(is_held, edges, dtype=np.int64), 1)
    expanded = np.repeat(shared, np.diff(edges, append=bins))
    p, q = whole[is_held], np.maximum(expanded[is_held], 1)
    return float((p * np.log((p / p.sum()) / (q / q.sum()))).sum() / p.sum())
