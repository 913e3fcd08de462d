"""MobileNet v1: Howard et al., "MobileNets", 2017, arXiv 1704.04861, table 1.

Channel rounding, ReLU6, SAME padding and the batch normalization's epsilon are those of the
authors' code: tensorflow/models, research/slim/nets/mobilenet_v1.py.
"""

from __future__ import annotations

import onnx

from codegen.zoo.layers import Builder
from codegen.zoo.network import Network, Option

SEED = 1704_04861
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


def depth(filters: int, alpha: float) -> int:
    """Return the filters of a layer under the width multiplier: rounded down, at least 8.

    The authors' `depth = lambda d: max(int(d * depth_multiplier), min_depth)`, min_depth 8.

    >>> depth(32, 1.0), depth(512, 0.3), depth(32, 0.125)
    (32, 153, 8)
    """
    return max(int(filters * alpha), 8)


def build_mobilenet_v1(alpha: float, resolution: int, classes: int) -> onnx.ModelProto:
    """Return MobileNet v1 with seeded weights: image (3, R, R) in [-1, 1] to probabilities."""
    net = Builder(SEED)
    image = net.image("input", resolution)
    x = net.relu6(net.conv(image, "conv1", depth(32, alpha), kernel=3, stride=2))
    for index, (stride, filters) in enumerate(BLOCKS, start=1):
        x = net.relu6(net.depthwise(x, f"dw{index}", kernel=3, stride=stride))
        x = net.relu6(net.conv(x, f"pw{index}", depth(filters, alpha), kernel=1))
    x = net.dense(net.global_pool(x, "pool"), "fc", classes)
    return net.model("mobilenet_v1", image, net.softmax(x, "probabilities"))


MOBILENET_V1 = Network(
    name="mobilenet_v1",
    title="MobileNet v1",
    paper="Howard et al. 2017, arXiv 1704.04861, table 1",
    options=(
        Option("alpha", float, 1.0, 0.001, 8.0, "width multiplier; the paper has 0.25 to 1.0"),
        Option("resolution", int, 224, 32, 4096, "input side in pixels; the paper has 128 to 224"),
        Option("classes", int, 1000, 2, 65536, "outputs of the classifier"),
    ),
    builder=build_mobilenet_v1,
)
