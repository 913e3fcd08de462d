"""Channels stay last through what only adds, drops or joins dimensions."""

from __future__ import annotations

import numpy as np
import pytest

from codegen.ir.types import Array
from tests.frontend.compare import assert_same, make_model, op_names

RNG = np.random.default_rng(5)


def real(*shape: int) -> Array:
    return RNG.standard_normal(shape).astype(np.float32)


CASES = {
    "rows": "s = Squeeze (c, two)  r = Relu (s)  u = Unsqueeze (r, two)",
    "columns": "t = Unsqueeze (c, two)  r = Neg (t)  u = Squeeze (r, two)",
    "pixels": "t = Reshape (c, pixels)  r = Neg (t)  u = Reshape (r, image)",
    "pool": "t = Squeeze (c, two)  p = MaxPool <kernel_shape = [2]> (t)  u = Unsqueeze (p, two)",
}
CONSTANTS = {
    "w": real(6, 3, 1, 1),
    "v": real(4, 6, 1, 1),
    "two": np.array([2]),
    "pixels": np.array([1, 6, -1]),
    "image": np.array([1, 6, 1, -1]),
}


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_moved_between_convolutions(name: str) -> None:
    body = f"c = Conv (x, w)  {CASES[name]}  y = Conv (u, v)"
    graph = assert_same(make_model(body, CONSTANTS, {"x": (3, 1, 9)}))
    assert not {"transpose", "take"} & set(op_names(graph))


@pytest.mark.parametrize("ends", ["", "count_include_pad = 1, "])
@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
def test_pools_over_one_axis_are_those_of_images(kind: str, ends: str) -> None:
    ends = ends if kind == "AveragePool" else ""
    body = f"y = {kind} <{ends}kernel_shape = [3], strides = [2], pads = [1, 0]> (x)"
    graph = assert_same(make_model(body, {}, {"x": (3, 9)}))
    assert not any(name.endswith("volume") for name in op_names(graph))


def test_means_of_innermost_values_need_no_move() -> None:
    graph = assert_same(make_model("y = ReduceMean <axes = [-1]> (x)", {}, {"x": (6, 8)}))
    assert "transpose" not in op_names(graph)
