"""SqueezeNet: Iandola et al. 2016, arXiv 1602.07360: table 1, and figure 2 for the bypasses.

Version 1.1 is the authors': github.com/forresti/SqueezeNet. Pools keep partial windows as Caffe
does. The files the authors published pad conv10 by 1; the paper's table has no padding there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import onnx

from codegen.zoo.layers import Builder, Tensor
from codegen.zoo.network import Choice, Network, classes_option, resolution_option

SQUEEZED = (16, 16, 32, 32, 48, 48, 64, 64)
"""Filters of the 1 x 1 squeeze of fire2 to fire9; each expansion has four times as many."""


@dataclass(frozen=True, slots=True)
class Version:
    """The first convolution, and the fire modules that a pool follows (1: the convolution)."""

    filters: int
    kernel: int
    pooled: tuple[int, ...]


VERSIONS = {"1.0": Version(96, 7, (1, 4, 8)), "1.1": Version(64, 3, (1, 3, 5))}


def build_squeezenet(
    version: str, bypass: str, resolution: int, classes: int, conv10_pad: int
) -> onnx.ModelProto:
    """Return SqueezeNet: image (3, R, R) to probabilities."""
    shape = VERSIONS[version]
    net = Builder("squeezenet")
    image = net.image(resolution)
    conv = partial(net.conv, norm=False, act="relu")
    x = conv(image, "conv1", shape.filters, shape.kernel, 2, pad="valid")
    for index, filters in enumerate((0, *SQUEEZED), start=1):
        if index > 1:
            x = fire(net, x, index, filters, bypass)
        if index in shape.pooled:
            x = net.max_pool(x, f"pool{index}", 3, 2, ceil=True)
    x = conv(net.dropout(x, "drop9"), "conv10", classes, 1, pad=conv10_pad)
    return net.model(image, net.softmax(net.flatten(net.global_pool(x, "pool10"))))


def fire(net: Builder, x: Tensor, index: int, filters: int, bypass: str) -> Tensor:
    """Squeeze, expand by 1 x 1 and 3 x 3, concatenate; every other module can be bypassed as is."""
    name = f"fire{index}"
    conv = partial(net.conv, norm=False, act="relu")
    squeezed = conv(x, f"{name}_squeeze1x1", filters, 1)
    ones = conv(squeezed, f"{name}_expand1x1", 4 * filters, 1)
    threes = conv(squeezed, f"{name}_expand3x3", 4 * filters, 3)
    y = net.concat([ones, threes], f"{name}_concat")
    if bypass != "none" and x.channels == y.channels:
        return net.add(x, y, f"{name}_add")
    if bypass == "complex":
        bridge = net.conv(x, f"{name}_bypass", y.channels, 1, norm=False)
        return net.add(bridge, y, f"{name}_add")
    return y


SQUEEZENET = Network(
    name="squeezenet",
    title="SqueezeNet",
    paper="Iandola et al. 2016, arXiv 1602.07360, table 1",
    options=(
        Choice("version", "1.0", ("1.0", "1.1"), "of the authors' network"),
        Choice(
            "bypass", "none", ("none", "simple", "complex"), "additions around the fire modules"
        ),
        resolution_option(227, least=48),
        classes_option(),
        Choice("conv10_pad", 0, (0, 1), "padding of the last convolution"),
    ),
    builder=build_squeezenet,
)
