"""Network in Network: Lin et al., 2013, arXiv 1312.4400, in the authors' Caffe form for ImageNet.

A convolution is followed by two of 1x1 (cccp, cascaded cross channel parametric pooling); the last
one gives a map for each class, whose average is the score.
"""

from __future__ import annotations

import onnx

from codegen.zoo.layers import Builder, Pad, Tensor
from codegen.zoo.network import Choice, Network, classes_option, resolution_option


def add_stage(
    net: Builder, x: Tensor, stage: int, filters: tuple[int, int, int], kernel: int, stride: int = 1
) -> Tensor:
    """Add a convolution and its two 1x1 convolutions, numbered as the authors do."""
    pad: Pad = "valid" if stride > 1 else "same"
    x = net.conv(x, f"conv{stage}", filters[0], kernel, stride, pad=pad, norm=False, act="relu")
    for index, count in enumerate(filters[1:], start=2 * stage - 1):
        x = net.conv(x, f"cccp{index}", count, 1, norm=False, act="relu")
    return x


def build_nin(resolution: int, classes: int, loss: str) -> onnx.ModelProto:
    """Return Network in Network: image (3, R, R) to probabilities."""
    net = Builder("nin")
    image = net.image(resolution)
    x = add_stage(net, image, 1, (96, 96, 96), 11, stride=4)
    x = add_stage(net, net.max_pool(x, "pool1", 3, 2, ceil=True), 2, (256, 256, 256), 5)
    x = add_stage(net, net.max_pool(x, "pool2", 3, 2, ceil=True), 3, (384, 384, 384), 3)
    x = net.dropout(net.max_pool(x, "pool3", 3, 2, ceil=True), "drop")
    x = add_stage(net, x, 4, (1024, 1024, classes), 3)
    scores = net.flatten(net.global_pool(x, "pool4"))
    outputs = [net.softmax(scores)]
    if loss == "yes":
        outputs.append(net.softmax(scores, "loss"))
    return net.model(image, *outputs)


NIN = Network(
    name="nin",
    title="Network in Network (to compare with)",
    paper="Lin et al. 2013, arXiv 1312.4400, section 3; the authors' nin_imagenet for Caffe",
    options=(
        resolution_option(227, least=67),
        classes_option(),
        Choice("loss", "no", ("no", "yes"), "give the softmax of the training loss as well"),
    ),
    builder=build_nin,
)
