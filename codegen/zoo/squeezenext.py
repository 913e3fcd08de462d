"""SqueezeNext: Gholami et al. 2018, arXiv 1803.10615: the 23-layer family.

The blocks are those of the authors' files, github.com/amirgholami/SqueezeNext; the variants v2 to
v5 move blocks between stages and shrink the first convolution, as the paper's section 4 tells.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from codegen.zoo.layers import Builder, Tensor
from codegen.zoo.network import Choice, Network, Number, classes_option, resolution_option

CHANNELS = (32, 64, 128, 256)


@dataclass(frozen=True, slots=True)
class Variant:
    """The first kernel, and the blocks of each stage."""

    kernel: int
    blocks: tuple[int, int, int, int]


VARIANTS = {
    "v1": Variant(7, (6, 6, 8, 1)),
    "v2": Variant(5, (6, 6, 8, 1)),
    "v3": Variant(5, (4, 8, 8, 1)),
    "v4": Variant(5, (2, 10, 8, 1)),
    "v5": Variant(5, (2, 4, 14, 1)),
}


def build_squeezenext(
    variant: str, width: float, group: int, resolution: int, classes: int
) -> onnx.ModelProto:
    """Return SqueezeNext-23: image (3, R, R) to probabilities."""
    shape = VARIANTS[variant]
    net = Builder("squeezenext")
    image = net.image(resolution)
    x = net.conv(image, "conv1", int(64 * width), shape.kernel, 2, pad="valid", act="relu")
    x = net.max_pool(x, "pool1", 3, 2, ceil=True)
    index = 0
    for stage, (count, channels) in enumerate(zip(shape.blocks, CHANNELS, strict=True)):
        for unit in range(count):
            stride = 2 if stage > 0 and unit == 0 else 1
            x = block(net, x, index, int(channels * width), stride, group)
            index += 1
    x = net.conv(x, "conv2", int(128 * width), 1, act="relu")
    x = net.dense(net.flatten(net.global_pool(x, "pool2")), "fc", classes)
    return net.model(image, net.softmax(x))


def block(net: Builder, x: Tensor, index: int, channels: int, stride: int, group: int) -> Tensor:
    """Reduce twice, convolve by a column and a row, expand, and add the input.

    Column and row take turns in coming first.
    """
    name = f"block{index + 1}"
    kernels = ((3, 1), (1, 3)) if index % 2 == 0 else ((1, 3), (3, 1))
    half = channels // 2
    y = net.conv(x, f"{name}_reduce1", half, 1, stride, group=group, act="relu")
    y = net.conv(y, f"{name}_reduce2", half // 2, 1, act="relu")
    for height, width in kernels:
        conv = f"{name}_conv{height}x{width}"
        y = net.conv(y, conv, half, (height, width), group=group, act="relu")
    y = net.conv(y, f"{name}_expand", channels, 1, act="relu")
    if stride != 1 or x.channels != channels:
        x = net.conv(x, f"{name}_bypass", channels, 1, stride, act="relu")
    return net.add(x, y, f"{name}_add", "relu")


SQUEEZENEXT = Network(
    name="squeezenext",
    title="SqueezeNext-23",
    paper="Gholami et al. 2018, arXiv 1803.10615, figure 3 and section 4",
    options=(
        Choice("variant", "v1", tuple(VARIANTS), "blocks in each stage, and the first kernel"),
        Number("width", float, 1.0, 0.25, 4.0, "width multiplier; the paper has 1.0, 1.5, 2.0"),
        Choice("group", 1, (1, 2), "groups of convolutions; 2 is the paper's G variant"),
        resolution_option(227),
        classes_option(),
    ),
    builder=build_squeezenext,
)
