"""Packing keeps every weight, in the place where the inner loop looks for it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from codegen.ir.types import Array
from codegen.lower.bind.block import pack_blocks
from codegen.lower.bind.layout import transpose_loops
from codegen.lower.bind.slide import pack_columns
from codegen.lower.pack import (
    interleave_even_pairs,
    interleave_four_quads,
    interleave_fours,
    interleave_pairs,
    interleave_quads,
    lane_runs,
)


def test_pairs_of_filters_stand_side_by_side() -> None:
    weights = np.arange(15).reshape(3, 5)
    packed = interleave_pairs(weights)
    assert packed.shape == (2, 5, 2)
    assert (packed[0, 2] == (2, 7)).all()
    assert (packed[1, :, 1] == 0).all()


def test_quads_come_out_of_sxtb16() -> None:
    """Bytes 0 and 2 of each word are two values of the first filter, 1 and 3 of the second."""
    packed = interleave_quads(np.arange(1, 11).reshape(2, 5))
    assert packed.shape == (1, 2, 8)
    first, second = packed[0, 0, :4].tolist(), packed[0, 0, 4:].tolist()
    assert (first[0::2], first[1::2]) == ([1, 3], [6, 8])
    assert (second[0::2], second[1::2]) == ([2, 4], [7, 9])
    assert packed[0, 1].tolist() == [5, 10, 0, 0, 0, 0, 0, 0]


def test_blocks_hold_even_and_odd_weights_in_halves() -> None:
    """The last word of a run ends with it; what the word before holds too is zero there."""
    packed = pack_blocks(np.arange(-6, 6).reshape(2, 1, 1, 6))
    assert packed.shape == (1, 1, 2, 1, 2)
    low, high = packed[0, 0, :, 0, 0] & 0xFFFF, packed[0, 0, :, 0, 0] >> 16
    assert (low.astype(np.int16) == (256 * -6 - 5, 0)).all()
    assert (high == (256 * -4 - 3, 256 * -2 - 1)).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(4, 9))
def test_blocks_sum_what_windows_do(seed: int, filters: int, length: int) -> None:
    """256 times the products, less the start: by the words that kernels make of a patch."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(-127, 128, (filters, 1, 1, length))
    x = rng.integers(-128, 128, length)
    packed = pack_blocks(weights)
    total = np.zeros(2 * len(packed), np.int64)
    for word in range(packed.shape[2]):
        first = min(4 * word, length - 4)
        even, odd = x[first : first + 4 : 2], x[first + 1 : first + 4 : 2]
        h = packed[:, 0, word, 0, :].ravel()[:, None] >> (0, 16)
        whole, low = h.astype(np.int16).astype(np.int64), h.astype(np.int8).astype(np.int64)
        total += whole @ even + low @ (256 * odd + 127 - even) - 127 * low.sum(axis=1)
    assert (total[:filters] == 256 * (weights.reshape(filters, -1) @ x)).all()


def test_fours_of_filters_stand_side_by_side() -> None:
    weights = np.arange(30).reshape(6, 5)
    assert interleave_fours(weights)[0, 2].tolist() == [2, 7, 12, 17]
    assert interleave_fours(weights)[1, 1].tolist() == [21, 26, 0, 0]
    quads = interleave_four_quads(weights)
    assert quads.shape == (2, 2, 16)
    assert quads[0, 1, :8].tolist() == interleave_quads(weights[:2])[0, 1].tolist()
    assert quads[0, 1, 8:].tolist() == interleave_quads(weights[2:4])[0, 1].tolist()


def test_transpose_loops_visit_every_element_in_order() -> None:
    x = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    sizes, strides = transpose_loops(x.shape, (2, 0, 3, 1))
    order = sum(
        np.arange(size).reshape(-1, *(1,) * (3 - i)) * stride
        for i, (size, stride) in enumerate(zip(sizes, strides, strict=True))
    )
    assert (order.ravel() == x.transpose(2, 0, 3, 1).ravel()).all()


@given(
    st.integers(1, 3),
    st.integers(1, 40),
    st.sampled_from((3, 30, 64, 127)),
    st.integers(0, 2**32 - 1),
)
def test_lane_runs_keep_sums_within_16_bits(tiles: int, depth: int, most: int, seed: int) -> None:
    """Each four and two of steps fits for all inputs; together they are the weights in order."""
    rng = np.random.default_rng(seed)
    pairs = interleave_even_pairs(rng.integers(-most, most + 1, (2 * tiles, depth)))
    runs = iter(lane_runs(pairs).tolist())
    for pair in pairs:
        at = 0
        run = 0
        while run >= 0:
            run = next(runs)
            for size in [4] * run + [2] if run >= 0 else [4] * (-1 - run):
                assert_fits(pair[at : at + size])
                at += size
        assert at == len(pair)
    assert next(runs, None) is None


def assert_fits(steps: Array) -> None:
    """The input of least products and that of greatest keep both sums, negated too, in an int16."""
    for x in (np.where(steps > 0, 127, -128), np.where(steps > 0, -128, 127)):
        sums = (steps * x).sum(axis=0)
        assert (np.abs(sums) < 2**15).all()


def test_lane_runs_leave_out_the_least_int16() -> None:
    """Two such sums in one word would leave it."""
    pairs = np.full((1, 4, 2), 64)
    assert lane_runs(pairs).tolist() == [0, 0, -1]
    pairs[0, 3] = 63
    assert lane_runs(pairs).tolist() == [-2]


def test_lane_runs_count_no_further_than_an_int8() -> None:
    runs = lane_runs(np.zeros((1, 4 * 130, 2), np.int64))
    assert runs.tolist() == [127, 2, -1]


def test_columns_come_out_of_sxtb16_as_pairs() -> None:
    """Upper rows of the three columns, then the lowest row's first two; the last with the bias."""
    weights = np.arange(-4, 5).reshape(1, 3, 3)
    (packed,) = pack_columns(weights, np.array([7], np.int32), np.array([-3], np.int32))
    first, second = (packed[i : i + 1].view(np.int8) for i in range(2))
    pairs = [first[0::2], first[1::2], second[0::2], second[1::2]]
    assert [pair.tolist() for pair in pairs] == [[-4, -1], [-3, 0], [-2, 1], [2, 3]]
    assert packed[2] == 7
    assert (packed[3] >> 8, packed[3].astype(np.int8)) == (-3, 4)
