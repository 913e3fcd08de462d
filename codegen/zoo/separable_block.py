"""One layer of MobileNet v1 by itself: arXiv 1704.04861, table 3.

A standard 3 x 3 convolution, or its factors, one depthwise and one pointwise.
"""

from __future__ import annotations

import onnx

from codegen.zoo.layers import Builder
from codegen.zoo.mobilenet_v1 import ALPHA, CONVOLUTION, depth
from codegen.zoo.network import Network, Number


def build_separable_block(
    convolution: str, alpha: float, resolution: int, channels: int, filters: int, kernel: int
) -> onnx.ModelProto:
    """Return the layer: (alpha * channels, R, R) to (alpha * filters, R, R)."""
    net = Builder("separable_block")
    image = net.image(resolution, depth(channels, alpha))
    if convolution == "full":
        y = net.conv(image, "conv", depth(filters, alpha), kernel, act="relu6")
    else:
        y = net.depthwise(image, "dw", kernel, act="relu6")
        y = net.conv(y, "pw", depth(filters, alpha), 1, act="relu6")
    return net.model(image, y)


SEPARABLE_BLOCK = Network(
    name="separable_block",
    title="A layer of MobileNet v1, standard or separable",
    paper="Howard et al. 2017, arXiv 1704.04861, table 3",
    options=(
        CONVOLUTION,
        ALPHA,
        Number("resolution", int, 14, 1, 4096, "input side in pixels"),
        Number("channels", int, 512, 1, 65536, "channels of the input"),
        Number("filters", int, 512, 1, 65536, "channels of the output"),
        Number("kernel", int, 3, 1, 31, "side of the filters"),
    ),
    builder=build_separable_block,
)
