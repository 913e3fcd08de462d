"""ResNet for CIFAR-10: He et al. 2015, arXiv 1512.03385, section 4.2.

All shortcuts are the paper's option A, without parameters: where a stage begins, every second
pixel, and zeros for the new channels.
"""

from __future__ import annotations

import onnx

from codegen.zoo.layers import Builder, Tensor
from codegen.zoo.network import Choice, Network, classes_option

DEPTHS = (20, 32, 44, 56, 110, 1202)
CHANNELS = (16, 32, 64)


def build_resnet_cifar(depth: int, classes: int) -> onnx.ModelProto:
    """Return the network of `depth` = 6 n + 2 layers: image (3, 32, 32) to probabilities."""
    net = Builder("resnet_cifar")
    image = net.image(32)
    x = net.conv(image, "conv1", CHANNELS[0], 3, act="relu")
    for stage, channels in enumerate(CHANNELS, start=1):
        for index in range((depth - 2) // 6):
            stride = 2 if stage > 1 and index == 0 else 1
            x = residual(net, x, f"stage{stage}_block{index + 1}", channels, stride)
    x = net.dense(net.flatten(net.global_pool(x, "pool")), "fc", classes)
    return net.model(image, net.softmax(x))


def residual(net: Builder, x: Tensor, name: str, channels: int, stride: int) -> Tensor:
    """Convolve twice and add the input, thinned out and filled up with zeros where it must be."""
    y = net.conv(x, f"{name}_conv1", channels, 3, stride, act="relu")
    y = net.conv(y, f"{name}_conv2", channels, 3)
    if stride != 1:
        added = channels - x.channels
        thin = net.subsample(x, f"{name}_subsample", stride)
        x = net.pad_channels(thin, f"{name}_pad", added // 2, added - added // 2)
    return net.add(x, y, f"{name}_add", "relu")


RESNET_CIFAR = Network(
    name="resnet_cifar",
    title="ResNet for CIFAR-10",
    paper="He et al. 2015, arXiv 1512.03385, section 4.2",
    options=(Choice("depth", 20, DEPTHS, "layers with weights"), classes_option(10)),
    builder=build_resnet_cifar,
)
