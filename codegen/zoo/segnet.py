"""SegNet on VGG-16: Badrinarayanan et al., 2015, arXiv 1511.00561, figure 2.

A decoder mirrors the encoder; it puts values back where the encoder's pools found them.
"""

from __future__ import annotations

import onnx

from codegen.zoo.fcn8s import RESOLUTION, check_resolution
from codegen.zoo.layers import Builder, Tensor
from codegen.zoo.network import Network, classes_option
from codegen.zoo.vgg16 import STAGES, add_stage


def add_mirrored(net: Builder, x: Tensor, stage: int, outputs: int) -> Tensor:
    """Add the convolutions of a stage in reverse: all but the last keep the channels."""
    for index in range(STAGES[stage - 1][1], 1, -1):
        name = f"conv{stage}_{index}_decoder"
        x = net.conv(x, name, x.channels, 3, bias=True, act="relu")
    name = f"conv{stage}_1_decoder"
    if stage == 1:
        return net.conv(x, name, outputs, 3, norm=False)
    return net.conv(x, name, outputs, 3, bias=True, act="relu")


def build_segnet(resolution: int, classes: int) -> onnx.ModelProto:
    """Return SegNet: image (3, R, R) to scores (classes, R, R)."""
    check_resolution(resolution)
    net = Builder("segnet")
    x = image = net.image(resolution)
    places = []
    for stage in range(1, len(STAGES) + 1):
        x, found = net.max_pool_places(add_stage(net, x, stage, norm=True), f"pool{stage}", 2)
        places.append(found)
    for stage in range(len(STAGES), 0, -1):
        x = net.max_unpool(x, places[stage - 1], f"unpool{stage}", 2)
        x = add_mirrored(net, x, stage, STAGES[stage - 2][0] if stage > 1 else classes)
    return net.model(image, x)


SEGNET = Network(
    name="segnet",
    title="SegNet on VGG-16 (to compare with)",
    paper="Badrinarayanan et al. 2015, arXiv 1511.00561, figure 2",
    options=(RESOLUTION, classes_option(21)),
    builder=build_segnet,
)
