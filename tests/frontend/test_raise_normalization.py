"""Normalizations that are written in parts become one operator; what only looks so does not."""

from __future__ import annotations

import numpy as np
import pytest

from codegen.quantize import calibrate, quantize, synthetic_samples
from codegen.verify import measure_agreement
from tests.frontend.compare import assert_same, make_model, op_names

MEAN = "m = ReduceMean <axes = [-1]> (x) d = Sub (x, m)"
SQUARE = "s = Pow (d, two) v = ReduceMean <axes = [-1]> (s)"
ROOT = "e = Add (v, eps) r = Sqrt (e)"
SCALED = "z = Mul (n, g) y = Add (z, h)"
RNG = np.random.default_rng(0)
CONSTANTS = {
    "two": np.asarray(2, np.float32),
    "one": np.asarray(1, np.float32),
    "four": np.asarray(4, np.float32),
    "eps": np.asarray(1e-3, np.float32),
    "g": RNG.normal(1, 0.3, 8).astype(np.float32),
    "h": RNG.normal(0, 0.3, 8).astype(np.float32),
    "c": RNG.normal(1, 0.3, (3, 1, 1)).astype(np.float32),
    "k": RNG.normal(0, 0.3, (3, 1, 1)).astype(np.float32),
    "w": RNG.normal(0, 0.3, (3, 3, 1, 1)).astype(np.float32),
}
ONE_PIECE = (
    f"{MEAN} {SQUARE} {ROOT} n = Div (d, r) {SCALED}",
    f"{MEAN} s = Mul (d, d) v = ReduceMean <axes = [-1]> (s) e = Add (eps, v) r = Sqrt (e)"
    " n = Div (d, r) z = Mul (g, n) y = Add (h, z)",
    f"{MEAN} f = Sub (x, m) s = Pow (f, two) v = ReduceMean <axes = [-1]> (s) {ROOT}"
    f" n = Div (d, r) {SCALED}",
    f"{MEAN} {SQUARE} {ROOT} i = Reciprocal (r) n = Mul (d, i) {SCALED}",
    f"{MEAN} {SQUARE} {ROOT} i = Div (one, r) n = Mul (i, d) {SCALED}",
    f"{MEAN} {SQUARE} {ROOT} y = Div (d, r)",
    f"{MEAN} {SQUARE} {ROOT} n = Div (d, r) y = Mul (n, g)",
    f"{MEAN} {SQUARE} r = Sqrt (v) y = Div (d, r)",
    f"i = Identity (g) {MEAN} {SQUARE} {ROOT} n = Div (d, r) y = Mul (n, i)",
    f"{MEAN} {SQUARE} eps = Constant <value_float = 0.01> () {ROOT} y = Div (d, r)",
    f"s = Pow (x, two) v = ReduceMean <axes = [-1]> (s) {ROOT} n = Div (x, r) y = Mul (n, g)",
    f"{MEAN} {SQUARE} {ROOT} n = Div (d, r) {SCALED}".replace("[-1]", "[1, 2, 3]"),
    "x1 = Conv (x, w) m = ReduceMean <axes = [1]> (x1) d = Sub (x1, m) s = Pow (d, two)"
    f" v = ReduceMean <axes = [1]> (s) {ROOT} n = Div (d, r) z = Mul (n, c) y = Add (z, k)",
)


@pytest.mark.parametrize("body", ONE_PIECE)
def test_parts_become_one_operator(body: str) -> None:
    constants = {name: data for name, data in CONSTANTS.items() if f"{name} = " not in body}
    model = make_model(body, constants)
    graph = assert_same(model)
    names = op_names(graph)
    assert names.count("normalize") == 1
    assert {*names} <= {"normalize", "conv2d", "reshape", "transpose"}
    samples = synthetic_samples(graph, 8)
    fixed = quantize(graph, calibrate(model, graph, samples))
    assert measure_agreement(model, fixed, samples, 8).mean_difference_steps < 2


APART = (
    # The mean is of other axes, or of something else.
    f"m = ReduceMean <axes = [-2]> (x) d = Sub (x, m) {SQUARE} {ROOT} y = Div (x, r)",
    f"a = Abs (x) m = ReduceMean <axes = [-1]> (a) d = Sub (x, m) {SQUARE} {ROOT} y = Div (x, r)",
    # Fourth powers, and means of two different values.
    f"{MEAN} s = Pow (d, four) v = ReduceMean <axes = [-1]> (s) {ROOT} y = Div (d, r)",
    f"{MEAN} {SQUARE} {ROOT} y = Div (x, r)",
)


@pytest.mark.parametrize("body", APART)
def test_what_is_none_stays_apart(body: str) -> None:
    positive = body.replace("(x)", "(p)").replace("(x,", "(p,")
    graph = assert_same(make_model(f"p = Exp (x) {positive}", CONSTANTS), 2e-3)
    assert "normalize" not in op_names(graph)


def test_parts_that_others_read_stay() -> None:
    body = f"{MEAN} {SQUARE} {ROOT} n = Div (d, r) {SCALED} t = Relu (n)"
    graph = assert_same(make_model(body, CONSTANTS, outputs=("y", "t", "d")))
    names = op_names(graph)
    assert names.count("normalize") == 1
    assert "elementwise" in names
