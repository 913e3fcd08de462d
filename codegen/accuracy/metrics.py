"""Metrics: how right a network's outputs are, and how near to others."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from codegen.ir.types import Array


@dataclass(slots=True)
class Noise:
    """Squares of a signal and of its error, added up: SQNR and mean squared error."""

    signal: float = 0.0
    error: float = 0.0
    count: int = 0

    def add(self, expected: Array, found: Array) -> None:
        """Add elements of equal shapes."""
        exact = expected.astype(np.float64)
        self.signal += float(np.square(exact).sum())
        self.error += float(np.square(found - exact).sum())
        self.count += exact.size

    @property
    def mean_squared_error(self) -> float:
        return self.error / max(self.count, 1)

    @property
    def sqnr_db(self) -> float:
        """Signal to quantization noise ratio in dB, infinite where there is no error."""
        if self.error == 0:
            return math.inf
        return 10 * math.log10(self.signal / self.error) if self.signal else -math.inf


def top_k(scores: Array, labels: Array, k: int) -> float:
    """Return the share of samples whose class is among the k greatest of their scores (N, C).

    Of equal scores those of lower classes count first.

    >>> top_k(np.array([[1, 3, 2], [9, 2, 4]]), np.array([2, 1]), 2)
    0.5
    """
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return float((best == labels[:, None]).any(axis=1).mean())


def area_under_curve(scores: Array, labels: Array) -> float | None:
    """Return the area under the ROC curve: how often an anomaly (label 1) scores above the rest.

    Equal scores count one half. None where all labels are the same.

    >>> area_under_curve(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]))
    0.75
    """
    anomalies, others = scores[labels != 0], scores[labels == 0]
    if not len(anomalies) or not len(others):
        return None
    ordered = np.sort(others)
    below = np.searchsorted(ordered, anomalies, "left")
    up_to = np.searchsorted(ordered, anomalies, "right")
    return float((below + up_to).sum() / (2 * len(anomalies) * len(others)))


@dataclass(frozen=True, slots=True)
class Confusion:
    """Samples that the float network puts in one class and the fixed-point one in another."""

    float_class: int
    fixed_class: int
    samples: int


def confusions(expected: Array, found: Array) -> tuple[Confusion, ...]:
    """Return the pairs of classes that differ, the most frequent first, from scores (N, C)."""
    pairs = zip(expected.argmax(axis=1).tolist(), found.argmax(axis=1).tolist(), strict=True)
    counts = Counter(pair for pair in pairs if pair[0] != pair[1])
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Confusion(a, b, count) for (a, b), count in ranked)
