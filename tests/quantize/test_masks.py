"""Masked elements have no part in a Softmax and cost the others no steps."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from codegen.errors import BadQuantization
from codegen.frontend import import_model
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.types import Array, DType
from codegen.passes import canonicalize
from codegen.quantize import Samples, calibrate, graph_inputs, quantize

HEAD = '<ir_version: 8, opset_import: ["" : 13]> net'
BOTH = "float[1,4,6] x, float[1,4,6] m"
FORMS = {
    "constant": ("float[1,4,6] x", "s = Add (x, mask)"),
    "constant of a row": ("float[1,4,6] x", "s = Add (row, x)"),
    "added": (BOTH, "s = Add (x, m)"),
    "selected": (BOTH, "c = Less (m, zero) s = Where (c, low, x)"),
    "selected, then added": (BOTH, "c = Less (m, zero) b = Where (c, low, zero) s = Add (x, b)"),
}
LOWEST = [-np.inf, float(np.finfo(np.float32).min), -1e4]


def masked_model(form: str, low: float) -> tuple[onnx.ModelProto, Array]:
    """A Softmax behind a mask, and where it masks."""
    inputs, body = FORMS[form]
    hidden = np.triu(np.ones((1, 4, 6), bool), 2)
    if form == "constant of a row":
        hidden = np.broadcast_to(np.arange(6) > 3, (1, 4, 6))
    model = onnx.parser.parse_model(
        f"{HEAD} ({inputs}) => (float[1,4,6] y) {{ {body} y = Softmax <axis = -1> (s) }}"
    )
    mask = np.where(hidden, np.float32(low), np.float32(0))
    constants = {"mask": mask, "row": mask[0, 0], "low": mask.min(), "zero": np.float32(0)}
    for name, data in constants.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(data), name))
    return model, mask


def quantized(
    model: onnx.ModelProto, arrays: tuple[Array, ...], element: DType = DType.INT8
) -> tuple[Graph, Samples]:
    graph = canonicalize(import_model(model, "net.onnx"))
    samples = Samples(arrays, "test")
    return quantize(graph, calibrate(model, graph, samples), activations=element), samples


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("low", LOWEST)
@pytest.mark.parametrize("element", [DType.INT8, DType.INT16])
def test_masked_elements_are_nothing(form: str, low: float, element: DType) -> None:
    model, mask = masked_model(form, low)
    x = np.random.default_rng(0).normal(0, 3, (8, 4, 6)).astype(np.float32)
    shown = mask if form == "added" else np.sign(mask)
    arrays = (x, np.repeat(shown, 8, axis=0)) if FORMS[form][0] is BOTH else (x,)
    graph, samples = quantized(model, arrays, element)
    made = evaluate(graph, graph_inputs(graph, samples))["y"]
    kept = np.where(mask < 0, 0, np.exp(x - x.max(axis=-1, keepdims=True)))
    expected = kept / kept.sum(axis=-1, keepdims=True)
    found = graph.types["y"].quant
    assert found is not None
    real = found.dequantize(made)
    assert real[np.repeat(mask < 0, 8, axis=0)].max() < 1 / 512
    assert np.abs(real - expected).max() < (0.04 if element is DType.INT8 else 0.002)


def test_rows_without_any_are_found() -> None:
    model = onnx.parser.parse_model(
        f"{HEAD} (float[1,4,6] x, bool[1,4,6] c) => (float[1,4,6] y)"
        "<float low = {-inf}, float zero = {0.0}> {"
        " b = Where (c, zero, low) s = Add (x, b) p = Softmax <axis = -1> (s)"
        " m = ReduceMax <axes = [2]> (b) none = Equal (m, low) y = Where (none, zero, p) }"
    )
    rng = np.random.default_rng(0)
    x, c = rng.normal(0, 3, (8, 4, 6)).astype(np.float32), rng.random((8, 4, 6)) < 0.5
    c[:, 1], c[:, 2] = False, True
    graph, samples = quantized(model, (x, c))
    made = evaluate(graph, graph_inputs(graph, samples))["y"]
    quant = graph.types["y"].quant
    assert quant is not None
    sums = quant.dequantize(made).sum(axis=-1)
    np.testing.assert_array_equal(sums[~c.any(axis=-1)], 0)
    np.testing.assert_allclose(sums[c.any(axis=-1)], 1, atol=0.03)


def test_infinity_elsewhere_is_told() -> None:
    model = onnx.parser.parse_model(
        f"{HEAD} (float[1,2] x) => (float[1,2] y)"
        "<float[1,2] low = {-inf, 0.0}> { y = Max (x, low) }"
    )
    with pytest.raises(BadQuantization, match="holds infinity or NaN"):
        quantized(model, (np.ones((3, 2), np.float32),))
