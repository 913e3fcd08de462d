"""VGG-16: Simonyan and Zisserman, 2014, arXiv 1409.1556, table 1, configuration D.

The segmentation networks of its time stand on the same convolutions.
"""

from __future__ import annotations

import onnx

from codegen.zoo.layers import Builder, Tensor
from codegen.zoo.network import Network, classes_option, resolution_option

STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Filters and convolutions of each stage; a pool ends it."""


def add_stage(
    net: Builder,
    x: Tensor,
    stage: int,
    *,
    dilation: int = 1,
    padded: bool = True,
    norm: bool = False,
) -> Tensor:
    """Add the 3x3 convolutions of one stage of `STAGES`, counted from 1, without its pool."""
    filters, count = STAGES[stage - 1]
    for index in range(1, count + 1):
        x = net.conv(
            x,
            f"conv{stage}_{index}",
            filters,
            3,
            pad="same" if padded else "valid",
            dilation=dilation,
            norm=norm,
            bias=True,
            act="relu",
        )
    return x


def build_vgg16(resolution: int, classes: int) -> onnx.ModelProto:
    """Return VGG-16: image (3, R, R) to probabilities."""
    net = Builder("vgg16")
    x = image = net.image(resolution)
    for stage in range(1, len(STAGES) + 1):
        x = net.max_pool(add_stage(net, x, stage), f"pool{stage}", 2, 2, ceil=True)
    x = net.flatten(x)
    x = net.dropout(net.dense(x, "fc6", 4096, act="relu"), "drop6")
    x = net.dropout(net.dense(x, "fc7", 4096, act="relu"), "drop7")
    return net.model(image, net.softmax(net.dense(x, "fc8", classes)))


VGG16 = Network(
    name="vgg16",
    title="VGG-16 (to compare with)",
    paper="Simonyan and Zisserman 2014, arXiv 1409.1556, table 1, configuration D",
    options=(resolution_option(224), classes_option()),
    builder=build_vgg16,
)
