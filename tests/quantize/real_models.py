"""The real networks and data of the shared folder, scaled as its manifest says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import onnx

from codegen.frontend import import_model, load_onnx
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.types import Array
from codegen.passes import canonicalize
from codegen.quantize import Samples, graph_inputs
from codegen.quantize.probe import open_probe

BATCH = 50


@dataclass(frozen=True)
class Task:
    """The data a network is for: how to load its evaluation and calibration inputs as reals."""

    evaluation: str
    calibration: str
    prepare: Callable[[Path, str], Array]


def images(folder: Path, file: str) -> Array:
    return np.load(folder / "data" / file)["images"].astype(np.float32)


def channels_first(x: Array) -> Array:
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2))


def standardized(mean: list[float], deviation: list[float]) -> Callable[[Path, str], Array]:
    shift, scale = np.float32(mean), np.float32(deviation)
    return lambda folder, file: channels_first((images(folder, file) / 255 - shift) / scale)


def without_mean_image(folder: Path, file: str) -> Array:
    mean = np.load(folder / "data" / "cifar10_train_mean_image.npy")
    return channels_first(images(folder, file) - mean)


def cmsis(folder: Path, file: str) -> Array:
    return channels_first((images(folder, file) - np.float32([125, 123, 114])) / 256)


def features(folder: Path, file: str) -> Array:
    data = np.load(folder / "data" / file)
    return (data["features_q"].astype(np.float32) - 83) * data["input_scale"]


def windows(folder: Path, file: str) -> Array:
    frames = np.load(folder / "data" / file)["spectrogram"]
    return np.stack([frames[i : i + 5].reshape(640) for i in range(len(frames) - 4)])


def photos(size: int, scale: Callable[[Array], Array]) -> Callable[[Path, str], Array]:
    return lambda folder, file: scale(resize(images(folder, file), size))


def resize(x: Array, size: int) -> Array:
    """Scale square images down by a triangle filter as wide as two output pixels, and round."""
    old = x.shape[1]
    centres = (np.arange(size) + 0.5) * old / size - 0.5
    distance = np.abs(np.arange(old)[None, :] - centres[:, None]) * size / old
    weights = np.maximum(1 - distance, 0)
    weights /= weights.sum(axis=1, keepdims=True)
    y = np.einsum("ij,njkc->nikc", weights, x.astype(np.float64), optimize=True)
    return np.rint(np.einsum("ij,nkjc->nkic", weights, y, optimize=True)).astype(np.float32)


CIFAR = ("cifar10_eval.npz", "cifar10_calib_clean.npz")
KWS = ("mlperf_kws01_eval.npz", "mlperf_kws01_calib.npz")
AD = ("mlperf_ad_sample.npz", "mlperf_ad_sample.npz")
PHOTOS = ("photos_eval.npz", "photos_calib.npz")
CAFFE = Task(*CIFAR, without_mean_image)
RESNET8 = Task(*CIFAR, images)
TASKS = {
    "cifar10_caffe_m4_f32": CAFFE,
    "cifar10_caffe_m7_f32": CAFFE,
    "cifar10_caffe_m7_ortqdq_int8": CAFFE,
    "cifar10_cmsisnn_q7_f32": Task(*CIFAR, cmsis),
    "fastestdet_shufflenetv2_coco_f32": Task(
        *PHOTOS, photos(352, lambda x: channels_first(x[..., ::-1] / 255))
    ),
    "mlperf_tiny_ad_autoencoder_f32": Task(*AD, windows),
    "mlperf_tiny_ad_autoencoder_int8": Task(*AD, windows),
    "mlperf_tiny_ic_resnet8_f32": RESNET8,
    "mlperf_tiny_ic_resnet8_int8": RESNET8,
    "mlperf_tiny_kws_dscnn_f32": Task(*KWS, features),
    "mlperf_tiny_kws_dscnn_int8": Task(*KWS, features),
    "mlperf_tiny_vww_mobilenetv1_025_96_f32": Task(*PHOTOS, photos(96, lambda x: x / 255)),
    "mlperf_tiny_vww_mobilenetv1_025_96_int8": Task(*PHOTOS, photos(96, lambda x: x / 255)),
    "mobilenetv2_035_128_flowers_f32": Task(
        *PHOTOS, photos(128, lambda x: channels_first(x / 127.5 - 1))
    ),
    "mobilenetv2_1.0_224_imagenet_uint8": Task(*PHOTOS, photos(224, lambda x: (x - 128) / 128)),
    "resnet20_cifar10_f32": Task(
        *CIFAR, standardized([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    ),
    "resnet20_cifar10_ortqdq_int8": Task(
        *CIFAR, standardized([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    ),
    "shufflenetv1_05_g3_cifar10_f32": Task(
        *CIFAR, standardized([0.4914, 0.4822, 0.4465], [0.247, 0.243, 0.261])
    ),
    "squeezenet1_0_imagenet_f32": Task(
        *PHOTOS,
        photos(227, lambda x: channels_first(x[..., ::-1] - np.float32([104, 117, 123]))),
    ),
}


@cache
def open_network(folder: Path, name: str) -> tuple[onnx.ModelProto, Graph]:
    """Return the ONNX model and its canonical graph."""
    model = load_onnx(folder / f"{name}.onnx")
    return model, canonicalize(import_model(model, f"{name}.onnx"))


def evaluation(folder: Path, name: str, count: int | None = None) -> Samples:
    """Return the first `count` evaluation inputs as real values."""
    task = TASKS[name]
    return Samples((task.prepare(folder, task.evaluation)[:count],), task.evaluation)


def calibration(folder: Path, name: str) -> Samples:
    """Return the calibration inputs as real values."""
    task = TASKS[name]
    return Samples((task.prepare(folder, task.calibration),), task.calibration)


def labels(folder: Path, name: str) -> Array:
    """Return the classes of the evaluation inputs."""
    return np.load(folder / "data" / TASKS[name].evaluation)["labels"]


def run_fixed(graph: Graph, samples: Samples) -> Array:
    """Return the first output of the fixed-point graph as reals."""
    inputs = graph_inputs(graph, samples)
    quant = graph.types[graph.outputs[0]].quant
    assert quant is not None
    found = [
        evaluate(graph, [array[i : i + BATCH] for array in inputs])[graph.outputs[0]]
        for i in range(0, samples.count, BATCH)
    ]
    return quant.dequantize(np.concatenate(found))


def run_onnxruntime(model: onnx.ModelProto, graph: Graph, samples: Samples) -> Array:
    """Return the first output of the ONNX model as reals."""
    tensor = model.graph.output[0].name
    probe = open_probe(model, [tensor])
    quants = [graph.types[name].quant for name in graph.inputs]
    found = np.concatenate(
        [probe.run(samples.one(i), quants)[tensor] for i in range(samples.count)]
    )
    quant = graph.types[graph.outputs[0]].quant
    if found.dtype == np.int8:
        assert quant is not None
        return quant.dequantize(found)
    return found
