"""Histograms and clipping: counts are those of all samples, and each method keeps its promise."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codegen.ir.types import Array, DType
from codegen.quantize.clipping import (
    MAGNITUDES,
    clip_tails,
    find_method,
    least_divergence,
    least_error,
    magnitudes,
)
from codegen.quantize.formats import make_format
from codegen.quantize.histogram import BINS, Histogram
from codegen.quantize.ranges import Range

REALS = st.floats(-1e6, 1e6, width=32, allow_subnormal=False)


def histogram_of(*samples: Array) -> Histogram:
    found = Histogram()
    for sample in samples:
        found.add(sample.astype(np.float32))
    return found


def noise_of(x: Array, found: Range, element: DType = DType.INT8) -> float:
    """Return the mean square error that the format of a range makes."""
    quant = make_format(found, element)
    return float(np.square(quant.dequantize(quant.quantize(x, element)) - x).mean())


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(REALS, max_size=9), max_size=4))
def test_every_element_is_counted_in_its_bin(samples: list[list[float]]) -> None:
    found = histogram_of(*map(np.array, samples))
    whole = np.array(list(chain(*samples)), np.float32)
    assert len(found.counts) == BINS and found.counts.sum() == whole.size
    if whole.size:
        bins = np.floor(whole.astype(np.float64) / found.width).astype(int) - found.first
        np.testing.assert_array_equal(found.counts, np.bincount(bins, minlength=BINS))
        assert (found.low, found.high) == (whole.min(), whole.max())


def test_the_order_of_samples_does_not_matter() -> None:
    rng = np.random.default_rng(1)
    samples = [rng.normal(rng.uniform(-5, 5), 10.0**k, 200) for k in range(-3, 3)]
    forth, back = histogram_of(*samples), histogram_of(*reversed(samples))
    np.testing.assert_array_equal(forth.counts, back.counts)
    assert (forth.exponent, forth.first) == (back.exponent, back.first)


def test_half_of_the_bins_are_used() -> None:
    rng = np.random.default_rng(2)
    for scale in (1e-30, 0.3, 1e20):
        found = histogram_of(*rng.normal(0, scale, (4, 100)))
        assert (found.high - found.low) / found.width >= BINS / 2 - 1

    far = histogram_of(np.linspace(100, 100.5, 50))
    assert far.high / far.width >= BINS / 2 - 1, "formats cover zero, too"


@pytest.mark.parametrize("constant", [0.0, 5.0, -3e38, 1e-38])
def test_a_constant_keeps_its_range(constant: float) -> None:
    found = histogram_of(np.full(9, constant))
    for name in ("percentile", "mse", "entropy"):
        method = find_method(name, 99.0, DType.INT8)
        assert method is not None
        low, high = method(found)
        assert min(low, 0) == min(np.float32(constant), 0)
        assert max(high, 0) == max(np.float32(constant), 0)


@pytest.mark.parametrize("percent", [90.0, 99.0, 99.9, 100.0])
def test_a_percentile_cuts_the_tails(percent: float) -> None:
    x = np.random.default_rng(3).normal(1, 2, 100_000)
    found = histogram_of(*np.split(x, 10))
    low, high = clip_tails(found, percent)
    expected = np.percentile(x, [(100 - percent) / 2, (100 + percent) / 2])
    np.testing.assert_allclose((low, high), expected, atol=2 * found.width)


def test_a_percentile_of_what_is_positive_keeps_zero() -> None:
    x = np.maximum(np.random.default_rng(4).normal(0, 1, 10_000), 0)
    low, high = clip_tails(histogram_of(x), 99.0)
    assert low == 0 and high < x.max()


@pytest.mark.parametrize("shift", [0.0, 3.0, -8.0])
@pytest.mark.parametrize("element", [DType.INT8, DType.INT16])
def test_the_least_error_is_less_than_that_of_any_other_range(shift: float, element: DType) -> None:
    """Errors are those of the format on the elements themselves, on either side of zero."""
    rng = np.random.default_rng(5)
    x = (rng.standard_t(3, 40_000) + shift).astype(np.float32)
    found = least_error(histogram_of(x), element)
    least = noise_of(x, found, element)
    low, high = float(x.min()), float(x.max())
    others = [(low * a, high * b) for a in (0.3, 0.6, 1) for b in (0.2, 0.4, 0.7, 1)]
    assert least <= 1.02 * min(noise_of(x, other, element) for other in others)
    if element is DType.INT8 and not shift:
        assert least < 0.95 * noise_of(x, (low, high))


def test_values_without_tails_are_not_clipped() -> None:
    x = np.random.default_rng(6).uniform(-1, 3, 50_000)
    for name in ("mse", "entropy"):
        method = find_method(name, 99.0, DType.INT8)
        assert method is not None
        np.testing.assert_allclose(method(histogram_of(x)), (x.min(), x.max()), rtol=0.05)


def test_the_least_divergence_leaves_outliers_out() -> None:
    """As published: of values of which few are far from all others, these saturate."""
    rng = np.random.default_rng(7)
    x = np.concatenate([np.abs(rng.normal(0, 1, 100_000)), rng.uniform(30, 40, 5)])
    low, high = least_divergence(histogram_of(x))
    assert low == x.astype(np.float32).min() and 3 < high < 10


def test_the_least_divergence_is_that_of_magnitudes() -> None:
    rng = np.random.default_rng(8)
    x = np.concatenate([rng.normal(0, 1, 100_000), [-40.0, 2.0]])
    low, high = least_divergence(histogram_of(x))
    assert -10 < low < -2.5 and high == min(-low, np.float32(x.max()))


def test_magnitudes_are_counted_from_zero() -> None:
    counts, width = magnitudes(histogram_of(np.linspace(-100, -50, 1000)))
    held = np.flatnonzero(counts)
    assert counts.sum() == 1000 and MAGNITUDES / 2 <= len(counts) <= MAGNITUDES
    assert 50 - width <= held[0] * width <= 50 and 100 <= (held[-1] + 1) * width <= 100 + width


def test_extremes_need_no_method() -> None:
    assert find_method("min-max", 99.0, DType.INT8) is None
