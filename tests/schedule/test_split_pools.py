"""A maximum across and then down is the maximum of the window."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from codegen.ir.op import Signature
from codegen.ir.types import DType, TensorType
from codegen.ops import MaxPool
from codegen.schedule.split_pools import split
from tests.ops.harness import int8

sizes = st.integers(1, 4)


@st.composite
def pools(draw: st.DrawFn) -> MaxPool:
    kernel = draw(sizes), draw(sizes)
    pads = [draw(st.integers(0, kernel[axis % 2] - 1)) for axis in range(4)]
    return MaxPool(kernel, (draw(sizes), draw(sizes)), (pads[0], pads[1], pads[2], pads[3]))


@given(pools(), st.integers(4, 9), st.integers(4, 9), st.integers(0, 2**32 - 1))
def test_every_bit_stays(op: MaxPool, rows: int, columns: int, seed: int) -> None:
    x = np.random.default_rng(seed).integers(-128, 128, (2, rows, columns, 3)).astype(np.int8)
    operand = int8((rows, columns, 3), 0.1, 3)
    result = TensorType(op.infer(operand).shape, DType.INT8, operand.quant)
    signature = Signature((operand,), result, (None,))
    across, down = split(op)
    np.testing.assert_array_equal(
        down.evaluate_fixed(signature, across.evaluate_fixed(signature, x)),
        op.evaluate_fixed(signature, x),
    )
