"""Encoding then decoding is the identity; sizes are exact; tables stay small."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.ir.coding import CODINGS, Coding, coded_bytes, decode, encode, fits
from codegen.ir.types import Array


def integers(coding: Coding, count: int, seed: int) -> Array:
    """Integers that fit the coding, its extremes among them where there are enough."""
    random = np.random.default_rng(seed)
    if coding.kind == "bits":
        values = {1: [-1, 1], 2: [-2, -1, 0, 1], 4: list(range(-8, 8))}[coding.bits]
        return random.choice(values, count).astype(np.int8)
    if coding.kind == "codebook":
        return random.choice(random.integers(-128, 128, 1 << coding.bits), count).astype(np.int8)
    spread, density = random.choice([0, 1, 30, 200]), random.random()
    drawn = np.rint(random.normal(0, spread, count)).clip(-128, 127)
    return np.asarray((drawn * (random.random(count) < density)).astype(np.int8))


@given(
    st.sampled_from(CODINGS), st.integers(1, 700), st.integers(0, 300), st.integers(0, 2**32 - 1)
)
def test_decoding_gives_the_integers(coding: Coding, count: int, group: int, seed: int) -> None:
    data = integers(coding, count, seed)
    coded = encode(data, coding, group)
    assert np.array_equal(decode(coded, coding, count, group), data)
    assert coded.size_bytes == coded_bytes(data, coding, group)


@pytest.mark.parametrize(
    ("coding", "good", "bad"),
    [
        (Coding("bits", 4), (-8, 7), (-8, 8)),
        (Coding("bits", 2), (-2, 1), (-3, 1)),
        (Coding("bits", 1), (-1, 1), (-1, 0)),
        (Coding("codebook", 2), (-128, 127, 0, 9), (0, 1, 2, 3, 4)),
    ],
)
def test_what_fits(coding: Coding, good: tuple[int, ...], bad: tuple[int, ...]) -> None:
    assert fits(np.array(good, np.int8), coding)
    assert not fits(np.array(bad, np.int8), coding)


@pytest.mark.parametrize(
    ("coding", "size"),
    [
        (Coding("bits", 4), 500),
        (Coding("bits", 2), 252),
        (Coding("bits", 1), 128),
        (Coding("codebook", 6), 750 + 60),
    ],
)
def test_sizes(coding: Coding, size: int) -> None:
    data = integers(coding, 1000, 0) if coding.kind == "bits" else np.arange(1000) % 60
    assert coded_bytes(data.astype(np.int8), coding) == size


def test_huffman_comes_near_the_entropy_of_sparse_weights() -> None:
    random = np.random.default_rng(0)
    dense = np.rint(random.normal(0, 12, 50_000)).clip(-128, 127)
    data = (dense * (random.random(50_000) < 0.2)).astype(np.int8)
    _, counts = np.unique(data, return_counts=True)
    shares = counts / data.size
    entropy_bytes = -(shares * np.log2(shares)).sum() * data.size / 8
    assert entropy_bytes < coded_bytes(data, Coding("huffman")) < 1.05 * entropy_bytes


def test_no_huffman_code_is_longer_than_15_bits() -> None:
    counts = [1, 1]
    while len(counts) < 18:
        counts.append(counts[-1] + counts[-2])
    data = np.repeat(np.arange(1, 19), counts).astype(np.int8)
    coded = encode(data, Coding("huffman"))
    lookup, longer = coded.tables["values"][:2]
    assert lookup + longer == 15
    assert np.array_equal(decode(coded, Coding("huffman"), data.size), data)
