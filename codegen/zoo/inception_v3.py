"""Inception-v3: Szegedy et al., "Rethinking the Inception Architecture", 2015, arXiv 1512.00567.

Table 1, with the filters of the authors' code: tensorflow/models, slim/nets/inception_v3.py.
Without the auxiliary classifier, which serves training only.
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

POOL_FILTERS = (32, 64, 64)
"""Filters behind the pool of each module on 35x35 pixels."""
MIDDLE_FILTERS = (128, 160, 160, 192)
"""Filters inside the branches of each module on 17x17 pixels."""
REDUCE_17: tuple[Chain, ...] = (((384, 3, 2),), ((64, 1), (96, 3), (96, 3, 2)))
REDUCE_8: tuple[Chain, ...] = (
    ((192, 1), (320, 3, 2)),
    ((192, 1), (192, ROW), (192, COLUMN), (192, 3, 2)),
)
"""Branches of the reductions to 17x17 and to 8x8 pixels."""


def add_stem(net: Builder, image: Tensor) -> Tensor:
    """Add the layers before the first module: 299x299 to 35x35 pixels, 192 channels."""
    x = net.conv(image, "conv1", 32, 3, 2, pad="valid", act="relu")
    x = net.conv(x, "conv2", 32, 3, pad="valid", act="relu")
    x = net.max_pool(net.conv(x, "conv3", 64, 3, act="relu"), "pool1", 3, 2)
    x = net.conv(x, "conv4", 80, 1, act="relu")
    return net.max_pool(net.conv(x, "conv5", 192, 3, pad="valid", act="relu"), "pool2", 3, 2)


def add_early(net: Builder, x: Tensor, name: str, pooled: int) -> Tensor:
    """Add a module on 35x35 pixels: figure 5."""
    branches = (
        add_chain(net, x, f"{name}_1x1", (64, 1)),
        add_chain(net, x, f"{name}_5x5", (48, 1), (64, 5)),
        add_chain(net, x, f"{name}_double3x3", (64, 1), (96, 3), (96, 3)),
        add_pooled(net, x, name, pooled),
    )
    return net.concat(branches, name)


def add_middle(net: Builder, x: Tensor, name: str, inner: int) -> Tensor:
    """Add a module of 1x7 and 7x1 convolutions on 17x17 pixels: figure 6."""
    twice: Chain = ((inner, COLUMN), (inner, ROW), (inner, COLUMN))
    branches = (
        add_chain(net, x, f"{name}_1x1", (192, 1)),
        add_chain(net, x, f"{name}_7x7", (inner, 1), (inner, ROW), (192, COLUMN)),
        add_chain(net, x, f"{name}_double7x7", (inner, 1), *twice, (192, ROW)),
        add_pooled(net, x, name, 192),
    )
    return net.concat(branches, name)


def add_late(net: Builder, x: Tensor, name: str, pool: str) -> Tensor:
    """Add a module on 8x8 pixels, its branches split once more: figure 7."""
    once = add_chain(net, x, f"{name}_3x3", (384, 1))
    twice = add_chain(net, x, f"{name}_double3x3", (448, 1), (384, 3))
    if pool == "max":
        greatest = net.max_pool(x, f"{name}_max", 3, pad="same")
        pooled = add_chain(net, greatest, f"{name}_pooled", (192, 1))
    else:
        pooled = add_pooled(net, x, name, 192)
    branches = (
        add_chain(net, x, f"{name}_1x1", (320, 1)),
        *add_split(net, once, f"{name}_3x3", 384),
        *add_split(net, twice, f"{name}_double3x3", 384),
        pooled,
    )
    return net.concat(branches, name)


def build_inception_v3(resolution: int, classes: int, last_pool: str) -> onnx.ModelProto:
    """Return Inception-v3: image (3, R, R) to probabilities."""
    net = Builder("inception_v3")
    image = net.image(resolution)
    x = add_stem(net, image)
    for index, pooled in enumerate(POOL_FILTERS, start=1):
        x = add_early(net, x, f"mixed35_{index}", pooled)
    x = add_reduction(net, x, "reduce17", REDUCE_17)
    for index, inner in enumerate(MIDDLE_FILTERS, start=1):
        x = add_middle(net, x, f"mixed17_{index}", inner)
    x = add_reduction(net, x, "reduce8", REDUCE_8)
    x = add_late(net, x, "mixed8_1", "average")
    return classify(net, image, add_late(net, x, "mixed8_2", last_pool), classes)


INCEPTION_V3 = Network(
    name="inception_v3",
    title="Inception-v3 (to compare with)",
    paper="Szegedy et al. 2015, arXiv 1512.00567, table 1",
    options=(
        resolution_option(299, least=75),
        classes_option(),
        Choice(
            "last_pool", "average", ("average", "max"), "max in the Caffe form that was counted"
        ),
    ),
    builder=build_inception_v3,
)
