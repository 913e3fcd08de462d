"""DeepLabv3 on MobileNets: Sandler et al. 2018, arXiv 1801.04381, section 6.3 and table 7.

The head is that of Chen et al. 2017, arXiv 1706.05587: an average of the whole image, a 1 x 1
convolution and, with `aspp`, three dilated 3 x 3 convolutions, side by side. The backbone ends
before MobileNet v2's widest layer. Output are scores at the input's resolution.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnx

from codegen.zoo import mobilenet_v1, mobilenet_v2
from codegen.zoo.layers import Builder, Tensor
from codegen.zoo.network import Choice, Network, Number, classes_option, resolution_option

RATES = (6, 12, 18)
"""Dilations at output stride 16; twice as much at 8."""


def build_deeplab_v3(
    backbone: str,
    aspp: str,
    output_stride: int,
    alpha: float,
    depth: int,
    resolution: int,
    classes: int,
) -> onnx.ModelProto:
    """Return the network: image (3, R, R) in [-1, 1] to scores (classes, R, R)."""
    net = Builder("deeplab_v3")
    image = net.image(resolution)
    x = BACKBONES[backbone](net, image, alpha, output_stride)
    mean = net.conv(net.global_pool(x, "image_pool"), "image_conv", depth, 1, act="relu")
    branches = [
        net.resize(mean, "image_resize", (x.shape[1], x.shape[2])),
        net.conv(x, "aspp0", depth, 1, act="relu"),
    ]
    for index, rate in enumerate(RATES if aspp == "yes" else (), start=1):
        dilation = rate * 16 // output_stride
        branches.append(net.conv(x, f"aspp{index}", depth, 3, dilation=dilation, act="relu"))
    x = net.conv(net.concat(branches, "concat"), "project", depth, 1, act="relu")
    scores = net.conv(x, "scores", classes, 1, norm=False)
    return net.model(image, net.resize(scores, "resize", resolution))


def backbone_v1(net: Builder, image: Tensor, alpha: float, output_stride: int) -> Tensor:
    """Return MobileNet v1's last feature map."""
    depth = mobilenet_v1.depth
    x = net.conv(image, "conv1", depth(32, alpha), 3, 2, act="relu6")
    strides = [stride for stride, _ in mobilenet_v1.BLOCKS]
    plan = zip(mobilenet_v1.BLOCKS, dilate(strides, output_stride), strict=True)
    for index, ((_, filters), (stride, dilation)) in enumerate(plan, start=1):
        x = mobilenet_v1.separable(net, x, index, stride, depth(filters, alpha), dilation)
    return x


def backbone_v2(net: Builder, image: Tensor, alpha: float, output_stride: int) -> Tensor:
    """Return the output of MobileNet v2's last inverted residual."""
    depth = mobilenet_v2.depth
    x = net.conv(image, "conv1", depth(32 * alpha), 3, 2, act="relu6")
    strides = [stride for _, _, stride in mobilenet_v2.BLOCKS]
    plan = zip(mobilenet_v2.BLOCKS, dilate(strides, output_stride), strict=True)
    for index, ((expansion, filters, _), (stride, dilation)) in enumerate(plan, start=1):
        x = mobilenet_v2.inverted_residual(
            net, x, index, expansion, depth(filters * alpha), stride, dilation
        )
    return x


BACKBONES = {"mobilenet_v1": backbone_v1, "mobilenet_v2": backbone_v2}


def dilate(strides: Iterable[int], output_stride: int) -> Iterator[tuple[int, int]]:
    """Yield stride and dilation of each block: strides beyond the output's become dilations.

    The first convolution has halved the image already; a block that loses its stride is not
    dilated itself.

    >>> list(dilate([2, 2, 2, 1, 2, 1], 16))
    [(2, 1), (2, 1), (2, 1), (1, 1), (1, 1), (1, 2)]
    """
    total, dilation = 2, 1
    for stride in strides:
        if total < output_stride:
            yield stride, 1
            total *= stride
        else:
            yield 1, dilation
            dilation *= stride


DEEPLAB_V3 = Network(
    name="deeplab_v3",
    title="DeepLabv3 on MobileNet",
    paper="Sandler et al. 2018, arXiv 1801.04381, table 7",
    options=(
        Choice("backbone", "mobilenet_v2", tuple(BACKBONES), "network below the heads"),
        Choice("aspp", "no", ("no", "yes"), "atrous spatial pyramid pooling"),
        Choice("output_stride", 16, (8, 16), "of the backbone"),
        mobilenet_v1.ALPHA,
        Number("depth", int, 256, 8, 4096, "filters of the head"),
        resolution_option(513, least=33),
        classes_option(21),
    ),
    builder=build_deeplab_v3,
)
