"""The MLPerf Tiny networks as TFLite files: the same integers as from their ONNX twins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tflite", reason="tflite is absent: pip install codegen-mcu[tflite]")

from codegen.frontend import import_model, load_model
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.types import Array
from codegen.passes import canonicalize
from codegen.quantize import quantize

TWINS = ("ad_autoencoder", "ic_resnet8", "kws_dscnn", "vww_mobilenetv1_025_96")


def fixed_point(path: Path) -> Graph:
    return quantize(canonicalize(import_model(load_model(path), path.name)))


def outputs(graph: Graph, x: Array) -> Array:
    (port,) = graph.inputs
    return evaluate(graph, (x.reshape(len(x), *graph.types[port].shape),))[graph.outputs[0]]


def inputs(folder: Path, name: str) -> Array:
    """Return 16 inputs of the task's data, in integers."""
    if name == "kws_dscnn":
        return np.load(folder / "data" / "mlperf_kws01_eval.npz")["features_q"][:16]
    if name == "ad_autoencoder":
        return np.load(folder / "ref" / "mlperf_tiny_ad_autoencoder_int8.npz")["input_q"][:16]
    file = "cifar10_eval.npz" if name == "ic_resnet8" else "photos_eval.npz"
    images = np.load(folder / "data" / file)["images"][:16].astype(np.int16) - 128
    if name == "vww_mobilenetv1_025_96":
        images = images[:, :192:2, :192:2]
    return images.astype(np.int8)


@pytest.mark.parametrize("name", TWINS)
def test_every_byte_is_that_of_the_onnx_twin(shared_models: Path, name: str) -> None:
    file = f"mlperf_tiny_{name}_int8"
    found = fixed_point(shared_models / "tflite" / f"{file}.tflite")
    twin = fixed_point(shared_models / f"{file}.onnx")
    x = inputs(shared_models, name)
    np.testing.assert_array_equal(outputs(found, x), outputs(twin, x))


def test_the_wake_word_has_formats_throughout(shared_models: Path) -> None:
    path = shared_models / "tflite" / "mlperf_tiny_sww_streaming_wakeword_int8.tflite"
    graph = fixed_point(path)
    assert [graph.types[name].shape for name in (*graph.inputs, *graph.outputs)] == [
        (30, 1, 40),
        (3,),
    ]
    assert [node.op.name for node in graph.nodes].count("conv2d") == 8
