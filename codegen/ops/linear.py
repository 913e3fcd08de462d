"""What convolution and dense layers share: integer weights, folded bias, rescale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codegen.ir.fixed_point import INT32_MAX, Int64s, Rescale, accumulator_range, rescale_for
from codegen.ir.op import Signature
from codegen.ir.types import Array

SHORT = 2**23
"""Sums below this are short: kernels may hold 256 of them in an int32."""

Clamp = tuple[float, float] | None


@dataclass(frozen=True, slots=True, eq=False)
class LinearParams:
    """All integers of a layer: y = rescale(bias + sum(weights * x)).

    weights: int8 or int16 (outputs, ...); bias: int32 (outputs,), which holds
    -zero_point * sum(weights) so that inner loops read inputs as they are; padding holds the
    input's zero point.
    """

    weights: Array
    bias: Array
    rescale: Rescale
    input_zero_point: int
    least: int
    greatest: int


def linear_params(signature: Signature, clamp: Clamp) -> LinearParams:
    """Fold the zero point, prove the accumulators, derive the multipliers.

    The operands are input, int8 weights with per-output scales and int32 bias. Raises ValueError
    where some input drives an accumulator out of int32, or of int64 where activations have 16
    bits. A channel of long sums that is one number
    for every input is given it by its bias alone.
    """
    x, w, _ = signature.inputs
    y = signature.output
    weights, bias = signature.constants[1], signature.constants[2]
    assert weights is not None and bias is not None
    assert x.quant is not None and w.quant is not None and y.quant is not None
    sums = weights.reshape(len(weights), -1).astype(np.int64).sum(axis=1)
    folded = bias.astype(np.int64) - x.quant.zero_point * sums
    least, greatest = accumulator_range(weights, folded, x.dtype)
    bound = int(max(np.abs(least).max(), np.abs(greatest).max(), np.abs(folded).max()))
    is_wide = x.is_int16 or y.is_int16
    if (np.abs(folded).max() if is_wide else bound) > INT32_MAX:
        channel = int(np.argmax(np.maximum(np.abs(least), np.abs(greatest))))
        raise ValueError(f"channel {channel} can drive its accumulator to {bound}, over 2^31 - 1")
    scales = [x.quant.scale * s / y.quant.scale for s in per_channel(w.quant.scales, len(weights))]
    rescale = rescale_for((x,), scales, bound, y, clamp)
    long = (np.maximum(np.abs(least), np.abs(greatest)) >= SHORT) & (not is_wide)
    ends = (rescale.apply(end, y.dtype) for end in (least, greatest))
    pinned = long & np.equal(*ends)
    if pinned.any():
        weights = np.where(pinned.reshape(-1, *[1] * (weights.ndim - 1)), 0, weights)
        least, greatest = (
            np.where(pinned, _nearest(rescale, end), end) for end in (least, greatest)
        )
        folded = np.where(pinned, least, folded)
    return LinearParams(
        weights.astype(w.dtype.numpy),
        folded.astype(np.int32),
        rescale,
        x.quant.zero_point,
        int(least.min()),
        int(greatest.max()),
    )


def _nearest(rescale: Rescale, sums: Int64s) -> Int64s:
    """Return for each channel the sum nearest to 0 that is rescaled to what its sum is."""
    wanted = rescale.apply(sums)
    near, far = np.zeros_like(sums), sums.copy()
    for _ in range(33):
        middle = (near + far) // 2
        same = rescale.apply(middle) == wanted
        near, far = np.where(same, near, middle), np.where(same, middle, far)
    return np.where(rescale.apply(np.zeros_like(sums)) == wanted, 0, far)


def per_channel(scales: tuple[float, ...], channels: int) -> tuple[float, ...]:
    """Return one scale for each channel."""
    return scales if len(scales) == channels else scales * channels


def exact_dtype(weights: Array, x: Array) -> type[np.float32] | type[np.float64]:
    """Return the cheaper float type in which sums of integers x * weights are exact."""
    bound = np.abs(weights.astype(np.int64)).reshape(len(weights), -1).sum(axis=1).max()
    bound *= -np.iinfo(x.dtype).min
    return np.float32 if bound < 2**24 else np.float64
