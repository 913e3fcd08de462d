"""Networks that others trained, against onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codegen.frontend import import_model, load_onnx
from codegen.ir.evaluate import evaluate_node
from codegen.ir.graph import Graph
from codegen.ir.text import parse_graph, print_graph
from codegen.ir.types import Array, DType
from codegen.passes import canonicalize
from tests.frontend.compare import assert_same, graph_values, op_names, random_inputs, run_onnx

FLOAT = (
    "cifar10_caffe_m4_f32",
    "cifar10_caffe_m7_f32",
    "cifar10_cmsisnn_q7_f32",
    "mlperf_tiny_ad_autoencoder_f32",
    "mlperf_tiny_ic_resnet8_f32",
    "mlperf_tiny_kws_dscnn_f32",
    "mlperf_tiny_vww_mobilenetv1_025_96_f32",
    "mobilenetv2_035_128_flowers_f32",
    "squeezenet1_0_imagenet_f32",
)
QUANTIZED = (
    "cifar10_caffe_m7_ortqdq_int8",
    "mlperf_tiny_ad_autoencoder_int8",
    "mlperf_tiny_ic_resnet8_int8",
    "mlperf_tiny_kws_dscnn_int8",
    "mlperf_tiny_vww_mobilenetv1_025_96_int8",
    "resnet20_cifar10_ortqdq_int8",
)


@pytest.mark.parametrize("name", FLOAT)
def test_float_network_equals_onnxruntime(shared_models: Path, name: str) -> None:
    graph = assert_same(load_onnx(shared_models / f"{name}.onnx"))
    names = op_names(graph)
    assert "transpose" not in names
    assert "pad" not in names
    assert names.count("reshape") <= 1
    assert all(node.output in graph.origins for node in graph.nodes)


def test_a_network_of_shuffles_equals_onnxruntime(shared_models: Path) -> None:
    assert_same(load_onnx(shared_models / "shufflenetv1_05_g3_cifar10_f32.onnx"))


def test_a_residual_network_with_sliced_shortcuts_equals_onnxruntime(shared_models: Path) -> None:
    """Its shortcuts take every other pixel and pad the channels: one node each."""
    names = op_names(assert_same(load_onnx(shared_models / "resnet20_cifar10_f32.onnx")))
    assert (names.count("slice"), names.count("pad")) == (2, 2)


@pytest.mark.parametrize("name", QUANTIZED)
def test_quantized_network_equals_onnxruntime(shared_models: Path, name: str) -> None:
    """With values rounded to the adopted formats, at most one step of the output apart."""
    model = load_onnx(shared_models / f"{name}.onnx")
    feeds = random_inputs(model)
    imported = import_model(model, name)
    graph = canonicalize(imported)
    (result,) = graph.outputs
    quant = graph.types[result].quant
    assert quant is not None
    expected = run_onnx(model, feeds)[graph.origins[result].tensor]
    for found in (graph_values(imported, feeds)[imported.outputs[0]], rounded(graph, feeds)):
        if expected.dtype == np.int8 and found.dtype != np.int8:
            found = quant.quantize(found, DType.INT8)
        step = 1.0 if expected.dtype == np.int8 else quant.scale
        assert np.abs(found.astype(np.float64) - expected).max() <= 1.001 * step


def rounded(graph: Graph, feeds: dict[str, Array]) -> Array:
    """Run a float graph whose values are rounded to their prescribed formats."""
    values: dict[str, Array] = {}

    def keep(name: str, real: Array) -> None:
        quant = graph.types[name].quant
        assert quant is not None, name
        values[name] = quant.dequantize(quant.quantize(real, DType.INT8))

    (port,) = graph.inputs
    batch = graph.origins[port].apply(feeds[graph.origins[port].tensor], graph.types[port].shape)
    quant = graph.types[port].quant
    assert quant is not None
    keep(port, quant.dequantize(batch) if batch.dtype == np.int8 else batch)
    for node in graph.nodes:
        keep(node.output, evaluate_node(graph, node, values))
    return values[graph.outputs[0]]


@pytest.mark.parametrize("name", QUANTIZED)
def test_quantized_network_has_all_formats(shared_models: Path, name: str) -> None:
    graph = canonicalize(import_model(load_onnx(shared_models / f"{name}.onnx"), name))
    names = op_names(graph)
    assert not {"quantize_linear", "dequantize_linear", "transpose", "clip"} & set(names)
    assert names.count("reshape") <= 1
    for node in graph.nodes:
        assert graph.types[node.output].quant is not None, node
        assert graph.types[node.output].dtype is DType.FLOAT32
        if node.op.name in ("conv2d", "dense"):
            assert graph.types[node.inputs[1]].dtype is DType.INT8
            assert graph.constants[node.inputs[1]].dtype == np.int8
    assert parse_graph(print_graph(graph)) == graph
