"""MobileNet v1: Howard et al., "MobileNets", 2017, arXiv 1704.04861, table 1.

Channel rounding, ReLU6, SAME padding and the batch normalization's epsilon are those of the
authors' code: tensorflow/models, research/slim/nets/mobilenet_v1.py. The full convolutions are
those of table 4, the shallow network that of table 5.
"""

from __future__ import annotations

import onnx

from codegen.zoo.layers import Builder, Tensor
from codegen.zoo.network import Choice, Network, Number, classes_option, resolution_option

BLOCKS = (
    (1, 64),
    (2, 128),
    (1, 128),
    (2, 256),
    (1, 256),
    (2, 512),
    *5 * ((1, 512),),
    (2, 1024),
    (1, 1024),
)
"""Stride of the depthwise and filters of the pointwise convolution."""
SHALLOW_BLOCKS = (*BLOCKS[:6], *BLOCKS[11:])
"""Without the five blocks of 14 x 14 x 512."""

ALPHA = Number("alpha", float, 1.0, 0.001, 8.0, "width multiplier")
CONVOLUTION = Choice(
    "convolution",
    "separable",
    ("separable", "full"),
    "depthwise and pointwise, or standard convolutions",
)


def depth(filters: int, alpha: float) -> int:
    """Return the filters of a layer under the width multiplier: rounded down, at least 8.

    The authors' `depth = lambda d: max(int(d * depth_multiplier), min_depth)`, min_depth 8.

    >>> depth(32, 1.0), depth(512, 0.3), depth(32, 0.125)
    (32, 153, 8)
    """
    return max(int(filters * alpha), 8)


def build_mobilenet_v1(
    alpha: float, resolution: int, classes: int, shallow: str, convolution: str
) -> onnx.ModelProto:
    """Return MobileNet v1: image (3, R, R) in [-1, 1] to probabilities."""
    net = Builder("mobilenet_v1")
    image = net.image(resolution)
    x = net.conv(image, "conv1", depth(32, alpha), 3, 2, act="relu6")
    blocks = SHALLOW_BLOCKS if shallow == "yes" else BLOCKS
    for index, (stride, filters) in enumerate(blocks, start=1):
        if convolution == "full":
            x = net.conv(x, f"conv{index + 1}", depth(filters, alpha), 3, stride, act="relu6")
        else:
            x = separable(net, x, index, stride, depth(filters, alpha))
    x = net.dense(net.flatten(net.global_pool(x, "pool")), "fc", classes)
    return net.model(image, net.softmax(x))


def separable(
    net: Builder, x: Tensor, index: int, stride: int, filters: int, dilation: int = 1
) -> Tensor:
    """Convolve depthwise and pointwise, each normalized and activated."""
    x = net.depthwise(x, f"dw{index}", 3, stride, dilation=dilation, act="relu6")
    return net.conv(x, f"pw{index}", filters, 1, act="relu6")


MOBILENET_V1 = Network(
    name="mobilenet_v1",
    title="MobileNet v1",
    paper="Howard et al. 2017, arXiv 1704.04861, table 1",
    options=(
        ALPHA,
        resolution_option(224),
        classes_option(),
        Choice("shallow", "no", ("no", "yes"), "leave out the five 14 x 14 x 512 blocks"),
        CONVOLUTION,
    ),
    builder=build_mobilenet_v1,
)
