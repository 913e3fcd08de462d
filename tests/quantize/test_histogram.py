"""Histogram: one pass gives the same counts as a second look would."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from codegen.quantize.histogram import HALF, Histogram


@given(st.lists(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1), min_size=1, max_size=6))
def test_every_element_is_counted_near_where_it_is(parts: list[list[float]]) -> None:
    histogram = Histogram()
    for part in parts:
        histogram.add(np.array(part, np.float32))
    values = np.sort(np.concatenate([np.array(part, np.float32) for part in parts]))
    assert (histogram.low, histogram.high) == (values[0], values[-1])
    assert histogram.counts is not None and histogram.counts.sum() == len(values)
    found = np.repeat(histogram.centres(), histogram.counts)
    width = 2.0**histogram.exponent
    assert (np.abs(found - values) <= width * 0.501).all()


def test_bins_are_as_narrow_as_the_extremes_allow() -> None:
    histogram = Histogram()
    histogram.add(np.array([0.1, 0.2]))
    histogram.add(np.array([-5.0]))
    assert 2.0**histogram.exponent * HALF == 8.0
