"""Weights rounded together: less error on the samples than by the nearest integers."""

from __future__ import annotations

import numpy as np
import pytest

from codegen.ir.types import Array
from codegen.ops import Conv2d
from codegen.quantize.round_weights import pays_off, round_together, sample_patches

LEVELS = np.arange(-127, 128)


def correlated(rng: np.random.Generator, groups: int, count: int, depth: int) -> Array:
    """Patches that a few hidden numbers make, and a little noise."""
    hidden = rng.normal(0, 30, (groups, count, 2)) @ rng.normal(0, 1, (groups, 2, depth))
    return np.rint(hidden + rng.normal(0, 2, (groups, count, depth)))


def error(exact: Array, steps: Array, patches: Array) -> float:
    return float(np.square(patches @ (exact - steps).swapaxes(1, 2)).mean())


@pytest.mark.parametrize(("groups", "filters", "depth"), [(1, 8, 27), (6, 1, 9), (2, 3, 16)])
def test_the_error_on_other_samples_falls(groups: int, filters: int, depth: int) -> None:
    rng = np.random.default_rng(0)
    patches = correlated(rng, groups, 800, depth)
    exact = rng.normal(0, 20, (groups, filters, depth))
    together = round_together(exact, patches[:, :400], LEVELS)
    assert np.array_equal(together, np.rint(together)) and np.abs(together).max() <= 127
    others = patches[:, 400:]
    assert error(exact, together, others) < 0.3 * error(exact, np.rint(exact), others)
    assert pays_off(exact, np.rint(exact), together, others)
    assert not pays_off(exact, together, np.rint(exact), others)


def test_weights_of_operands_without_relation_are_the_nearest() -> None:
    exact = np.random.default_rng(1).normal(0, 20, (1, 5, 12))
    together = round_together(exact, np.eye(12)[None] * 100, LEVELS)
    np.testing.assert_array_equal(together, np.rint(exact))


def test_operands_that_are_all_zero_are_no_trouble() -> None:
    exact = np.random.default_rng(1).normal(0, 20, (1, 5, 12))
    together = round_together(exact, np.zeros((1, 40, 12)), LEVELS)
    np.testing.assert_array_equal(together, np.rint(exact))


@pytest.mark.parametrize(
    "op",
    [
        Conv2d(),
        Conv2d(strides=(2, 1), pads=(1, 0, 1, 2)),
        Conv2d(dilations=(2, 2), pads=(2, 2, 2, 2), group=2),
        Conv2d(pads=(1, 1, 1, 1), group=4),
    ],
)
def test_patches_are_what_weights_are_multiplied_by(op: Conv2d) -> None:
    rng = np.random.default_rng(2)
    x = rng.integers(-9, 9, (2, 7, 6, 4)).astype(np.int8)
    weights = rng.integers(-9, 9, (8, 3, 3, 4 // op.group))
    patches = sample_patches(op, x, (3, 3), pad_value=0).astype(np.float64)
    rows = weights.reshape(op.group, 8 // op.group, -1)
    products = (patches @ rows.swapaxes(1, 2)).transpose(1, 0, 2)
    expected = op.evaluate(x, weights, np.zeros(8))
    np.testing.assert_array_equal(products.reshape(expected.shape), expected)
