"""Weights of few levels: scales and integers that change results least."""

from __future__ import annotations

import numpy as np
import pytest

from codegen.ir.types import Array
from codegen.quantize.fit_weights import (
    error_of,
    fit_scales,
    fit_together,
    holding_scales,
    refit_scales,
)
from codegen.quantize.round_weights import nearest, products
from codegen.quantize.weight_form import WeightForm
from tests.quantize.test_round_weights import correlated

BITS = (4, 2, 1)


def held(reals: Array, levels: Array) -> tuple[Array, Array]:
    """Return scales that hold every weight, and the nearest integers."""
    scales = holding_scales(reals, levels)
    return scales, nearest(reals / scales[..., None], levels)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize(("groups", "filters", "depth"), [(1, 8, 27), (6, 1, 9)])
def test_results_are_nearer_than_by_the_nearest_integers(
    bits: int, groups: int, filters: int, depth: int
) -> None:
    rng = np.random.default_rng(0)
    levels = WeightForm(bits=bits).levels
    patches = correlated(rng, groups, 800, depth)
    reals = rng.normal(0, 0.3, (groups, filters, depth))
    scales, integers = fit_together(reals, products(patches[:, :400]), levels, 0.0)
    assert set(np.unique(integers)) <= set(levels)
    seen = products(patches[:, 400:])
    fitted = error_of(reals, scales, integers, seen).sum()
    assert fitted < 0.5 * error_of(reals, *held(reals, levels), seen).sum()


@pytest.mark.parametrize("bits", BITS)
def test_scales_are_of_least_error(bits: int) -> None:
    """No scale of a fine grid is better by more than the steps that are tried."""
    rng = np.random.default_rng(1)
    levels = WeightForm(bits=bits).levels
    reals, counts = rng.normal(0, 1, (1, 5, 64)), rng.random((1, 64))

    def error(scales: Array) -> Array:
        integers = nearest(reals / scales[..., None], levels)
        return error_of(reals, scales, integers, counts[:, None] * np.eye(64))

    found = error(fit_scales(reals, counts, levels))
    best = np.min([error(np.full((1, 5), s)) for s in np.linspace(0.01, 3, 1000)], axis=0)
    assert (found <= 1.03 * best).all()


def test_a_scale_for_given_integers_is_the_best() -> None:
    rng = np.random.default_rng(2)
    squares = products(correlated(rng, 1, 50, 6))
    reals = rng.normal(0, 1, (1, 3, 6))
    scales, integers = held(reals, np.arange(-8, 8))
    best = refit_scales(reals, scales, integers, squares, 0.0)
    for other in (0.99, 1.01):
        worse = error_of(reals, best * other, integers, squares)
        assert (error_of(reals, best, integers, squares) < worse).all()
    assert (refit_scales(reals, scales, integers, squares, 9.0) == 9).all()


@pytest.mark.parametrize("bits", BITS)
def test_filters_and_operands_of_zeros_are_no_trouble(bits: int) -> None:
    levels = WeightForm(bits=bits).levels
    reals = np.zeros((2, 3, 4))
    reals[1, 0] = 1.0
    scales, integers = fit_together(reals, np.zeros((2, 4, 4)), levels, 1e-6)
    np.testing.assert_allclose(np.delete(scales.reshape(-1), 3), 1e-6)
    assert set(np.unique(integers)) <= set(levels)
