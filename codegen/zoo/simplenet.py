"""SimpleNet: Hasanpour et al., "Lets Keep It Simple", 2016, arXiv 1608.06037.

The 13 layers for CIFAR-10 with 5.48 M weights. Its ImageNet form with 6.4 M was never published.
"""

from __future__ import annotations

import onnx

from codegen.zoo.layers import Builder
from codegen.zoo.network import Network, classes_option, resolution_option

GROUPS = (
    ((64, 3), (128, 3), (128, 3), (128, 3)),
    ((128, 3), (128, 3), (256, 3)),
    ((256, 3), (256, 3)),
    ((512, 3),),
    ((2048, 1), (256, 1)),
    ((256, 3),),
)
"""Filters and kernels of convolutions; a pool ends all groups but the last."""


def build_simplenet(resolution: int, classes: int) -> onnx.ModelProto:
    """Return SimpleNet: image (3, R, R) to probabilities."""
    net = Builder("simplenet")
    x = image = net.image(resolution)
    number = 0
    for index, group in enumerate(GROUPS, start=1):
        if index > 1:
            x = net.max_pool(x, f"pool{index - 1}", 2, 2, ceil=True)
        for filters, kernel in group:
            number += 1
            x = net.conv(x, f"conv{number}", filters, kernel, bias=True, act="relu")
    x = net.flatten(net.global_pool(x, "pool"))
    return net.model(image, net.softmax(net.dense(x, "fc", classes)))


SIMPLENET = Network(
    name="simplenet",
    title="SimpleNet (to compare with)",
    paper="Hasanpour et al. 2016, arXiv 1608.06037",
    options=(resolution_option(32), classes_option(10)),
    builder=build_simplenet,
)
