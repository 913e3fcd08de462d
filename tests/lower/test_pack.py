"""Packing keeps every weight, in the place where the inner loop looks for it."""

from __future__ import annotations

import numpy as np

from codegen.lower.bind.layout import transpose_loops
from codegen.lower.pack import column_pairs_3x3, interleave_halves, interleave_pairs


def test_pairs_of_filters_stand_side_by_side() -> None:
    weights = np.arange(15).reshape(3, 5)
    packed = interleave_pairs(weights)
    assert packed.shape == (2, 5, 2)
    assert (packed[0, 2] == (2, 7)).all()
    assert (packed[1, :, 1] == 0).all()


def test_halves_hold_two_values_of_two_filters() -> None:
    weights = np.arange(1, 11).reshape(2, 5)
    packed = interleave_halves(weights)
    assert packed.shape == (1, 4, 4)
    assert packed[0, 0].tolist() == [1, 6, 2, 7]
    assert packed[0, 2].tolist() == [5, 10, 0, 0]


def test_column_pairs_come_out_of_sxtb16() -> None:
    packed = column_pairs_3x3(np.arange(9).reshape(1, 3, 3))[0].tolist()
    first, second = packed[:4], packed[4:8]
    assert (first[0], first[2]) == (0, 3)
    assert (first[1], first[3]) == (1, 4)
    assert (second[0], second[2]) == (2, 5)
    assert (second[1], second[3]) == (6, 7)
    assert packed[8] == 8


def test_transpose_loops_visit_every_element_in_order() -> None:
    x = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    sizes, strides = transpose_loops(x.shape, (2, 0, 3, 1))
    order = sum(
        np.arange(size).reshape(-1, *(1,) * (3 - i)) * stride
        for i, (size, stride) in enumerate(zip(sizes, strides, strict=True))
    )
    assert (order.ravel() == x.transpose(2, 0, 3, 1).ravel()).all()
