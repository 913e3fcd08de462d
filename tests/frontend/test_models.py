"""The small networks in tests/models: the canonical graph, read as text."""

from __future__ import annotations

from pathlib import Path

import onnx

from codegen.frontend import import_model
from codegen.ir.types import Origin
from codegen.passes import canonicalize
from tests.frontend.compare import assert_same

MODELS = Path(__file__).resolve().parent.parent / "models"


def load(name: str) -> onnx.ModelProto:
    return onnx.parser.parse_model((MODELS / f"{name}.onnxtxt").read_text())


def test_a_network_in_channels_last_needs_no_transpose() -> None:
    assert str(assert_same(load("residual_nhwc"))) == (
        "graph residual_nhwc(image: float32[6,5,2]) -> probabilities\n"
        "  const w1: float32[2,3,3,2]\n"
        "  const b1: float32[2]\n"
        "  const w2: float32[3,12]\n"
        "  const product_bias: float32[3]\n"
        "  normal = conv2d(image, w1, b1) pads=(1, 1, 1, 1) : float32[6,5,2]\n"
        "  relu6 = add(normal, image) clamp=(0.0, 6.0) : float32[6,5,2]\n"
        "  pool = max_pool(relu6) kernel_shape=(2, 2) strides=(2, 2) : float32[3,2,2]\n"
        "  vector = reshape(pool) shape=(12,) : float32[12]\n"
        "  logits = dense(vector, w2, product_bias) : float32[3]\n"
        "  probabilities = softmax(logits) : float32[3]"
    )


def test_a_quantized_network_keeps_its_formats() -> None:
    graph = canonicalize(import_model(load("qdq_small"), "qdq_small.onnxtxt"))
    assert str(graph) == (
        "graph qdq_small(x: float32[4,4,2] quant(0.05000000074505806, 3)) -> y\n"
        "  const w: int8[2,3,3,2] quant((0.009999999776482582, 0.019999999552965164), 0, axis=0)\n"
        "  const b: float32[2]\n"
        "  relu = conv2d(x, w, b) pads=(1, 1, 1, 1) clamp=(0.0, inf)"
        " : float32[4,4,2] quant(0.10000000149011612, -128)\n"
        "  y = max_pool(relu) kernel_shape=(2, 2) strides=(2, 2)"
        " : float32[2,2,2] quant(0.10000000149011612, -128)"
    )
    assert graph.origins["x"] == Origin("x", (1, 2, 0))
    assert graph.origins["relu"] == Origin("rd", (1, 2, 0))
    assert graph.origins["y"] == Origin("y", (1, 2, 0))
