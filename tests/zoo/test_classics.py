"""The networks to compare with: counts, shapes, and weights that live."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path

import numpy as np
import onnx
import pytest

from codegen.errors import BadOption
from codegen.report.complexity import NETSCOPE, Cost, Measure, count, read_structure
from codegen.zoo import build
from codegen.zoo.classics import CLASSICS
from codegen.zoo.initialize import initialize
from codegen.zoo.layers import Builder
from tests.zoo.counting import count_macs, count_parameters, infer_shapes
from tests.zoo.small import make_images, run_all

Options = Mapping[str, object]

NETSCOPE_TABLE = {
    "AlexNet": ("alexnet", {}, 10),
    "GoogLeNet": ("googlenet", {"resolution": 227}, 10),
    "NIN": ("nin", {"loss": "yes"}, 10),
    "VGG16": ("vgg16", {}, 10),
    "ResNet-50": ("resnet50", {"conv1_bias": "yes"}, 1),
    "ResNet-152": ("resnet152", {}, 1),
    "Inception v3": ("inception_v3", {"last_pool": "max"}, 1),
    "Inception v4": ("inception_v4", {"release": "caffe"}, 1),
    "Inception-ResNet-v2": ("inception_resnet_v2", {"release": "caffe"}, 1),
}
"""Network, options and batch of each row of the Netscope comparison."""
COLUMNS = ("macc", "comp", "add", "div", "exp", "activation", "param")
"""Its metrics in the order of `Cost`."""
PARAMETERS = ("_weights", "_bias", "_scale")
"""Endings of the parameters that count: of a batch normalization two for each channel."""
STATISTICS = ("_mean", "_var")

COUNTS = (
    ("alexnet", {}, 724_406_816, 60_965_224),
    ("nin", {}, 1_105_996_320, 7_595_176),
    ("vgg16", {}, 15_470_264_320, 138_357_544),
    ("googlenet", {}, 1_582_671_872, 6_998_552),
    ("resnet50", {}, 3_857_973_248, 25_557_032),
    ("resnet101", {}, 7_570_194_432, 44_549_160),
    ("resnet152", {}, 11_282_415_616, 60_192_808),
    ("preresnet200", {}, 15_007_481_856, 64_666_152),
    ("wrn50_2", {}, 11_398_021_120, 68_883_240),
    ("inception_v3", {}, 5_713_216_096, 23_834_568),
    ("inception_v4", {}, 12_253_974_624, 42_679_816),
    ("inception_resnet_v2", {}, 13_155_795_552, 55_845_001),
    ("simplenet", {}, 631_507_456, 5_498_378),
    ("fully_connected", {}, 54_788_096, 54_815_872),
    ("fully_connected", {"layers": 4, "bias": "no"}, 57_933_824, 57_933_824),
    ("fcn8s", {}, 110_835_007_488, 134_489_759),
    ("fcn8s", {"classes": 19, "upsampling": "bilinear"}, 110_829_764_608, 134_353_017),
    ("crf_rnn", {}, 111_181_824_000, 134_491_082),
    ("dilated_vgg", {}, 791_561_657_088, 134_346_581),
    ("dilated_vgg", {"classes": 19}, 791_525_972_736, 134_338_387),
    ("dilated_vgg", {"context": "large"}, 821_187_257_400, 141_149_720),
    ("dilated_vgg", {"context": "basic", "classes": 19}, 791_626_613_760, 134_361_643),
    ("deeplab_v2", {"backbone": "vgg16"}, 80_120_358_592, 37_877_652),
)
"""Multiply-adds and parameters, for one image.

Parameters round to the published figures, but for SimpleNet, whose paper counts weights alone.
Multiply-adds hold what the structures give; those of the Netscope comparison are tested above all.
"""
WITH_STATISTICS = (("segnet", 29_470_997), ("deeplab_v2", 44_153_876))
"""Parameters with the mean and variance of batch normalizations: what a stored model holds."""

OUTPUTS = (
    ("nin", {"loss": "yes"}, ((1000,), (1000,))),
    ("inception_resnet_v2", {}, ((1001,),)),
    ("fcn8s", {"resolution": 96}, ((21, 96, 96),)),
    ("fcn8s", {"resolution": 96, "upsampling": "bilinear"}, ((21, 96, 96),)),
    ("crf_rnn", {"resolution": 64, "classes": 5}, ((5, 64, 64),)),
    ("dilated_vgg", {}, ((21, 66, 66),)),
    ("dilated_vgg", {"context": "large"}, ((21, 66, 66),)),
    ("segnet", {"resolution": 64}, ((21, 64, 64),)),
    ("deeplab_v2", {}, ((21, 321, 321),)),
    ("deeplab_v2", {"backbone": "vgg16"}, ((21, 321, 321),)),
    ("fully_connected", {"inputs": 30}, ((30,),)),
)
INNER = (
    ("alexnet", {}, {"pool1": (96, 27, 27), "pool2": (256, 13, 13), "pool5": (256, 6, 6)}),
    ("nin", {}, {"conv1": (96, 55, 55), "pool3": (384, 6, 6), "cccp8": (1000, 6, 6)}),
    ("googlenet", {}, {"pool2": (192, 28, 28), "pool3": (480, 14, 14), "pool4": (832, 7, 7)}),
    ("resnet50", {}, {"pool1": (64, 56, 56), "res3_1": (512, 28, 28), "res5_3": (2048, 7, 7)}),
    ("inception_v3", {}, {"pool2": (192, 35, 35), "reduce17": (768, 17, 17)}),
    ("inception_v3", {}, {"reduce8": (1280, 8, 8), "mixed8_2": (2048, 8, 8)}),
    ("inception_v4", {}, {"stem3": (384, 35, 35), "b7": (1024, 17, 17), "c3": (1536, 8, 8)}),
    ("inception_resnet_v2", {}, {"stem": (320, 35, 35), "reduce_a": (1088, 17, 17)}),
    ("inception_resnet_v2", {}, {"reduce_b": (2080, 8, 8), "conv6": (1536, 8, 8)}),
    ("deeplab_v2", {}, {"pool1": (64, 81, 81), "res5_3": (2048, 41, 41)}),
    ("deeplab_v2", {"backbone": "vgg16"}, {"pool5": (512, 41, 41)}),
)
"""Values inside, in the shapes that the papers' tables give."""

