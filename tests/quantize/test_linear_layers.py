"""Weights and biases: nearest integers, and always provable in 32 bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.ir.fixed_point import INT32_MAX
from codegen.ir.op import Signature
from codegen.ir.types import Array, DType, Quant, TensorType
from codegen.ops import Dense
from codegen.quantize.linear_layers import Constant, quantize_bias, quantize_weights

X = Quant((0.02,), -7)
Y = Quant((0.05,), 11)


def params(weights: Constant, bias: Constant, x: Quant, y: Quant):
    k, m = weights.data.shape[1], weights.data.shape[0]
    signature = Signature(
        (TensorType((k,), DType.INT8, x), weights.type, bias.type),
        TensorType((m,), DType.INT8, y),
        (None, weights.data, bias.data),
    )
    return Dense().params(signature)


def test_weights_are_the_nearest_of_127_steps() -> None:
    real = np.random.default_rng(0).normal(size=(16, 40))
    weights = quantize_weights(real, np.zeros(16), X, Y)
    assert weights.type.quant is not None and weights.type.quant.axis == 0
    scales = np.array(weights.type.quant.scales)
    np.testing.assert_allclose(scales, np.abs(real).max(axis=1) / 127, rtol=2**-23)
    np.testing.assert_array_equal(scales, scales.astype(np.float32))
    assert (np.abs(weights.data).max(axis=1) == 127).all()
    error = np.abs(weights.type.quant.dequantize(weights.data) - real)
    assert (error <= scales[:, None] * (0.5 + 1e-9)).all()


def test_filters_of_four_dimensions_have_a_scale_each() -> None:
    real = np.random.default_rng(0).normal(size=(5, 3, 3, 2))
    weights = quantize_weights(real, np.zeros(5), X, Y)
    assert weights.data.shape == (5, 3, 3, 2) and weights.data.dtype == np.int8
    assert weights.type.quant is not None and len(weights.type.quant.scales) == 5


def test_a_filter_of_zeros_passes_its_bias_on() -> None:
    real = np.random.default_rng(0).normal(size=(3, 40))
    real[1] = 0
    bias = np.array([0.5, 3.2, -0.1])
    assert_close(real, bias, X, Y)


def test_a_bias_beyond_int32_makes_its_filter_coarser() -> None:
    real = np.random.default_rng(0).normal(size=(2, 9)) * 1e-7
    bias = np.array([2.0, 1e3])
    weights = quantize_weights(real, bias, X, Y)
    steps = quantize_bias(bias, weights, X)
    assert np.abs(steps.data.astype(np.int64)).max() <= INT32_MAX
    params(weights, steps, X, Y)


def assert_close(real: Array, bias: Array, x: Quant, y: Quant) -> None:
    """The integer layer is within what the rounding of weights, bias and output explains."""
    weights = quantize_weights(real, bias, x, y)
    steps = quantize_bias(bias, weights, x)
    found = params(weights, steps, x, y)
    inputs = np.random.default_rng(1).integers(-128, 128, (50, real.shape[1]))
    exact = x.dequantize(inputs) @ real.T + bias
    acc = inputs @ found.weights.T.astype(np.int64) + found.bias
    assert np.abs(acc).max() <= INT32_MAX
    low, high = (y.dequantize(np.array(end)) for end in (-128, 127))
    assert weights.type.quant is not None
    scales = np.asarray(weights.type.quant.scales)
    rounding = np.abs(x.dequantize(inputs)).sum(axis=1)[:, None] * scales / 2 + x.scale * scales
    difference = np.abs(y.dequantize(found.rescale.apply(acc)) - np.clip(exact, low, high))
    assert (difference <= rounding + y.scale * (0.5 + 1e-2)).all()


magnitudes = st.integers(-6, 1).map(lambda e: 10.0**e)


@given(
    seed=st.integers(0, 2**32 - 1),
    weight=magnitudes,
    bias=st.integers(-6, 4).map(lambda e: 10.0**e),
    spread=st.floats(0, 6),
    zero_point=st.integers(-128, 127),
    k=st.integers(1, 300),
)
def test_every_layer_fits_32_bits(
    seed: int, weight: float, bias: float, spread: float, zero_point: int, k: int
) -> None:
    """Whatever the weights and biases, where the output's range is that of the layer."""
    rng = np.random.default_rng(seed)
    real = rng.normal(size=(4, k)) * weight * 10 ** (-spread * rng.random((4, 1)))
    biases = rng.normal(size=4) * bias
    x = Quant((0.02,), zero_point)
    y = Quant((max(weight * k**0.5 * 0.02, float(np.abs(biases).max()) / 127),), 0)
    assert_close(real, biases, x, y)


def test_a_prescribed_bias_is_exact() -> None:
    """Files hold its scale in float32: the product of those of input and weights, rounded."""
    scales = (0.001, 0.002, 0.004)
    data = np.array([[1, -2], [127, 4], [-127, 9]], np.int8)
    weights = Constant(data, TensorType((3, 2), DType.INT8, Quant(scales, 0, 0)))
    integers = np.array([-(2**31) + 1, 12345, 2**31 - 1], np.int64)
    bias = integers * (X.scale * np.array(scales)).astype(np.float32).astype(np.float64)
    np.testing.assert_array_equal(quantize_bias(bias, weights, X).data, integers)


def test_one_scale_serves_all_outputs() -> None:
    data = np.ones((3, 2), np.int8)
    weights = Constant(data, TensorType((3, 2), DType.INT8, Quant((0.5,))))
    bias = quantize_bias(np.array([1.0, 2.0, 3.0]), weights, X)
    np.testing.assert_array_equal(bias.data, [100, 200, 300])


def test_a_bias_without_room_is_refused() -> None:
    data = np.ones((1, 2), np.int8)
    weights = Constant(data, TensorType((1, 2), DType.INT8, Quant((1e-9,))))
    with pytest.raises(ValueError, match=r"bias of channel 0 is 1, over 2\^31 - 1 steps"):
        quantize_bias(np.array([1.0]), weights, X)
