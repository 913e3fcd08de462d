"""Whole networks on the shared engine: every layer's bytes are the reference's, in few cycles."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import onnx
import pytest

from codegen import zoo
from codegen.emit.rtl.cycles import command_cycles
from codegen.frontend import import_model, load_onnx
from codegen.ir.graph import Graph
from codegen.passes import canonicalize
from codegen.passes.shrink import shrink
from codegen.quantize import calibrate, quantize, synthetic_samples
from tests.lower.rtl.harness import Lowered, check
from tests.toy_model import toy_model

FILES = {
    "vww": ("mlperf_tiny_vww_mobilenetv1_025_96_int8.onnx", 190_000),
    "ic": ("mlperf_tiny_ic_resnet8_int8.onnx", 235_000),
    "kws": ("mlperf_tiny_kws_dscnn_int8.onnx", 65_000),
    "ad": ("mlperf_tiny_ad_autoencoder_int8.onnx", 5_320),
    "cifar10": ("cifar10_caffe_m7_ortqdq_int8.onnx", 213_300),
}
"""Files, and the most cycles that a frame may take."""
ZOO = {
    "cifar10_cnn": {},
    "mobilenet_v1": {"alpha": 0.25, "resolution": 96},
    "mobilenet_v2": {"alpha": 0.35, "resolution": 96},
    "squeezenet": {"version": "1.1", "resolution": 64},
    "shufflenet_v1": {"scale": 0.25, "groups": 3, "resolution": 64},
}
SHRUNK_VWW = 124_000
SMALL_CIFAR = """
<ir_version: 8, opset_import: ["" : 17]>
small (float[N, 3, 32, 32] image) => (float[N, 10] scores)
{
    a1 = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (image, w1, b1)
    a2 = Relu (a1)
    a3 = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (a2)
    e1 = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (a3, w2, b2)
    e2 = Relu (e1)
    e3 = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (e2)
    c1 = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (e3, w3, b3)
    c2 = Relu (c1)
    c3 = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (c2)
    d = Flatten (c3)
    scores = Gemm <transB = 1> (d, w4, b4)
}
"""
"""2.81 M MACs."""
SMALL_SHAPES = {
    "w1": (16, 3, 3, 3),
    "b1": (16,),
    "w2": (32, 16, 3, 3),
    "b2": (32,),
    "w3": (64, 32, 3, 3),
    "b3": (64,),
    "w4": (10, 1024),
    "b4": (10,),
}
SMALL_CYCLES = 54_100


@cache
def of_file(folder: Path, name: str) -> Graph:
    model = load_onnx(folder / FILES[name][0])
    return quantize(canonicalize(import_model(model, name)))


def cycles(lowered: Lowered) -> int:
    return sum(command_cycles(lowered.image.shape, c) for c in lowered.image.commands)


@pytest.mark.parametrize("name", FILES)
def test_file(shared_models: Path, name: str) -> None:
    lowered = check(of_file(shared_models, name), frames=1)
    assert cycles(lowered) <= FILES[name][1]


def test_a_shrunk_network_takes_fewer_cycles(shared_models: Path) -> None:
    lowered = Lowered(shrink(of_file(shared_models, "vww")))
    assert cycles(lowered) <= SHRUNK_VWW


def of_model(model: onnx.ModelProto, name: str) -> Graph:
    network = canonicalize(import_model(model, name))
    ranges = calibrate(model, network, synthetic_samples(network, 1))
    return quantize(network, replace(ranges, evidence=None))


def test_small_network() -> None:
    lowered = check(of_model(toy_model(SMALL_CIFAR, SMALL_SHAPES), "small"), frames=1)
    assert cycles(lowered) <= SMALL_CYCLES


@pytest.mark.slow
@pytest.mark.parametrize("name", ZOO)
def test_zoo_network(name: str) -> None:
    check(of_model(zoo.build(name, ZOO[name]), name), frames=2)
