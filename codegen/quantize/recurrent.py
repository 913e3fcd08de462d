"""Integer constants of recurrent layers: weights in int8 by rows, all others in fine steps."""

from __future__ import annotations

import numpy as np

from codegen.ir.types import Array, DType, Quant, TensorType
from codegen.options import Scheme
from codegen.quantize.formats import power_of_two
from codegen.quantize.linear_layers import Constant, round_weights, single, with_scales
from codegen.quantize.weight_form import INT8

FINE = 2**30
"""Steps of the greatest bias or peephole."""


def quantize_as(real: Array, quant: Quant) -> Constant:
    """Return a constant in the format that a file prescribes: int8 rows, or int32."""
    dtype = DType.INT32 if quant.axis is None else DType.INT8
    data = np.rint(real / np.asarray(quant.scales).reshape(-1, *[1] * (real.ndim - 1)))
    data = np.clip(data, dtype.min, dtype.max).astype(dtype.numpy)
    return Constant(data, TensorType(real.shape, dtype, quant))


def quantize_rows(real: Array, scheme: Scheme = "affine") -> Constant:
    """Return int8 weights with a scale for each row, the finest that holds it.

    A row of zeros has the scale of the greatest row.
    """
    greatest = np.abs(real).max(axis=1)
    greatest = np.where(greatest > 0, greatest, greatest.max(initial=0) or 1.0)
    finest = greatest / INT8.levels[-1]
    scales = power_of_two(finest) if scheme == "pow2" else single(finest)
    return with_scales(round_weights(real, scales, INT8.levels), scales)


def quantize_fine(real: Array, scheme: Scheme = "affine") -> Constant:
    """Return int32 steps of the greatest magnitude's 2^-30."""
    finest = np.asarray((float(np.abs(real).max(initial=0)) or 0.5) / FINE)
    scale = float(power_of_two(finest) if scheme == "pow2" else single(finest))
    data = np.rint(real / scale).astype(np.int32)
    return Constant(data, TensorType(real.shape, DType.INT32, Quant((scale,), 0)))
