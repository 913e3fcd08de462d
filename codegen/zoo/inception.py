"""What the Inception networks share: branches that are chains of convolutions, and their ends."""

from __future__ import annotations

import onnx

from codegen.zoo.layers import Builder, Pad, Size, Tensor

Layer = tuple[int, Size] | tuple[int, Size, int]
"""Filters, kernel and stride of a convolution; the stride is 1 unless told."""
Chain = tuple[Layer, ...]
ROW, COLUMN = (1, 7), (7, 1)
"""Kernels that split one of 7x7 in two."""


def add_chain(net: Builder, x: Tensor, name: str, *layers: Layer, bias: bool = False) -> Tensor:
    """Add convolutions, each normalized and rectified; those of stride 2 have no padding."""
    for index, (filters, kernel, *strides) in enumerate(layers, start=1):
        stride = strides[0] if strides else 1
        pad: Pad = "same" if stride == 1 else "valid"
        number = f"{name}_{index}" if len(layers) > 1 else name
        x = net.conv(x, number, filters, kernel, stride, pad=pad, bias=bias, act="relu")
    return x


def add_split(
    net: Builder, x: Tensor, name: str, filters: int, bias: bool = False
) -> tuple[Tensor, Tensor]:
    """Add a 1x3 and a 3x1 convolution side by side."""
    row = add_chain(net, x, f"{name}_1x3", (filters, (1, 3)), bias=bias)
    return row, add_chain(net, x, f"{name}_3x1", (filters, (3, 1)), bias=bias)


def add_pooled(net: Builder, x: Tensor, name: str, filters: int, bias: bool = False) -> Tensor:
    """Add an average of 3x3 pixels and a 1x1 convolution."""
    pooled = net.average_pool(x, f"{name}_average", 3, pad="same")
    return add_chain(net, pooled, f"{name}_pooled", (filters, 1), bias=bias)


def add_reduction(
    net: Builder, x: Tensor, name: str, chains: tuple[Chain, ...], bias: bool = False
) -> Tensor:
    """Join chains that end in a stride of 2 with a pool of stride 2: half the image's sides."""
    branches = [
        add_chain(net, x, f"{name}_branch{index}", *layers, bias=bias)
        for index, layers in enumerate(chains, start=1)
    ]
    return net.concat([*branches, net.max_pool(x, f"{name}_pool", 3, 2)], name)


def classify(net: Builder, image: Tensor, x: Tensor, classes: int) -> onnx.ModelProto:
    """Return the network from `image` by `x`, its average and a dense layer to probabilities."""
    x = net.dropout(net.flatten(net.global_pool(x, "pool")), "drop")
    return net.model(image, net.softmax(net.dense(x, "fc", classes)))
