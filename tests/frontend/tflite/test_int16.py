"""TFLite files of int16 activations and int8 weights (16x8): formats as they are."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tflite", reason="tflite is absent: pip install codegen-mcu[tflite]")

from codegen.frontend import import_model
from codegen.frontend.tflite import load_tflite
from codegen.ir.evaluate import evaluate
from codegen.ir.types import DType
from codegen.passes import canonicalize
from codegen.quantize import quantize
from tests.frontend.tflite.build import G, O, T, build, int8
from tests.ops.harness import GENERIC, assert_c_equals_reference

X, W, H, Y = 1e-4, (0.01, 0.02, 0.03), 5e-4, 1 / 32768


def test_16x8_networks_are_taken_as_they_are() -> None:
    rng = np.random.default_rng(2)
    weights, bias = rng.integers(-127, 128, (3, 20)), rng.integers(-(10**6), 10**6, 3)
    graph = G(
        (
            T("x", (1, 20), "INT16", X),
            int8("w", weights, W),
            T("b", (3,), "INT64", tuple(X * w for w in W), 0, bias.astype(np.int64)),
            T("h", (1, 3), "INT16", H),
            T("t", (1, 3), "INT16", Y),
            T("y", (1, 3), "INT16", Y),
        ),
        (
            O("FULLY_CONNECTED", ("x", "w", "b"), ("h",), "FullyConnectedOptions"),
            O("TANH", ("h",), ("t",)),
            O("SOFTMAX", ("t",), ("y",), "SoftmaxOptions", {"Beta": 1.0}),
        ),
        ("x",),
        ("y",),
    )
    model = load_tflite(build(graph), "net.tflite")
    fixed = quantize(canonicalize(import_model(model, "net.tflite")))
    assert {fixed.types[name].dtype for name in ("x", "y")} == {DType.INT16}
    x = rng.integers(-(2**15), 2**15, (5, 20)).astype(np.int16)
    hidden = np.rint((x @ weights.T.astype(np.int64) + bias) * X * np.asarray(W) / H)
    bent = np.tanh(np.clip(hidden, -(2**15), 2**15 - 1) * H)
    powers = np.exp(bent)
    exact = powers / powers.sum(axis=1, keepdims=True) / Y
    assert np.abs(evaluate(fixed, [x])["y"] - exact).max() <= 3
    assert_c_equals_reference(fixed, GENERIC, np.random.default_rng(0))
