"""Tensors whose first dimension is no batch keep all their dimensions."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from codegen.frontend import import_model
from codegen.frontend.operand import is_batched
from codegen.ir.evaluate import evaluate


@pytest.mark.parametrize("shape", [(3, 4, 5), (4,), (1, 6)])
def test_relu_of_any_shape(shape: tuple[int, ...]) -> None:
    sizes = ",".join(map(str, shape))
    model = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : 13]> n (float[{sizes}] x) => (float[{sizes}] y)'
        " { y = Relu (x) }"
    )
    graph = import_model(model, "net.onnx")
    batched = is_batched(shape)
    assert graph.types["x"].shape == shape[batched:]
    assert graph.origins["x"].batched == graph.origins["y"].batched == batched
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    (origin,) = (graph.origins[name] for name in graph.inputs)
    found = evaluate(graph, [origin.one(x, graph.types["x"].shape)])["y"]
    assert np.array_equal(found.reshape(shape), np.maximum(x, 0))
