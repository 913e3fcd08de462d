"""Multiply-adds and parameters of the deployable networks: the published ones, unrounded."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from codegen.zoo import build
from tests.zoo.counting import (
    count_macs,
    count_parameters,
    count_weights,
    dimensions,
    infer_shapes,
)

MACS_AND_WEIGHTS = (
    ("mobilenet_v1", {}, 568_740_352, 4_209_088),
    ("mobilenet_v1", {"alpha": 0.75}, 325_400_448, 2_568_144),
    ("mobilenet_v1", {"alpha": 0.5}, 149_497_088, 1_319_648),
    ("mobilenet_v1", {"alpha": 0.25}, 41_030_272, 463_600),
    ("mobilenet_v1", {"resolution": 192}, 418_121_728, 4_209_088),
    ("mobilenet_v1", {"resolution": 160}, 290_675_200, 4_209_088),
    ("mobilenet_v1", {"resolution": 128}, 186_400_768, 4_209_088),
    ("mobilenet_v1", {"alpha": 0.5, "resolution": 160}, 76_524_800, 1_319_648),
    ("mobilenet_v1", {"shallow": "yes"}, 307_323_392, 2_875_328),
    ("mobilenet_v2", {}, 300_774_272, 3_469_760),
    ("mobilenet_v2", {"alpha": 0.35}, 59_285_808, 1_662_048),
    ("mobilenet_v2", {"alpha": 0.5}, 97_131_840, 1_949_136),
    ("mobilenet_v2", {"alpha": 0.75}, 209_069_792, 2_608_784),
    ("mobilenet_v2", {"alpha": 1.3}, 509_374_560, 5_341_536),
    ("mobilenet_v2", {"alpha": 1.4}, 582_195_824, 6_059_840),
    ("shufflenet_v1", {"scale": 1.5}, 292_443_552, 3_404_448),
    ("shufflenet_v1", {"scale": 2}, 524_045_184, 5_400_816),
    ("ssdlite", {}, 788_830_144, 4_283_456),
    ("ssdlite", {"backbone": "mobilenet_v1"}, 1_309_162_944, 5_060_608),
    (
        "ssdlite",
        {"backbone": "mobilenet_v1", "style": "ssd", "resolution": 300, "classes": 91},
        1_237_129_408,
        6_791_360,
    ),
    ("separable_block", {}, 52_283_392, 266_752),
    ("separable_block", {"convolution": "full"}, 462_422_016, 2_359_296),
    ("separable_block", {"alpha": 0.75}, 29_578_752, 150_912),
    ("separable_block", {"alpha": 0.75, "resolution": 10}, 15_091_200, 150_912),
)
"""MobileNet v1: tables 3 to 9, 13; v2: 4, 6 and the authors' model card."""


@pytest.mark.parametrize(("name", "options", "macs", "weights"), MACS_AND_WEIGHTS)
def test_multiply_adds_and_weights(
    name: str, options: Mapping[str, object], macs: int, weights: int
) -> None:
    model = build(name, options, weights=False)
    assert count_macs(model) == macs
    assert count_weights(model) == weights


@pytest.mark.parametrize(
    ("options", "macs"),
    [
        ({"groups": 1}, 142_502_976),
        ({"groups": 2}, 140_036_512),
        ({"groups": 3}, 136_500_672),
        ({"groups": 4}, 133_251_776),
        ({"groups": 8}, 136_829_952),
        ({"groups": 3, "scale": 0.25}, 13_060_656),
        ({"groups": 8, "scale": 0.5}, 38_045_952),
    ],
)
def test_shufflenet_is_counted_without_its_classifier(
    options: Mapping[str, object], macs: int
) -> None:
    """Tables 1 and 2: 143, 140, 137, 133, 137, 13 and 38 million."""
    assert count_macs(build("shufflenet_v1", options, weights=False), "Conv") == macs


def test_mobilenet_v1_of_full_convolutions_is_counted_without_its_classifier() -> None:
    model = build("mobilenet_v1", {"convolution": "full"}, weights=False)
    assert count_macs(model, "Conv") == 4_866_269_184
    assert count_weights(model) == 29_281_120


