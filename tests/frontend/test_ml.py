"""Operators of ONNX's domain for machine learning, against onnxruntime."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import numpy_helper

from codegen.errors import UnsupportedOperator
from codegen.frontend import import_model, inline_functions
from codegen.ir.types import Array
from tests.frontend.compare import graph_values, run_onnx


def ml_model(
    body: str, table: Array | None = None, opset: int = 15, result: str = "float"
) -> onnx.ModelProto:
    model = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : {opset}, "ai.onnx.ml" : 1]>'
        f" net (float[N, 5] x) => ({result}[] y) {{ {body} }}"
    )
    if table is not None:
        model.graph.initializer.append(numpy_helper.from_array(table, "table"))
    kind = model.graph.output[0].type.tensor_type
    kind.ClearField("shape")
    kind.shape.SetInParent()
    return model


def assert_same_results(model: onnx.ModelProto) -> None:
    feeds = {"x": np.random.default_rng(0).standard_normal((8, 5)).astype(np.float32)}
    graph = import_model(inline_functions(model), "net.onnx")
    found = graph_values(graph, feeds)[graph.outputs[0]]
    expected = run_onnx(model, feeds)["y"]
    np.testing.assert_allclose(found, expected.reshape(found.shape), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "attributes",
    [
        "offset = [0.5, 1.0, 1.5, 2.0, -2.0], scale = [1.0, 2.0, 0.5, 1.0, 3.0]",
        "offset = [0.5], scale = [2.0]",
    ],
)
def test_scaler(attributes: str) -> None:
    assert_same_results(ml_model(f"y = ai.onnx.ml.Scaler <{attributes}> (x)"))


def test_features_are_chosen() -> None:
    body = "y = ai.onnx.ml.ArrayFeatureExtractor (x, table)"
    assert_same_results(ml_model(body, np.array([3, 0, 3])))


LABELS = """
    a = ArgMax <axis = 1> (x)
    y = ai.onnx.ml.ArrayFeatureExtractor (table, a)
"""


@pytest.mark.parametrize("opset", [12, 15])
@pytest.mark.parametrize("table", [range(5), range(3, 8), (-7, 2, 1, 40, 1000)])
def test_labels_are_looked_up(table: tuple[int, ...], opset: int) -> None:
    assert_same_results(ml_model(LABELS, np.array(table, np.int64), opset, "int64"))


def test_words_are_refused() -> None:
    model = ml_model(LABELS, np.array(list("abcde"), object), result="string")
    with pytest.raises(UnsupportedOperator, match="ArrayFeatureExtractor"):
        import_model(inline_functions(model), "net.onnx")
