"""DeepLab v2: Chen et al., 2016, arXiv 1606.00915, figure 7, on VGG-16 or ResNet-101.

Its last stages are dilated instead of shrunk; four branches of different dilation, ASPP-L, give
scores that add up. The three scales that the ResNet is run at share all parameters: one is built.
"""

from __future__ import annotations

import onnx

from codegen.zoo.layers import Builder, Tensor
from codegen.zoo.network import Choice, Network, classes_option, resolution_option
from codegen.zoo.resnet import add_bottleneck, add_stem, list_blocks
from codegen.zoo.vgg16 import add_stage

RATES = (6, 12, 18, 24)
"""Dilations of the branches."""
STAGE_DILATION = {"res4": 2, "res5": 4}
"""Dilations that stand for the strides of these stages of the ResNet."""


def add_vgg(net: Builder, x: Tensor) -> Tensor:
    """Add the convolutions of VGG-16: an eighth of the image's sides, 512 channels."""
    for stage in range(1, 6):
        x = add_stage(net, x, stage, dilation=2 if stage == 5 else 1)
        x = net.max_pool(x, f"pool{stage}", 3, 2 if stage < 4 else 1, pad=1, ceil=True)
    return x


def add_resnet(net: Builder, x: Tensor) -> Tensor:
    """Add the convolutions of ResNet-101: an eighth of the image's sides, 2048 channels."""
    x = add_stem(net, x)
    for name, filters, stride in list_blocks(101):
        dilation = STAGE_DILATION.get(name.split("_")[0], 1)
        stride = stride if dilation == 1 else 1
        x = add_bottleneck(net, x, name, filters, stride, dilation=dilation)
    return x


def add_branch(net: Builder, x: Tensor, rate: int, classes: int, backbone: str) -> Tensor:
    """Add a branch of the pyramid: fc6, fc7 and fc8 on VGG-16, the last alone on ResNet-101."""
    if backbone == "resnet101":
        return net.conv(x, f"fc1_rate{rate}", classes, 3, dilation=rate, norm=False)
    x = net.conv(x, f"fc6_rate{rate}", 1024, 3, dilation=rate, norm=False, act="relu")
    x = net.dropout(x, f"drop6_rate{rate}")
    x = net.conv(x, f"fc7_rate{rate}", 1024, 1, norm=False, act="relu")
    x = net.dropout(x, f"drop7_rate{rate}")
    return net.conv(x, f"fc8_rate{rate}", classes, 1, norm=False)


def build_deeplab_v2(resolution: int, classes: int, backbone: str) -> onnx.ModelProto:
    """Return DeepLab v2: image (3, R, R) to scores (classes, R, R)."""
    net = Builder("deeplab_v2")
    image = net.image(resolution)
    x = add_vgg(net, image) if backbone == "vgg16" else add_resnet(net, image)
    first, *others = (add_branch(net, x, rate, classes, backbone) for rate in RATES)
    total = first
    for rate, scores in zip(RATES[1:], others, strict=True):
        total = net.add(total, scores, f"sum_rate{rate}")
    return net.model(image, net.resize(total, "scores", resolution))


DEEPLAB_V2 = Network(
    name="deeplab_v2",
    title="DeepLab v2 (to compare with)",
    paper="Chen et al. 2016, arXiv 1606.00915, figure 7",
    options=(
        resolution_option(321),
        classes_option(21),
        Choice("backbone", "resnet101", ("vgg16", "resnet101"), "the network in front"),
    ),
    builder=build_deeplab_v2,
)
