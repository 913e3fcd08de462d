"""MobileNet v2: Sandler et al. 2018, arXiv 1801.04381, table 2.

Rounding and padding are those of the authors' code: tensorflow/models,
research/slim/nets/mobilenet/mobilenet_v2.py. The last convolution never has fewer than 1280
filters.
"""

from __future__ import annotations

import onnx

from codegen.zoo.layers import Builder, Tensor
from codegen.zoo.network import Network, Number, classes_option, resolution_option

BLOCKS = (
    (1, 16, 1),
    *((6, 24, stride) for stride in (2, 1)),
    *((6, 32, stride) for stride in (2, 1, 1)),
    *((6, 64, stride) for stride in (2, 1, 1, 1)),
    *((6, 96, stride) for stride in (1, 1, 1)),
    *((6, 160, stride) for stride in (2, 1, 1)),
    (6, 320, 1),
)
"""Expansion, filters and stride of each inverted residual."""
LAST = 1280

ALPHA = Number("alpha", float, 1.0, 0.001, 8.0, "width multiplier")


def depth(filters: float) -> int:
    """Return the multiple of 8 nearest to `filters`, at least 8, and not below 90 %.

    The authors' `make_divisible`.

    >>> depth(32 * 1.4), depth(16 * 0.35), depth(24 * 0.5), depth(24 * 0.75)
    (48, 8, 16, 24)
    """
    nearest = max(8, int(filters + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * filters else nearest


def build_mobilenet_v2(alpha: float, resolution: int, classes: int) -> onnx.ModelProto:
    """Return MobileNet v2: image (3, R, R) in [-1, 1] to probabilities."""
    net = Builder("mobilenet_v2")
    image = net.image(resolution)
    x = net.conv(image, "conv1", depth(32 * alpha), 3, 2, act="relu6")
    for index, (expansion, filters, stride) in enumerate(BLOCKS, start=1):
        x = inverted_residual(net, x, index, expansion, depth(filters * alpha), stride)
    x = net.conv(x, "conv2", last_depth(alpha), 1, act="relu6")
    x = net.dense(net.flatten(net.global_pool(x, "pool")), "fc", classes)
    return net.model(image, net.softmax(x))


def last_depth(alpha: float) -> int:
    """Return the filters of the last convolution: widened with the others, never narrowed."""
    return depth(LAST * max(alpha, 1.0))


def inverted_residual(
    net: Builder,
    x: Tensor,
    index: int,
    expansion: int,
    filters: int,
    stride: int,
    dilation: int = 1,
) -> Tensor:
    """Expand, convolve depthwise, project without activation; add the input where it fits."""
    y = narrow(net, expand(net, x, index, expansion), index, filters, stride, dilation)
    if stride == 1 and x.channels == filters:
        return net.add(x, y, f"block{index}_add")
    return y


def expand(net: Builder, x: Tensor, index: int, expansion: int) -> Tensor:
    """Return the wide tensor of an inverted residual; the first block has none."""
    if expansion == 1:
        return x
    return net.conv(x, f"block{index}_expand", x.channels * expansion, 1, act="relu6")


def narrow(
    net: Builder, x: Tensor, index: int, filters: int, stride: int, dilation: int = 1
) -> Tensor:
    """Convolve the wide tensor depthwise, and project it."""
    x = net.depthwise(x, f"block{index}_dw", 3, stride, dilation=dilation, act="relu6")
    return net.conv(x, f"block{index}_project", filters, 1)


MOBILENET_V2 = Network(
    name="mobilenet_v2",
    title="MobileNet v2",
    paper="Sandler et al. 2018, arXiv 1801.04381, table 2",
    options=(ALPHA, resolution_option(224), classes_option()),
    builder=build_mobilenet_v2,
)
