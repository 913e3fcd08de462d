"""The CIFAR-10 network of Caffe's quick example, three 5 x 5 convolutions.

Layers and order are those of examples/cifar10/cifar10_quick in BVLC/caffe: the first pool takes
the maximum before its activation, the others the average after it. Pools keep partial windows.
"""

from __future__ import annotations

from functools import partial

import onnx

from codegen.zoo.layers import Builder
from codegen.zoo.network import Network, classes_option


def build_cifar10_cnn(classes: int) -> onnx.ModelProto:
    """Return the network: image (3, 32, 32) to probabilities."""
    net = Builder("cifar10_cnn")
    image = net.image(32)
    conv = partial(net.conv, pad=2, norm=False)
    x = net.relu(net.max_pool(conv(image, "conv1", 32, 5), "pool1", 3, 2, ceil=True))
    x = net.average_pool(net.relu(conv(x, "conv2", 32, 5)), "pool2", 3, 2, ceil=True)
    x = net.average_pool(net.relu(conv(x, "conv3", 64, 5)), "pool3", 3, 2, ceil=True)
    x = net.dense(net.flatten(x), "fc", classes)
    return net.model(image, net.softmax(x))


CIFAR10_CNN = Network(
    name="cifar10_cnn",
    title="CIFAR-10 CNN, 32-32-64 filters of 5 x 5",
    paper="Krizhevsky's cuda-convnet layers as in BVLC/caffe, examples/cifar10/cifar10_quick",
    options=(classes_option(10),),
    builder=build_cifar10_cnn,
)
