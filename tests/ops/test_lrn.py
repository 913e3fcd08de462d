"""Local response normalization against the sentence of the ONNX operator, channel by channel."""

from __future__ import annotations

import math

import numpy as np
import pytest

from codegen.ir.types import Array
from codegen.ops import Lrn
from tests.ops.harness import int8, op_graph


def plain(op: Lrn, x: Array) -> Array:
    """Each channel by its own sum, floor((size - 1) / 2) below to ceil((size - 1) / 2) above it."""
    y = np.empty_like(x)
    for c in range(x.shape[-1]):
        first = max(0, c - math.floor((op.size - 1) / 2))
        last = min(x.shape[-1] - 1, c + math.ceil((op.size - 1) / 2))
        energy = (x[..., first : last + 1] ** 2).sum(axis=-1)
        y[..., c] = x[..., c] / (op.bias + op.alpha / op.size * energy) ** op.beta
    return y


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8, 20])
def test_windows_of_odd_and_even_size(size: int) -> None:
    op = Lrn(size, 0.3, 0.75, 2.0)
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 9))
    np.testing.assert_allclose(op.evaluate(x), plain(op, x), rtol=1e-12)


@pytest.mark.parametrize("beta", [0.5, 0.75, 1.0, 3.0])
def test_every_sum_of_squares_is_within_the_tolerance(beta: float) -> None:
    """One strong channel beside a swept one drives the sum through all octaves."""
    op = Lrn(2, 0.5, beta, 1.0)
    x = int8((2,), 0.2, -128)
    q = np.stack(np.meshgrid(np.arange(-128, 128), np.arange(-128, 128)), -1).reshape(-1, 2)
    assert x.quant is not None
    real = op.evaluate(x.quant.dequantize(q))
    scale = float(real.max()) / 255
    graph = op_graph(op, [x], (scale, -128))
    fixed = op.evaluate_fixed(graph.signature(graph.nodes[0]), q.astype(np.int8))
    error = np.abs(fixed - np.clip(real / scale - 128, -128, 127))
    assert error.max() <= 0.5 + 0.25
    assert error.mean() < 0.26


@pytest.mark.parametrize("op", [Lrn(0), Lrn(5, -1.0), Lrn(5, 1.0, -0.5), Lrn(5, 1.0, 0.5, 0.0)])
def test_what_has_no_bound_is_refused(op: Lrn) -> None:
    with pytest.raises(ValueError, match="above 0"):
        op.infer(int8((4,)))
