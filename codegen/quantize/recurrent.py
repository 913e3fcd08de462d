"""Integer constants of recurrent layers: weights in int8 by rows, all others in fine steps."""

from __future__ import annotations

import numpy as np

from codegen.ir.types import Array, DType, Quant, TensorType
from codegen.quantize.linear_layers import Constant, round_weights, with_scales
from codegen.quantize.weight_form import INT8

FINE = 2**30
"""Steps of the greatest bias or peephole."""


def quantize_rows(real: Array) -> Constant:
    """Return int8 weights with a scale for each row, the finest that holds it.

    A row of zeros has the scale of the greatest row.
    """
    greatest = np.abs(real).max(axis=1)
    greatest = np.where(greatest > 0, greatest, greatest.max(initial=0) or 1.0)
    scales = greatest / INT8.levels[-1]
    return with_scales(round_weights(real, scales, INT8.levels), scales)


def quantize_fine(real: Array) -> Constant:
    """Return int32 steps of the greatest magnitude's 2^-30."""
    scale = (float(np.abs(real).max(initial=0)) or 0.5) / FINE
    data = np.rint(real / scale).astype(np.int32)
    return Constant(data, TensorType(real.shape, DType.INT32, Quant((scale,), 0)))
