"""An average in its operand's format is the exact one, and halves round to the even step."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.ir.op import Signature
from codegen.ir.types import DType, Quant, TensorType
from codegen.ops import AveragePool


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24, 37])
@given(seed=st.integers(0, 2**32 - 1), zero_point=st.integers(-128, 127))
def test_averages_are_exact(rows: int, seed: int, zero_point: int) -> None:
    op = AveragePool((rows, rows), (1, 1))
    quant = Quant((0.1,), zero_point)
    x = TensorType((rows, rows, 64), DType.INT8, quant)
    q = np.random.default_rng(seed).integers(-128, 128, (1, *x.shape)).astype(np.int8)
    q[..., :32] = np.repeat(q[:, :, :1, :1] // 9, 32, axis=-1)
    signature = Signature((x,), TensorType((1, 1, 64), DType.INT8, quant), (None,))
    found = op.evaluate_fixed(signature, q).ravel()
    sums = q.astype(int).sum(axis=(1, 2)).ravel() - rows**2 * zero_point
    expected = [round(Fraction(int(total), rows**2)) + zero_point for total in sums]
    np.testing.assert_array_equal(found, expected)


def test_halves_go_to_the_even_step_from_the_zero_point() -> None:
    quant = Quant((0.1,), 1)
    x = TensorType((1, 2, 4), DType.INT8, quant)
    signature = Signature((x,), TensorType((1, 1, 4), DType.INT8, quant), (None,))
    q = np.array([[[[1, 2, 3, -1], [2, 3, 4, 0]]]], np.int8)
    found = AveragePool((1, 2)).evaluate_fixed(signature, q).ravel()
    np.testing.assert_array_equal(found, [1, 3, 3, -1])
