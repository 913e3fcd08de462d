"""Real networks: quantized by us they decide as in floats, quantized already as in onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codegen.ir.types import Array, DType, TensorType
from codegen.quantize import calibrate, load_samples, quantize, synthetic_samples
from codegen.quantize.layerwise import compare_layers
from tests.quantize import real_models as real

slow = pytest.mark.slow


def accuracy(scores: Array, labels: Array) -> float:
    return float((scores.reshape(len(labels), -1).argmax(axis=1) == labels).mean())


def agreement(first: Array, second: Array) -> float:
    winners = [scores.reshape(len(scores), -1).argmax(axis=1) for scores in (first, second)]
    return float((winners[0] == winners[1]).mean())


@pytest.mark.parametrize(
    "name",
    [
        "cifar10_caffe_m4_f32",
        pytest.param("cifar10_caffe_m7_f32", marks=slow),
        pytest.param("cifar10_cmsisnn_q7_f32", marks=slow),
        "mlperf_tiny_ic_resnet8_f32",
        "mlperf_tiny_kws_dscnn_f32",
        pytest.param("resnet20_cifar10_f32", marks=slow),
        pytest.param("shufflenetv1_05_g3_cifar10_f32", marks=slow),
    ],
)
def test_accuracy_is_within_a_point_of_float(shared_models: Path, name: str) -> None:
    model, graph = real.open_network(shared_models, name)
    fixed = quantize(graph, calibrate(model, graph, real.calibration(shared_models, name)))
    samples = real.evaluation(shared_models, name)
    expected = np.load(shared_models / "ref" / f"{name}.npz")["onnxruntime_output"]
    labels = real.labels(shared_models, name)
    assert accuracy(real.run_fixed(fixed, samples), labels) >= accuracy(expected, labels) - 0.01


@pytest.mark.parametrize(
    "name",
    [
        "mlperf_tiny_vww_mobilenetv1_025_96_f32",
        "mobilenetv2_035_128_flowers_f32",
        pytest.param("squeezenet1_0_imagenet_f32", marks=slow),
    ],
)
def test_nine_photos_of_ten_are_decided_as_in_floats(shared_models: Path, name: str) -> None:
    model, graph = real.open_network(shared_models, name)
    fixed = quantize(graph, calibrate(model, graph, real.calibration(shared_models, name)))
    samples = real.evaluation(shared_models, name)
    expected = real.run_onnxruntime(model, graph, samples)
    assert agreement(real.run_fixed(fixed, samples), expected) >= 0.9


@pytest.mark.slow
def test_detections_are_those_of_floats(shared_models: Path) -> None:
    """Objectness, box and class probabilities share the steps of one output."""
    name = "fastestdet_shufflenetv2_coco_f32"
    model, graph = real.open_network(shared_models, name)
    fixed = quantize(graph, calibrate(model, graph, real.calibration(shared_models, name)))
    samples = real.evaluation(shared_models, name, 6)
    found = real.run_fixed(fixed, samples)
    expected = real.run_onnxruntime(model, graph, samples).transpose(0, 2, 3, 1)
    scores = [y[..., 0] * y[..., 5:].max(axis=-1) for y in (found, expected)]
    assert np.corrcoef(scores[0].ravel(), scores[1].ravel())[0, 1] > 0.96
    seen = scores[1] > 0.3
    classes = [y[seen][:, 5:].argmax(axis=-1) for y in (found, expected)]
    assert (classes[0] == classes[1]).mean() > 0.98
    quant = fixed.types[fixed.outputs[0]].quant
    assert quant is not None
    assert np.abs(found[seen] - expected[seen])[:, 1:5].mean() <= 3 * quant.scale


def test_int8_networks_without_labels_say_what_onnxruntime_says(shared_models: Path) -> None:
    name = "mlperf_tiny_vww_mobilenetv1_025_96_int8"
    model, graph = real.open_network(shared_models, name)
    samples = real.evaluation(shared_models, name)
    scores = real.run_fixed(quantize(graph), samples), real.run_onnxruntime(model, graph, samples)
    assert agreement(*scores) == 1
    name = "mlperf_tiny_ad_autoencoder_int8"
    model, graph = real.open_network(shared_models, name)
    samples = real.evaluation(shared_models, name)
    found = real.run_fixed(quantize(graph), samples), real.run_onnxruntime(model, graph, samples)
    errors = [((y - samples.arrays[0]) ** 2).mean(axis=1) for y in found]
    np.testing.assert_allclose(errors[0], errors[1], rtol=0.02)


def test_reconstruction_errors_stay(shared_models: Path) -> None:
    """The autoencoder tells anomalies by the mean squared error of a window."""
    name = "mlperf_tiny_ad_autoencoder_f32"
    model, graph = real.open_network(shared_models, name)
    samples = real.evaluation(shared_models, name)
    fixed = quantize(graph, calibrate(model, graph, real.calibration(shared_models, name)))
    x = samples.arrays[0]
    expected = np.load(shared_models / "ref" / f"{name}.npz")["onnxruntime_output"]
    scores = [((y - x) ** 2).mean(axis=1) for y in (real.run_fixed(fixed, samples), expected)]
    np.testing.assert_allclose(scores[0], scores[1], rtol=0.2)
    assert np.corrcoef(*scores)[0, 1] > 0.98
    np.testing.assert_allclose(scores[0].mean(), scores[1].mean(), rtol=0.005)


QDQ = [
    "cifar10_caffe_m7_ortqdq_int8",
    "mlperf_tiny_ad_autoencoder_int8",
    "mlperf_tiny_ic_resnet8_int8",
    "mlperf_tiny_kws_dscnn_int8",
    "mlperf_tiny_vww_mobilenetv1_025_96_int8",
    "resnet20_cifar10_ortqdq_int8",
]


@pytest.mark.parametrize("name", QDQ)
def test_layers_fed_equal_inputs_agree_with_onnxruntime(shared_models: Path, name: str) -> None:
    model, graph = real.open_network(shared_models, name)
    fixed = quantize(graph)
    samples = real.evaluation(shared_models, name, 8)
    found = compare_layers(model, fixed, samples)
    shown = [node for node in fixed.nodes if node.output in fixed.origins]
    assert [layer.node for layer in found] == shown and len(shown) >= 0.75 * len(fixed.nodes)
    for layer in found:
        assert layer.greatest <= 1, layer.node
        assert layer.equal_share >= 0.99, layer.node


@pytest.mark.parametrize("name", QDQ)
def test_prescribed_formats_and_weights_are_kept(shared_models: Path, name: str) -> None:
    _, graph = real.open_network(shared_models, name)
    fixed = quantize(graph)
    for value, known in graph.types.items():
        if known.quant is not None and known.dtype is DType.FLOAT32 and value in fixed.types:
            assert fixed.types[value].quant == known.quant
    for value, data in graph.constants.items():
        if graph.types[value].dtype is DType.INT8:
            check_weights(data, graph.types[value], fixed.constants[value], fixed.types[value])


def check_weights(old: Array, old_type: TensorType, new: Array, new_type: TensorType) -> None:
    """Filters are the same, but for those too fine to be seen, which are the nearest coarser."""
    assert old_type.quant is not None and new_type.quant is not None
    before = np.resize(old_type.quant.scales, len(old))
    after = np.resize(new_type.quant.scales, len(new))
    kept = before == after
    np.testing.assert_array_equal(new[kept], old[kept])
    reals = [data.reshape(len(data), -1)[~kept] for data in (old, new)]
    reals = [x * scales[~kept, None] for x, scales in zip(reals, (before, after), strict=True)]
    assert (after[~kept] < 1e-4).all()
    assert (np.abs(reals[0] - reals[1]) <= after[~kept, None] * 0.5001).all()


@pytest.mark.parametrize(
    "name",
    [
        "mlperf_tiny_ic_resnet8_int8",
        "mlperf_tiny_kws_dscnn_int8",
        "cifar10_caffe_m7_ortqdq_int8",
        pytest.param("resnet20_cifar10_ortqdq_int8", marks=slow),
    ],
)
def test_accuracy_is_that_of_onnxruntime(shared_models: Path, name: str) -> None:
    _, graph = real.open_network(shared_models, name)
    found = real.run_fixed(quantize(graph), real.evaluation(shared_models, name))
    expected = np.load(shared_models / "ref" / f"{name}.npz")["onnxruntime_output"]
    labels = real.labels(shared_models, name)
    assert abs(accuracy(found, labels) - accuracy(expected, labels)) <= 0.005


def test_integers_of_the_file_are_the_same_samples(shared_models: Path, tmp_path: Path) -> None:
    """Int8 features as they are, for a network with int8 input."""
    name = "mlperf_tiny_kws_dscnn_int8"
    _, graph = real.open_network(shared_models, name)
    data = np.load(shared_models / "data" / "mlperf_kws01_eval.npz")["features_q"][:20]
    np.savez(tmp_path / "d.npz", data)
    loaded = load_samples(tmp_path / "d.npz", graph)
    np.testing.assert_array_equal(
        loaded.arrays[0], real.evaluation(shared_models, name, 20).arrays[0]
    )


LARGE = ("fastestdet_shufflenetv2_coco_f32", "mobilenetv2_1.0_224_imagenet_uint8")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=slow) if name in LARGE else name for name in real.TASKS]
)
def test_every_network_quantizes_without_data(shared_models: Path, name: str) -> None:
    model, graph = real.open_network(shared_models, name)
    samples = synthetic_samples(graph, 2)
    ranges = calibrate(model, graph, samples)
    assert ranges.synthetic
    fixed = quantize(graph, ranges)
    assert all(fixed.types[node.output].dtype is DType.INT8 for node in fixed.nodes)
