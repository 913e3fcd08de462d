"""Metrics against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from codegen.accuracy.metrics import (
    Confusion,
    Noise,
    area_under_curve,
    confusions,
    top_k,
)


def test_noise_adds_up_over_parts() -> None:
    rng = np.random.default_rng(0)
    expected, error = rng.normal(0, 2, (10, 7)), rng.normal(0, 0.1, (10, 7))
    noise = Noise()
    for row in range(10):
        noise.add(expected[row], expected[row] + error[row])
    assert noise.mean_squared_error == pytest.approx((error**2).mean())
    assert noise.sqnr_db == pytest.approx(10 * np.log10((expected**2).sum() / (error**2).sum()))


def test_noise_without_error_or_signal() -> None:
    exact, silent = Noise(), Noise()
    exact.add(np.ones(3), np.ones(3))
    silent.add(np.zeros(3), np.ones(3))
    assert exact.sqnr_db == math.inf
    assert silent.sqnr_db == -math.inf


def test_top_k_counts_lower_classes_first() -> None:
    scores = np.array([[1.0, 1.0, 1.0], [0.0, 2.0, 2.0]])
    assert top_k(scores, np.array([0, 2]), 1) == 0.5
    assert top_k(scores, np.array([2, 2]), 2) == 0.5
    assert top_k(scores, np.array([2, 0]), 3) == 1.0


def test_area_under_curve_is_the_share_of_ordered_pairs() -> None:
    rng = np.random.default_rng(0)
    scores, labels = rng.integers(0, 9, 60).astype(float), rng.integers(0, 2, 60)
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[labels == 1] for b in scores[labels == 0]]
    assert area_under_curve(scores, labels) == pytest.approx(np.mean(pairs))
    assert area_under_curve(scores, np.ones(60)) is None


def test_confusions_are_ranked() -> None:
    expected = np.eye(3)[[0, 0, 1, 2, 2]]
    found = np.eye(3)[[0, 1, 1, 0, 0]]
    assert confusions(expected, found) == (Confusion(2, 0, 2), Confusion(0, 1, 1))
