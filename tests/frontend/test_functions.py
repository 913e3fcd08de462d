"""Functions of one value: each against onnxruntime, in floats and through its table."""

from __future__ import annotations

import numpy as np
import pytest

from codegen.frontend import import_model
from codegen.frontend.convert.functions import UNARY
from codegen.ir.evaluate import evaluate
from codegen.ir.types import Array
from codegen.passes import canonicalize
from codegen.quantize import Ranges, quantize
from tests.frontend.compare import make_model, op_names, run_onnx

ATTRIBUTES = {
    "Celu": "<alpha = 0.7>",
    "Elu": "<alpha = 0.7>",
    "HardSigmoid": "<alpha = 0.3, beta = 0.4>",
    "LeakyRelu": "<alpha = 0.2>",
    "Selu": "<alpha = 2.0, gamma = 3.0>",
    "Shrink": "<lambd = 1.0, bias = 0.5>",
    "ThresholdedRelu": "<alpha = 0.5>",
}
DOMAINS = {
    "Acos": (-1.0, 1.0),
    "Acosh": (1.0, 4.0),
    "Asin": (-1.0, 1.0),
    "Atanh": (-0.9, 0.9),
    "Log": (0.1, 5.0),
    "Reciprocal": (0.5, 3.0),
    "Sqrt": (0.0, 5.0),
    "Tan": (-1.2, 1.2),
}
CASES = [
    *((name, ATTRIBUTES.get(name, "")) for name in UNARY if name not in ("IsInf", "IsNaN")),
    *((name, "") for name in ATTRIBUTES),
    ("Gelu", '<approximate = "tanh">'),
]
NOT_IN_ORT = ("Swish",)


@pytest.mark.parametrize(("name", "attributes"), CASES)
def test_each_is_within_half_a_step_of_onnx(name: str, attributes: str) -> None:
    if name in NOT_IN_ORT:
        pytest.skip("onnxruntime does not have it")
    low, high = DOMAINS.get(name, (-3.0, 3.0))
    x = np.linspace(low, high, 64, dtype=np.float32).reshape(1, 4, 4, 4)
    model = make_model(f"y = {name} {attributes} (x)", shapes={"x": (4, 4, 4)}, opset=20)
    graph = canonicalize(import_model(model, "net.onnx"))
    expected = run_onnx(model, {"x": x})["y"]
    assert op_names(graph) == ["function"]
    np.testing.assert_allclose(evaluate(graph, [x])["y"], expected, rtol=1e-4, atol=1e-5)
    bounds = {"x": (low, high), "y": (float(expected.min()), float(expected.max()))}
    fixed = quantize(graph, Ranges(bounds, "test"))
    qx, qy = fixed.types["x"].quant, fixed.types["y"].quant
    assert qx is not None and qy is not None
    q = qx.quantize(x, fixed.types["x"].dtype)
    nearest = np.clip(qx.dequantize(q), low, high).astype(np.float32)
    real = run_onnx(model, {"x": nearest})["y"]
    found = qy.dequantize(evaluate(fixed, [q])["y"])
    slack = 2e-3 if name in ("Ceil", "Floor", "Round", "Sign") else 1e-4
    assert np.abs(found - real).max() <= qy.scale * (0.5 + slack)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("y = IsNaN (x)", False),
        ("y = IsInf (x)", False),
    ],
)
def test_quantized_values_are_numbers(body: str, expected: bool) -> None:
    graph = canonicalize(import_model(make_model(body), "net.onnx"))
    x = np.zeros((1, 3, 8, 8))
    assert (evaluate(graph, [x])["y"] == expected).all()


@pytest.mark.parametrize(
    ("name", "at", "expected"),
    [("Log", -1.0, -np.inf), ("Sqrt", -2.0, 0.0), ("Acos", 2.0, 0.0), ("Reciprocal", 0.0, np.inf)],
)
def test_where_there_is_no_value_the_nearest_stands(name: str, at: float, expected: float) -> None:
    graph = canonicalize(import_model(make_model(f"y = {name} (x)"), "net.onnx"))
    x: Array = np.full((1, 3, 8, 8), at)
    assert (evaluate(graph, [x])["y"] == expected).all()


def test_a_chain_is_one_table() -> None:
    body = "a = Exp (x) b = Add (a, one) c = Log (b) d = Tanh (c) y = Mul (d, three)"
    constants = {"one": np.float32(1), "three": np.float32(3)}
    graph = canonicalize(import_model(make_model(body, constants), "net.onnx"))
    assert op_names(graph) == ["function"]
    x = np.linspace(-2, 2, 192).reshape(1, 3, 8, 8)
    expected = 3 * np.tanh(np.log(np.exp(x) + 1))
    np.testing.assert_allclose(evaluate(graph, [x])["y"], expected, rtol=1e-6)


def test_a_function_whose_operand_is_read_elsewhere_stays() -> None:
    graph = canonicalize(
        import_model(
            make_model("a = Exp (x) y = Tanh (a) z = Sin (a)", outputs=("y", "z")), "net.onnx"
        )
    )
    assert op_names(graph) == ["function"] * 3
