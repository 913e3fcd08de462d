"""What quantize_dynamic writes becomes operators on reals; integer products alone stay exact."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from codegen.errors import UnsupportedOperator
from codegen.frontend import dynamic_layers, import_model, raise_dynamic
from codegen.ir.evaluate import evaluate
from codegen.ir.types import Array, DType
from codegen.passes import canonicalize
from codegen.quantize import calibrate, quantize, synthetic_samples
from codegen.verify import measure_agreement
from tests.frontend.compare import evaluated, make_model, op_names

BODY = """
    a = Conv <pads = [1,1,1,1]> (x, w, b)
    r = Relu (a)
    f = Flatten (r)
    p = MatMul (f, v)
    y = Add (p, c)
"""


def dynamic(folder: Path, *, per_channel: bool, weight_type: QuantType) -> onnx.ModelProto:
    rng = np.random.default_rng(0)
    shapes = {"w": (4, 3, 3, 3), "b": (4,), "v": (256, 5), "c": (5,)}
    constants = {n: rng.normal(0, 0.3, s).astype(np.float32) for n, s in shapes.items()}
    onnx.save(make_model(BODY, constants, batch="1"), folder / "float.onnx")
    quantize_dynamic(
        folder / "float.onnx",
        folder / "dynamic.onnx",
        per_channel=per_channel,
        weight_type=weight_type,
    )
    return onnx.load(folder / "dynamic.onnx")


def run(model: onnx.ModelProto, x: Array) -> Array:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return np.asarray(session.run(None, {"x": x})[0])


@pytest.mark.parametrize(
    ("per_channel", "weight_type"),
    list(product((False, True), (QuantType.QInt8, QuantType.QUInt8))),
)
def test_dynamic_quantization_is_raised(
    tmp_path: Path, per_channel: bool, weight_type: QuantType
) -> None:
    model = dynamic(tmp_path, per_channel=per_channel, weight_type=weight_type)
    raised = raise_dynamic(model)
    assert raise_dynamic(raised) is raised
    assert not any("Integer" in n.op_type or "Dynamic" in n.op_type for n in raised.graph.node)
    x = np.random.default_rng(1).normal(size=(1, 3, 8, 8)).astype(np.float32)
    np.testing.assert_allclose(run(raised, x), run(model, x), atol=0.2)
    graph = canonicalize(import_model(raised, "net.onnx"))
    assert op_names(graph) == ["conv2d", "reshape", "dense"]
    kept = DType.INT8 if weight_type is QuantType.QInt8 else DType.INT16
    assert graph.types[graph.nodes[0].inputs[1]].dtype is kept
    samples = synthetic_samples(graph, 8)
    fixed = quantize(graph, calibrate(raised, graph, samples))
    assert measure_agreement(raised, fixed, samples, 8).mean_difference_steps < 2


def check_raised(body: str, expected: str, shapes: dict[str, tuple[int, ...]]) -> None:
    """The raised model has these operators, and nearly the results of the one that is written."""
    model = make_model(body, shapes=shapes, batch="1")
    raised = raise_dynamic(model)
    assert [node.op_type for node in raised.graph.node] == expected.split()
    rng = np.random.default_rng(1)
    feeds = {n: rng.normal(size=(1, *s)).astype(np.float32) for n, s in shapes.items()}
    sessions = [onnxruntime.InferenceSession(m.SerializeToString()) for m in (raised, model)]
    found, written = (session.run(None, feeds)[0] for session in sessions)
    np.testing.assert_allclose(found, written, atol=0.2)
    graph = canonicalize(import_model(raised, "net.onnx"))
    quantize(graph, calibrate(raised, graph, synthetic_samples(graph, 8)))


def test_products_of_two_computed_values_are_raised() -> None:
    body = """
        aq, a_scale, az = DynamicQuantizeLinear (a)
        bq, b_scale, bz = DynamicQuantizeLinear (b)
        scale = Mul (b_scale, a_scale)
        i = MatMulInteger (aq, bq, az, bz)
        f = Cast <to = 1> (i)
        p = Mul (f, scale)
        y = Relu (p)
    """
    check_raised(body, "MatMul Relu", {"a": (3, 8, 5), "b": (3, 5, 4)})


def test_what_is_dequantized_at_once_is_the_value_itself() -> None:
    body = "r = Relu (x) q, s, z = DynamicQuantizeLinear (r) y = DequantizeLinear (q, s, z)"
    check_raised(body, "Relu Identity", {"x": (3, 8, 8)})


def test_layers_that_are_raised_are_named(tmp_path: Path) -> None:
    model = dynamic(tmp_path, per_channel=False, weight_type=QuantType.QInt8)
    named = [" ".join(nodes) for nodes in dynamic_layers(model)]
    assert len(named) == 2
    assert "ConvInteger" in named[0] and "MatMulInteger" in named[1]
    assert all(text.startswith("DynamicQuantizeLinear ") for text in named)
    assert dynamic_layers(raise_dynamic(model)) == ()


@pytest.mark.parametrize(
    "body",
    [
        "y, s, z = DynamicQuantizeLinear (x)",
        "q, s, z = DynamicQuantizeLinear (x) t = Relu (x) u, v, w = DynamicQuantizeLinear (t)"
        " y = DequantizeLinear (q, v, w)",
    ],
)
def test_alone_it_is_told(body: str) -> None:
    with pytest.raises(UnsupportedOperator, match="known only while the network runs"):
        import_model(make_model(body), "net.onnx")


def random(dtype: str, shape: tuple[int, ...]) -> Array:
    info = np.iinfo(dtype)
    return np.random.default_rng(0).integers(info.min, info.max, shape, dtype, endpoint=True)


@pytest.mark.parametrize("dtypes", list(product(("int8", "uint8"), repeat=2)))
@pytest.mark.parametrize("held", [(), ("b",), ("a",)])
@pytest.mark.parametrize(
    "shapes", [((4, 7), (7, 3)), ((1, 2, 4, 7), (1, 2, 7, 3)), ((2, 4, 7), (7, 3))]
)
def test_integer_products_are_exact(
    dtypes: tuple[str, str], held: tuple[str, ...], shapes: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    if held == ("a",) and len(shapes[0]) != len(shapes[1]):
        pytest.skip("more rows than matrices")
    a, b = (random(dtype, shape) for dtype, shape in zip(dtypes, shapes, strict=True))
    zeros = {"az": np.array(3, dtypes[0]), "bz": np.array(100, dtypes[1])}
    if held == ("b",):
        zeros["bz"] = random(dtypes[1], (3,))
    made = evaluated("MatMulInteger (a, b, az, bz)", {"a": a, "b": b, **zeros}, (*held, "az", "bz"))
    assert made.dtype == np.int32


@pytest.mark.parametrize("attributes", ["", "<group = 2>", "<strides = [2,1], pads = [1,0,1,2]>"])
def test_integer_convolutions_are_exact(attributes: str) -> None:
    x = random("uint8", (1, 4, 6, 5))
    w = random("int8", (6, 2 if "group" in attributes else 4, 3, 2))
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 13]> net (uint8[1,4,6,5] x) => (int32[1,6,n,m] y)'
        f"<uint8 z = {{7}}> {{ y = ConvInteger {attributes} (x, w, z) }}"
    )
    model.graph.initializer.append(numpy_helper.from_array(w, "w"))
    graph = canonicalize(import_model(model, "net.onnx"))
    given = graph.origins["x"].one(x, graph.types["x"].shape)
    expected = run(model, x)
    shown = graph.origins["y"].one(expected, graph.types["y"].shape)
    np.testing.assert_array_equal(evaluate(graph, [given])["y"], shown)
