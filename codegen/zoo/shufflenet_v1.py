"""ShuffleNet v1: Zhang et al. 2017, arXiv 1707.01083, table 1.

Bottlenecks have a quarter of a unit's channels, raised until it divides into groups; the first
1 x 1 convolution of stage 2 has no groups. What the paper leaves open follows from its operation
counts: the first convolution has 24 filters, 12 at scales below 1 and 48 from 2 on; where what a
halving unit adds does not divide into the groups asked for, it has as many as divide it.
"""

from __future__ import annotations

import onnx

from codegen.zoo.layers import Builder, Tensor
from codegen.zoo.network import Choice, Network, Number, classes_option, resolution_option

CHANNELS = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}
"""Channels of stage 2 for each number of groups; the later stages double them."""
REPEATS = (3, 7, 3)
"""Units of stages 2, 3 and 4 behind the one that halves the image."""


def build_shufflenet_v1(
    groups: int, scale: float, shuffle: str, resolution: int, classes: int
) -> onnx.ModelProto:
    """Return ShuffleNet v1: image (3, R, R) to probabilities."""
    net = Builder("shufflenet_v1")
    image = net.image(resolution)
    channels = int(CHANNELS[groups] * scale)
    x = net.conv(image, "conv1", stem(scale), 3, 2, pad=1, act="relu")
    x = net.max_pool(x, "pool1", 3, 2, pad=1)
    for stage, repeats in enumerate(REPEATS, start=2):
        for index in range(1 + repeats):
            stride = 2 if index == 0 else 1
            name = f"stage{stage}_unit{index + 1}"
            x = unit(net, x, name, channels, stride, groups, shuffle == "yes")
        channels *= 2
    x = net.dense(net.flatten(net.global_pool(x, "pool5")), "fc", classes)
    return net.model(image, net.softmax(x))


def stem(scale: float) -> int:
    """Return the filters of the first convolution.

    >>> stem(0.5), stem(1.5), stem(2.0)
    (12, 24, 48)
    """
    return 12 if scale < 1 else 24 if scale < 2 else 48


def most_groups(groups: int, channels: int, filters: int) -> int:
    """Return the most groups, up to `groups`, that divide channels and filters.

    >>> most_groups(8, 96, 360), most_groups(8, 48, 180)
    (8, 6)
    """
    return max(n for n in range(1, groups + 1) if channels % n == filters % n == 0)


def unit(
    net: Builder, x: Tensor, name: str, channels: int, stride: int, groups: int, shuffled: bool
) -> Tensor:
    """Reduce, shuffle, convolve depthwise and expand; add the input, or concatenate its average."""
    narrow = -(-(channels // 4) // groups) * groups
    made = channels - x.channels if stride == 2 else channels
    first = 1 if name == "stage2_unit1" else most_groups(groups, x.channels, narrow)
    last = most_groups(groups, narrow, made)
    y = net.conv(x, f"{name}_reduce", narrow, 1, group=first, act="relu")
    if shuffled and last > 1:
        y = net.shuffle(y, f"{name}_shuffle", last)
    y = net.depthwise(y, f"{name}_dw", 3, stride, pad=1)
    y = net.conv(y, f"{name}_expand", made, 1, group=last)
    if stride == 1:
        return net.add(x, y, f"{name}_add", "relu")
    average = net.average_pool(x, f"{name}_pool", 3, 2, pad=1)
    return net.relu(net.concat([average, y], f"{name}_concat"))


SHUFFLENET_V1 = Network(
    name="shufflenet_v1",
    title="ShuffleNet v1",
    paper="Zhang et al. 2017, arXiv 1707.01083, table 1",
    options=(
        Choice("groups", 3, tuple(CHANNELS), "groups of the pointwise convolutions"),
        Number("scale", float, 1.0, 0.25, 2.0, "of the channels"),
        Choice("shuffle", "yes", ("yes", "no"), "shuffle channels between the groups"),
        resolution_option(224),
        classes_option(),
    ),
    builder=build_shufflenet_v1,
)
