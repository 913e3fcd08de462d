"""Dilated VGG-16: Yu and Koltun, "Multi-Scale Context Aggregation", 2015, arXiv 1511.07122.

The front end of section 4, whose last pools are dilation instead and whose convolutions have no
padding, and the context modules of table 1. The scores are those of every eighth pixel.
"""

from __future__ import annotations

import onnx

from codegen.zoo.layers import Builder, Tensor
from codegen.zoo.network import Choice, Network, classes_option, resolution_option
from codegen.zoo.vgg16 import add_stage

DILATIONS = (1, 1, 2, 4, 8, 16, 1)
"""Of a context module's 3x3 convolutions."""
WIDTHS = {"basic": (1, 1, 1, 1, 1, 1, 1), "large": (2, 2, 4, 8, 16, 32, 32)}
"""Their filters, in multiples of the classes."""


def add_front_end(net: Builder, image: Tensor, classes: int) -> Tensor:
    """Add the front end: a score for each class and eighth pixel."""
    x = image
    for stage in (1, 2, 3):
        x = net.max_pool(add_stage(net, x, stage, padded=False), f"pool{stage}", 2, 2, ceil=True)
    x = add_stage(net, x, 4, padded=False)
    x = add_stage(net, x, 5, dilation=2, padded=False)
    for name, kernel, dilation in (("fc6", 7, 4), ("fc7", 1, 1)):
        x = net.conv(x, name, 4096, kernel, pad="valid", dilation=dilation, norm=False, act="relu")
        x = net.dropout(x, f"{name}_drop")
    return net.conv(x, "final", classes, 1, norm=False)


def build_dilated_vgg(resolution: int, classes: int, context: str) -> onnx.ModelProto:
    """Return the dilated network: image (3, R, R) to scores of every eighth pixel."""
    net = Builder("dilated_vgg")
    image = net.image(resolution)
    x = add_front_end(net, image, classes)
    if context == "none":
        return net.model(image, x)
    for index, (width, dilation) in enumerate(zip(WIDTHS[context], DILATIONS, strict=True), 1):
        name = f"context{index}"
        x = net.conv(x, name, width * classes, 3, dilation=dilation, norm=False, act="relu")
    return net.model(image, net.conv(x, "context_final", classes, 1, norm=False))


DILATED_VGG = Network(
    name="dilated_vgg",
    title="Dilated VGG-16 (to compare with)",
    paper="Yu and Koltun 2015, arXiv 1511.07122, section 4 and table 1",
    options=(
        resolution_option(900, least=380),
        classes_option(21),
        Choice("context", "none", ("none", "basic", "large"), "the context module"),
    ),
    builder=build_dilated_vgg,
)
