"""AlexNet: Krizhevsky et al., "ImageNet Classification with Deep CNNs", NIPS 2012, figure 2.

The single-tower order, padding and rounding of pools are those of Caffe's bvlc_alexnet: each
normalization stands before its pool, and conv2, conv4 and conv5 have two groups.
"""

from __future__ import annotations

import onnx

from codegen.zoo.layers import Builder
from codegen.zoo.network import Network, classes_option, resolution_option


def build_alexnet(resolution: int, classes: int) -> onnx.ModelProto:
    """Return AlexNet: image (3, R, R) to probabilities."""
    net = Builder("alexnet")
    image = net.image(resolution)
    x = net.conv(image, "conv1", 96, 11, 4, pad="valid", norm=False, act="relu")
    x = net.max_pool(net.lrn(x, "norm1"), "pool1", 3, 2, ceil=True)
    x = net.conv(x, "conv2", 256, 5, group=2, norm=False, act="relu")
    x = net.max_pool(net.lrn(x, "norm2"), "pool2", 3, 2, ceil=True)
    x = net.conv(x, "conv3", 384, 3, norm=False, act="relu")
    x = net.conv(x, "conv4", 384, 3, group=2, norm=False, act="relu")
    x = net.conv(x, "conv5", 256, 3, group=2, norm=False, act="relu")
    x = net.flatten(net.max_pool(x, "pool5", 3, 2, ceil=True))
    x = net.dropout(net.dense(x, "fc6", 4096, act="relu"), "drop6")
    x = net.dropout(net.dense(x, "fc7", 4096, act="relu"), "drop7")
    return net.model(image, net.softmax(net.dense(x, "fc8", classes)))


ALEXNET = Network(
    name="alexnet",
    title="AlexNet (to compare with)",
    paper="Krizhevsky et al. 2012, NIPS, figure 2; Caffe's bvlc_alexnet",
    options=(resolution_option(227, least=67), classes_option()),
    builder=build_alexnet,
)
