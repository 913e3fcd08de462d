"""Inception-ResNet-v2: Szegedy et al., 2016, arXiv 1602.07261, figure 15.

With the stem, filters and counts of blocks of the authors' code: tensorflow/models,
slim/nets/inception_resnet_v2.py. The factor by which a block's residual is scaled is taken as part
of its last convolution. The Caffe release that is counted in print differs: every convolution has
a bias and a batch normalization, those that end a residual included.
"""

from __future__ import annotations

import onnx

from codegen.zoo.inception import COLUMN, ROW, Chain, add_chain, add_pooled, add_reduction, classify
from codegen.zoo.layers import Activation, Builder, Tensor
from codegen.zoo.network import Choice, Network, classes_option, resolution_option

BLOCKS_A: tuple[Chain, ...] = (
    ((32, 1),),
    ((32, 1), (32, 3)),
    ((32, 1), (48, 3), (64, 3)),
)
"""Branches of a block on 35x35 pixels: figure 16."""
BLOCKS_B: tuple[Chain, ...] = (((192, 1),), ((128, 1), (160, ROW), (192, COLUMN)))
"""Branches of a block on 17x17 pixels: figure 17."""
BLOCKS_C: tuple[Chain, ...] = (((192, 1),), ((192, 1), (224, (1, 3)), (256, (3, 1))))
"""Branches of a block on 8x8 pixels: figure 19."""
REDUCE_A: tuple[Chain, ...] = (((384, 3, 2),), ((256, 1), (256, 3), (384, 3, 2)))
REDUCE_B: tuple[Chain, ...] = (
    ((256, 1), (384, 3, 2)),
    ((256, 1), (288, 3, 2)),
    ((256, 1), (288, 3), (320, 3, 2)),
)
"""Branches of the reductions: figure 7 with the last row of table 1, and figure 18."""
COUNTS = (10, 20, 10)
"""Blocks on 35x35, 17x17 and 8x8 pixels."""


def add_stem(net: Builder, image: Tensor, bias: bool) -> Tensor:
    """Add the layers before the first block: 299x299 to 35x35 pixels, 320 channels."""
    x = net.conv(image, "conv1", 32, 3, 2, pad="valid", bias=bias, act="relu")
    x = net.conv(x, "conv2", 32, 3, pad="valid", bias=bias, act="relu")
    x = net.max_pool(net.conv(x, "conv3", 64, 3, bias=bias, act="relu"), "pool1", 3, 2)
    x = net.conv(x, "conv4", 80, 1, bias=bias, act="relu")
    x = net.conv(x, "conv5", 192, 3, pad="valid", bias=bias, act="relu")
    x = net.max_pool(x, "pool2", 3, 2)
    branches = (
        add_chain(net, x, "stem_1x1", (96, 1), bias=bias),
        add_chain(net, x, "stem_5x5", (48, 1), (64, 5), bias=bias),
        add_chain(net, x, "stem_double3x3", (64, 1), (96, 3), (96, 3), bias=bias),
        add_pooled(net, x, "stem", 64, bias),
    )
    return net.concat(branches, "stem")


def add_residual(
    net: Builder,
    x: Tensor,
    name: str,
    chains: tuple[Chain, ...],
    *,
    caffe: bool,
    act: Activation = "relu",
) -> Tensor:
    """Add to `x` what its branches, joined and brought to its channels, give."""
    branches = [
        add_chain(net, x, f"{name}_branch{index}", *layers, bias=caffe)
        for index, layers in enumerate(chains, start=1)
    ]
    joined = net.concat(branches, f"{name}_concat")
    residual = net.conv(joined, f"{name}_up", x.channels, 1, norm=caffe, bias=True)
    return net.add(x, residual, name, act=act)


def build_inception_resnet_v2(resolution: int, classes: int, release: str) -> onnx.ModelProto:
    """Return Inception-ResNet-v2: image (3, R, R) to probabilities."""
    net, caffe = Builder("inception_resnet_v2"), release == "caffe"
    image = net.image(resolution)
    x = add_stem(net, image, caffe)
    for index in range(1, COUNTS[0] + 1):
        x = add_residual(net, x, f"a{index}", BLOCKS_A, caffe=caffe)
    x = add_reduction(net, x, "reduce_a", REDUCE_A, caffe)
    for index in range(1, COUNTS[1] + 1):
        x = add_residual(net, x, f"b{index}", BLOCKS_B, caffe=caffe)
    x = add_reduction(net, x, "reduce_b", REDUCE_B, caffe)
    for index in range(1, COUNTS[2]):
        x = add_residual(net, x, f"c{index}", BLOCKS_C, caffe=caffe)
    x = add_residual(net, x, f"c{COUNTS[2]}", BLOCKS_C, caffe=caffe, act="none")
    return classify(net, image, add_chain(net, x, "conv6", (1536, 1), bias=caffe), classes)


INCEPTION_RESNET_V2 = Network(
    name="inception_resnet_v2",
    title="Inception-ResNet-v2 (to compare with)",
    paper="Szegedy et al. 2016, arXiv 1602.07261, figure 15",
    options=(
        resolution_option(299, least=75),
        classes_option(1001),
        Choice("release", "authors", ("authors", "caffe"), "caffe adds biases and normalizations"),
    ),
    builder=build_inception_resnet_v2,
)
