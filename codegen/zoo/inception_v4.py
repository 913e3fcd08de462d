"""Inception-v4: Szegedy et al., "Inception-v4, Inception-ResNet", 2016, arXiv 1602.07261, figure 9.

Modules and filters are those of figures 3 to 8 and table 1. The authors' convolutions have no bias,
as a batch normalization follows; those of the Caffe release that is counted in print have one.
"""

from __future__ import annotations

import onnx

from codegen.zoo.inception import (
    COLUMN,
    ROW,
    Chain,
    add_chain,
    add_pooled,
    add_reduction,
    add_split,
    classify,
)
from codegen.zoo.layers import Builder, Tensor
from codegen.zoo.network import Choice, Network, classes_option, resolution_option

COUNTS = (4, 7, 3)
"""Modules on 35x35, 17x17 and 8x8 pixels."""
REDUCE_A: tuple[Chain, ...] = (((384, 3, 2),), ((192, 1), (224, 3), (256, 3, 2)))
REDUCE_B: tuple[Chain, ...] = (
    ((192, 1), (192, 3, 2)),
    ((256, 1), (256, ROW), (320, COLUMN), (320, 3, 2)),
)
"""Branches of the reductions: figure 7 with the last row of table 1, and figure 8."""


def add_stem(net: Builder, image: Tensor, bias: bool) -> Tensor:
    """Add the layers of figure 3: 299x299 to 35x35 pixels, 384 channels."""
    x = net.conv(image, "conv1", 32, 3, 2, pad="valid", bias=bias, act="relu")
    x = net.conv(x, "conv2", 32, 3, pad="valid", bias=bias, act="relu")
    x = net.conv(x, "conv3", 64, 3, bias=bias, act="relu")
    x = add_reduction(net, x, "stem1", (((96, 3, 2),),), bias)
    plain = add_chain(net, x, "stem2_3x3", (64, 1), bias=bias)
    split = add_chain(net, x, "stem2_7x7", (64, 1), (64, COLUMN), (64, ROW), bias=bias)
    branches = [
        net.conv(branch, f"stem2_last{index}", 96, 3, pad="valid", bias=bias, act="relu")
        for index, branch in enumerate((plain, split), start=1)
    ]
    return add_reduction(net, net.concat(branches, "stem2"), "stem3", (((192, 3, 2),),), bias)


def add_a(net: Builder, x: Tensor, name: str, bias: bool) -> Tensor:
    """Add a module on 35x35 pixels: figure 4."""
    branches = (
        add_pooled(net, x, name, 96, bias),
        add_chain(net, x, f"{name}_1x1", (96, 1), bias=bias),
        add_chain(net, x, f"{name}_3x3", (64, 1), (96, 3), bias=bias),
        add_chain(net, x, f"{name}_double3x3", (64, 1), (96, 3), (96, 3), bias=bias),
    )
    return net.concat(branches, name)


def add_b(net: Builder, x: Tensor, name: str, bias: bool) -> Tensor:
    """Add a module on 17x17 pixels: figure 5."""
    twice: Chain = ((192, 1), (192, ROW), (224, COLUMN), (224, ROW), (256, COLUMN))
    branches = (
        add_pooled(net, x, name, 128, bias),
        add_chain(net, x, f"{name}_1x1", (384, 1), bias=bias),
        add_chain(net, x, f"{name}_7x7", (192, 1), (224, ROW), (256, COLUMN), bias=bias),
        add_chain(net, x, f"{name}_double7x7", *twice, bias=bias),
    )
    return net.concat(branches, name)


def add_c(net: Builder, x: Tensor, name: str, bias: bool) -> Tensor:
    """Add a module on 8x8 pixels: figure 6."""
    once = add_chain(net, x, f"{name}_3x3", (384, 1), bias=bias)
    layers: Chain = ((384, 1), (448, (1, 3)), (512, (3, 1)))
    twice = add_chain(net, x, f"{name}_double3x3", *layers, bias=bias)
    branches = (
        add_pooled(net, x, name, 256, bias),
        add_chain(net, x, f"{name}_1x1", (256, 1), bias=bias),
        *add_split(net, once, f"{name}_3x3", 256, bias),
        *add_split(net, twice, f"{name}_double3x3", 256, bias),
    )
    return net.concat(branches, name)


def build_inception_v4(resolution: int, classes: int, release: str) -> onnx.ModelProto:
    """Return Inception-v4: image (3, R, R) to probabilities."""
    net, bias = Builder("inception_v4"), release == "caffe"
    image = net.image(resolution)
    x = add_stem(net, image, bias)
    for index in range(1, COUNTS[0] + 1):
        x = add_a(net, x, f"a{index}", bias)
    x = add_reduction(net, x, "reduce_a", REDUCE_A, bias)
    for index in range(1, COUNTS[1] + 1):
        x = add_b(net, x, f"b{index}", bias)
    x = add_reduction(net, x, "reduce_b", REDUCE_B, bias)
    for index in range(1, COUNTS[2] + 1):
        x = add_c(net, x, f"c{index}", bias)
    return classify(net, image, x, classes)


INCEPTION_V4 = Network(
    name="inception_v4",
    title="Inception-v4 (to compare with)",
    paper="Szegedy et al. 2016, arXiv 1602.07261, figure 9",
    options=(
        resolution_option(299, least=75),
        classes_option(),
        Choice("release", "authors", ("authors", "caffe"), "caffe adds biases to convolutions"),
    ),
    builder=build_inception_v4,
)
