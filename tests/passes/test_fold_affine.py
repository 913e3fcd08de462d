"""What fold_affine does beyond its docstring's example, and what it leaves alone."""

from __future__ import annotations

import numpy as np
import pytest

from codegen.ir.types import Quant
from codegen.passes import canonicalize
from codegen.passes.fold_affine import fold_affine
from tests.frontend.compare import op_names
from tests.passes.graphs import filled, same_results, unchanged

CONV = """
    graph net(x: float32[8,8,2]) -> z
      const w: float32[4,3,3,2]
      const b: float32[4]
      const s: float32[4,1,1,1]
      const t: float32[4]
      {body}
"""


def test_affine_folds_through_a_reshape_into_a_dense() -> None:
    before = filled("""
        graph net(x: float32[6]) -> z
          const w: float32[4,6]
          const b: float32[4]
          const s: float32[4,1,1,1]
          const t: float32[4]
          y = dense(x, w, b)
          i = reshape(y) shape=(1, 1, 4)
          c = conv2d(i, s, t) group=4
          z = reshape(c) shape=(4,)
    """)
    after = canonicalize(before)
    assert op_names(after) == ["dense"]
    same_results(before, after)


def test_affine_keeps_its_clamp_when_folded() -> None:
    before = filled(
        CONV.format(body="y = conv2d(x, w, b)\n z = conv2d(y, s, t) group=4 clamp=(0.0, 1.0)")
    )
    after = fold_affine(before)
    assert op_names(after) == ["conv2d"]
    same_results(before, after)


def test_affine_folds_into_the_layer_behind() -> None:
    before = filled("""
        graph net(x: float32[4,4,4]) -> z
          const w: float32[6,3,3,2]
          const b: float32[6]
          const s: float32[4,1,1,1]
          const t: float32[4]
          y = conv2d(x, s, t) group=4
          z = conv2d(y, w, b) group=2
    """)
    after = fold_affine(before)
    assert op_names(after) == ["conv2d"]
    same_results(before, after)


def test_affine_folds_through_a_flatten_into_the_dense_behind() -> None:
    before = filled("""
        graph net(x: float32[2,2,3]) -> z
          const w: float32[4,12]
          const b: float32[4]
          const s: float32[3,1,1,1]
          const t: float32[3]
          y = conv2d(x, s, t) group=3
          f = reshape(y) shape=(12,)
          z = dense(f, w, b)
    """)
    after = fold_affine(before)
    assert op_names(after) == ["reshape", "dense"]
    same_results(before, after)


@pytest.mark.parametrize(
    "body",
    [
        "y = conv2d(x, w, b) clamp=(0.0, 1.0)\n z = conv2d(y, s, t) group=4",
        "y = conv2d(x, w, b) : float32[6,6,4] quant(0.1, 0)\n z = conv2d(y, s, t) group=4",
        "y = conv2d(x, w, b)\n a = conv2d(y, s, t) group=4\n z = add(a, y)",
    ],
)
def test_affine_stays_where_the_value_between_matters(body: str) -> None:
    unchanged(fold_affine, CONV.format(body=body))


def test_affine_stays_before_padding_unless_it_only_scales() -> None:
    text = """
        graph net(x: float32[4,4,2]) -> z
          const w: float32[4,3,3,2]
          const b: float32[4]
          const s: float32[2,1,1,1]
          const t: float32[2]
          y = conv2d(x, s, t) group=2
          z = conv2d(y, w, b) pads=(1, 1, 1, 1)
    """
    unchanged(fold_affine, text)
    before = filled(text, t=np.zeros(2))
    after = fold_affine(before)
    assert op_names(after) == ["conv2d"]
    same_results(before, after)


INT8 = """
    graph net(x: float32[4,4,2]) -> z
      const w: int8[2,1,1,2] quant(0.5, 0)
      const b: float32[2]
      const s: float32[2,1,1,1]
      const t: float32[2]
      y = conv2d(x, w, b)
      z = conv2d(y, s, t) group=2
"""


def test_positive_factors_go_into_the_scales_of_int8_weights() -> None:
    weights = np.asarray([1, -2, 3, 4], np.int8).reshape(2, 1, 1, 2)
    scale = np.asarray([2.0, 3.0], np.float32).reshape(2, 1, 1, 1)
    before = filled(INT8, w=weights, s=scale)
    after = fold_affine(before)
    assert op_names(after) == ["conv2d"]
    assert after.types["w"].quant == Quant((1.0, 1.5), 0, 0)
    assert np.array_equal(after.constants["w"], weights)
    same_results(before, after)


def test_a_bias_alone_leaves_int8_weights_as_they_are() -> None:
    weights = np.ones((2, 1, 1, 2), np.int8)
    bias = np.asarray([1 / 3, 2 / 3])
    before = filled(INT8, w=weights, s=np.ones((2, 1, 1, 1)), t=bias, b=np.zeros(2, np.float32))
    after = fold_affine(before)
    assert after.types["w"] == before.types["w"]
    assert np.array_equal(after.constants["b"], bias), "an exact bias stays exact"


def test_a_negative_factor_of_int8_weights_stays_a_layer() -> None:
    weights = np.ones((2, 1, 1, 2), np.int8)
    unchanged(fold_affine, INT8, w=weights, s=np.asarray([1.0, -1.0]).reshape(2, 1, 1, 1))


def test_shared_weights_are_scaled_for_one_reader_only() -> None:
    before = filled("""
        graph net(x: float32[4,4,2]) -> y, z
          const w: float32[2,1,1,2]
          const b: float32[2]
          const s: float32[2,1,1,1]
          const t: float32[2]
          y = conv2d(x, w, b)
          a = conv2d(x, w, b)
          z = conv2d(a, s, t) group=2
    """)
    after = fold_affine(before)
    assert op_names(after) == ["conv2d", "conv2d"]
    assert np.array_equal(after.constants["w"], before.constants["w"])
    same_results(before, after)
