"""GoogLeNet: Szegedy et al., "Going Deeper with Convolutions", 2014, arXiv 1409.4842, table 1.

Without the auxiliary classifiers, which serve training only. Padding, rounding of pools and the
places of the normalizations are those of Caffe's bvlc_googlenet.
"""

from __future__ import annotations

import onnx

from codegen.zoo.layers import Builder, Tensor
from codegen.zoo.network import Network, classes_option, resolution_option

MODULES = (
    ("3a", 64, 96, 128, 16, 32, 32),
    ("3b", 128, 128, 192, 32, 96, 64),
    ("4a", 192, 96, 208, 16, 48, 64),
    ("4b", 160, 112, 224, 24, 64, 64),
    ("4c", 128, 128, 256, 24, 64, 64),
    ("4d", 112, 144, 288, 32, 64, 64),
    ("4e", 256, 160, 320, 32, 128, 128),
    ("5a", 256, 160, 320, 32, 128, 128),
    ("5b", 384, 192, 384, 48, 128, 128),
)
"""Filters of 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5 and pool projection, as in table 1."""
POOLED = ("3b", "4e")
"""Modules with a pool of stride 2 behind them."""


def add_module(net: Builder, x: Tensor, name: str, filters: tuple[int, ...]) -> Tensor:
    """Add one inception module: four branches side by side, joined."""

    def conv(x: Tensor, branch: str, filters: int, kernel: int = 1) -> Tensor:
        return net.conv(x, f"{name}_{branch}", filters, kernel, norm=False, act="relu")

    pixel, reduce3, window3, reduce5, window5, projection = filters
    branches = (
        conv(x, "1x1", pixel),
        conv(conv(x, "3x3_reduce", reduce3), "3x3", window3, 3),
        conv(conv(x, "5x5_reduce", reduce5), "5x5", window5, 5),
        conv(net.max_pool(x, f"{name}_pool", 3, pad="same"), "pool_proj", projection),
    )
    return net.concat(branches, f"{name}_output")


def build_googlenet(resolution: int, classes: int) -> onnx.ModelProto:
    """Return GoogLeNet: image (3, R, R) to probabilities."""
    net = Builder("googlenet")
    image = net.image(resolution)
    x = net.conv(image, "conv1", 64, 7, 2, pad=3, norm=False, act="relu")
    x = net.lrn(net.max_pool(x, "pool1", 3, 2, ceil=True), "norm1")
    x = net.conv(x, "conv2_reduce", 64, 1, norm=False, act="relu")
    x = net.conv(x, "conv2", 192, 3, norm=False, act="relu")
    x = net.max_pool(net.lrn(x, "norm2"), "pool2", 3, 2, ceil=True)
    for module, *filters in MODULES:
        x = add_module(net, x, f"inception_{module}", tuple(filters))
        if module in POOLED:
            x = net.max_pool(x, f"pool{module[0]}", 3, 2, ceil=True)
    x = net.dropout(net.flatten(net.global_pool(x, "pool5")), "pool5_drop")
    return net.model(image, net.softmax(net.dense(x, "classifier", classes)))


GOOGLENET = Network(
    name="googlenet",
    title="GoogLeNet (to compare with)",
    paper="Szegedy et al. 2014, arXiv 1409.4842, table 1; Caffe's bvlc_googlenet",
    options=(resolution_option(224), classes_option()),
    builder=build_googlenet,
)