SMALL = (
    ("alexnet", {"resolution": 67, "classes": 5}),
    ("nin", {"resolution": 67, "classes": 5}),
    ("googlenet", {"resolution": 32, "classes": 5}),
    ("fully_connected", {"inputs": 64, "hidden": 32, "layers": 2}),
)
LARGER = (
    ("resnet50", {"resolution": 32, "classes": 5}),
    ("preresnet200", {"resolution": 32, "classes": 5}),
    ("inception_v3", {"resolution": 75, "classes": 5}),
    ("inception_v4", {"resolution": 75, "classes": 5, "release": "caffe"}),
    ("inception_resnet_v2", {"resolution": 75, "classes": 5}),
    ("segnet", {"resolution": 32, "classes": 5}),
)


def cost(name: str, options: Options, batch: int = 1) -> Cost:
    model = build(name, options, weights=False)
    return count(read_structure(model, name), Measure(NETSCOPE, batch=batch)).total


@pytest.mark.parametrize("network", NETSCOPE_TABLE)
def test_every_column_of_the_netscope_comparison(network: str, shared_models: Path) -> None:
    rows = json.loads((shared_models.parent / "reference" / "complexity.json").read_text())
    expected = {
        row["metric"]: row["computed"]
        for row in rows
        if row["table"].startswith("netscope") and row["network"] == network
    }
    found = dict(zip(COLUMNS, astuple(cost(*NETSCOPE_TABLE[network])), strict=True))
    columns = found.keys() & expected.keys()
    assert len(columns) == 6
    assert {key: found[key] for key in columns} == {key: expected[key] for key in columns}


@pytest.mark.parametrize(("name", "options", "macs", "parameters"), COUNTS)
def test_multiply_adds_and_parameters(
    name: str, options: Options, macs: int, parameters: int
) -> None:
    model = build(name, options, weights=False)
    assert count_parameters(model, *PARAMETERS) == parameters
    assert count_macs(model) == macs


@pytest.mark.parametrize(("name", "parameters"), WITH_STATISTICS)
def test_stored_parameters(name: str, parameters: int) -> None:
    model = build(name, weights=False)
    assert count_parameters(model, *PARAMETERS, *STATISTICS) == parameters


@pytest.mark.parametrize(("name", "options", "shapes"), OUTPUTS)
def test_output_shapes(name: str, options: Options, shapes: tuple[tuple[int, ...], ...]) -> None:
    model = build(name, options, weights=False)
    inferred = infer_shapes(model)
    assert tuple(inferred[output.name] for output in model.graph.output) == shapes


@pytest.mark.parametrize(("name", "options", "shapes"), INNER)
def test_inner_shapes(name: str, options: Options, shapes: Mapping[str, tuple[int, ...]]) -> None:
    inferred = infer_shapes(build(name, options, weights=False))
    assert {key: inferred[key] for key in shapes} == shapes


@pytest.mark.parametrize("network", CLASSICS, ids=lambda network: network.name)
def test_titles_say_what_they_are_for(network) -> None:
    assert network.title.endswith("(to compare with)")


@pytest.mark.parametrize("name", ["fcn8s", "crf_rnn", "segnet"])
def test_sides_that_do_not_halve_are_refused(name: str) -> None:
    with pytest.raises(BadOption, match=r"multiple of 32, got 100[\s\S]*try 96"):
        build(name, {"resolution": 100}, weights=False)


def check_alive(name: str, options: Options) -> None:
    model = build(name, options)
    onnx.checker.check_model(model, full_check=True)
    values = run_all(model, make_images(model, 8))
    for key, value in values.items():
        assert np.isfinite(value).all(), key
    scores = values[model.graph.output[0].name].reshape(8, -1)
    assert scores.std(axis=0).mean() > 0.05 * scores.std()


@pytest.mark.parametrize(("name", "options"), SMALL)
def test_weights_live(name: str, options: Options) -> None:
    check_alive(name, options)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), LARGER)
def test_weights_of_larger_networks_live(name: str, options: Options) -> None:
    check_alive(name, options)


def make_decoder() -> onnx.ModelProto:
    """Return a small network that enlarges in both ways."""
    net = Builder("decoder")
    image = net.image(8)
    x, places = net.max_pool_places(net.conv(image, "conv1", 6, 3, act="relu"), "pool1", 2)
    x = net.max_unpool(net.conv(x, "conv2", 6, 3, act="relu"), places, "unpool1", 2)
    x = net.deconv(net.conv(x, "conv3", 6, 3, act="relu"), "up1", 4, 4, 2)
    return net.model(image, net.deconv(net.relu(x), "up2", 3, 8, 4))


def test_decoders_live_and_have_the_shapes_that_are_stated() -> None:
    model = initialize(make_decoder())
    onnx.checker.check_model(model, full_check=True)
    assert infer_shapes(model)["up2"] == (3, 64, 64)
    values = run_all(model, make_images(model, 8))
    assert values["up2"].shape == (8, 3, 64, 64)
    for name in ("unpool1", "up1", "up2"):
        assert np.isfinite(values[name]).all()
        assert values[name].std() > 0.5, name