@pytest.mark.parametrize(
    ("options", "macs", "parameters"),
    [
        ({}, 832_667_936, 1_248_424),
        ({"conv10_pad": 1}, 861_339_936, 1_248_424),
        ({"version": "1.1"}, 387_747_520, 1_235_496),
        ({"bypass": "simple"}, 832_667_936, 1_248_424),
    ],
)
def test_squeezenet(options: Mapping[str, object], macs: int, parameters: int) -> None:
    model = build("squeezenet", options, weights=False)
    assert count_macs(model) == macs
    assert count_parameters(model, "") == parameters


@pytest.mark.parametrize(
    ("layer", "parameters"),
    [
        ("conv1_", 14_208),
        ("fire2_", 11_920),
        ("fire3_", 12_432),
        ("fire4_", 45_344),
        ("fire5_", 49_440),
        ("fire6_", 104_880),
        ("fire7_", 111_024),
        ("fire8_", 188_992),
        ("fire9_", 197_184),
        ("conv10_", 513_000),
    ],
)
def test_squeezenet_layer_by_layer(layer: str, parameters: int) -> None:
    model = build("squeezenet", weights=False)
    names = [name for name in dimensions(model) if name.startswith(layer)]
    assert count_parameters(model, *names) == parameters


@pytest.mark.parametrize(
    ("options", "millions"), [({}, 0.72), ({"group": 2}, 0.54), ({"width": 1.5}, 1.5)]
)
def test_squeezenext(options: Mapping[str, object], millions: float) -> None:
    """Weights, classifier's biases, scales and biases of the normalizations."""
    model = build("squeezenext", options, weights=False)
    learned = count_parameters(model, "_weights", "_bias", "_bn_scale")
    assert learned / 1e6 == pytest.approx(millions, abs=0.006)


@pytest.mark.parametrize(
    ("depth", "parameters"),
    [
        (20, 269_722),
        (32, 464_154),
        (44, 658_586),
        (56, 853_018),
        (110, 1_727_962),
        (1202, 19_421_274),
    ],
)
def test_resnet_cifar(depth: int, parameters: int) -> None:
    model = build("resnet_cifar", {"depth": depth}, weights=False)
    assert count_parameters(model, "_weights", "_bias", "_bn_scale") == parameters


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        ({}, 2_113_557),
        ({"aspp": "yes"}, 4_523_541),
        ({"aspp": "yes", "backbone": "mobilenet_v1"}, 11_145_301),
    ],
)
def test_deeplab_v3(options: Mapping[str, object], parameters: int) -> None:
    model = build("deeplab_v3", options, weights=False)
    assert count_parameters(model, "_weights", "_bias", "_bn_scale") == parameters


def test_deeplab_v3_keeps_the_output_stride() -> None:
    for stride, side in ((16, 33), (8, 65)):
        model = build("deeplab_v3", {"output_stride": stride}, weights=False)
        assert infer_shapes(model)["block17_project"] == (320, side, side)
        assert count_macs(build("deeplab_v3", weights=False)) == 2_740_709_056


def test_cifar10_cnn_layer_by_layer() -> None:
    """Bytes and operations of the published table."""
    model = build("cifar10_cnn", weights=False)
    shapes = infer_shapes(model)
    sizes = {name: shapes[name] for name in ("conv1", "pool1", "conv2", "pool2", "conv3", "pool3")}
    assert sizes == {
        "conv1": (32, 32, 32),
        "pool1": (32, 16, 16),
        "conv2": (32, 16, 16),
        "pool2": (32, 8, 8),
        "conv3": (64, 8, 8),
        "pool3": (64, 4, 4),
    }
    for layer, parameters in (("conv1", 2432), ("conv2", 25632), ("conv3", 51264), ("fc", 10250)):
        assert count_parameters(model, f"{layer}_weights", f"{layer}_bias") == parameters
    assert 2 * count_macs(model) == 4_915_200 + 13_107_200 + 6_553_600 + 20_480
