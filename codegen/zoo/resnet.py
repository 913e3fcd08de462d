"""ResNets of ImageNet: He et al., "Deep Residual Learning", 2015, arXiv 1512.03385, table 1.

Also Wide ResNet-50-2 (Zagoruyko and Komodakis, 2016, arXiv 1605.07146, table 8) and the
pre-activation ResNet-200 (He et al., "Identity Mappings", 2016, arXiv 1603.05027, table 5).
ResNets follow the authors' Caffe release: stride 2 in the first 1x1 convolution of a stage, a first
pool without padding that rounds up; ResNet-50 alone has a bias in conv1 there.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import onnx

from codegen.zoo.layers import Builder, Tensor
from codegen.zoo.network import Choice, Network, Option, classes_option, resolution_option

DEPTHS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3), 200: (3, 24, 36, 3)}
"""Blocks of each stage."""
WIDTH = 64
"""Filters of the 3x3 convolutions of the first stage; each stage doubles them."""
EXPANSION = 4
"""Outputs of a block for each filter of `WIDTH`."""


def add_stem(net: Builder, image: Tensor, *, bias: bool = False, padded: bool = True) -> Tensor:
    """Add conv1 and its pool, which is padded or rounds up: a quarter of the image's sides."""
    x = net.conv(image, "conv1", WIDTH, 7, 2, pad=3, bias=bias, act="relu")
    return net.max_pool(x, "pool1", 3, 2, pad=1 if padded else 0, ceil=not padded)


def add_bottleneck(
    net: Builder,
    x: Tensor,
    name: str,
    filters: int,
    stride: int = 1,
    *,
    widen: int = 1,
    dilation: int = 1,
    stride_on_3x3: bool = False,
) -> Tensor:
    """Add 1x1, 3x3, 1x1 and the shortcut: projected where the shape changes, else identical."""
    first, second = (1, stride) if stride_on_3x3 else (stride, 1)
    outputs = EXPANSION * filters
    shortcut = x
    if stride > 1 or x.channels != outputs:
        shortcut = net.conv(x, f"{name}_branch1", outputs, 1, stride)
    y = net.conv(x, f"{name}_branch2a", widen * filters, 1, first, act="relu")
    y = net.conv(
        y,
        f"{name}_branch2b",
        widen * filters,
        3,
        second,
        pad=dilation,
        dilation=dilation,
        act="relu",
    )
    y = net.conv(y, f"{name}_branch2c", outputs, 1)
    return net.add(shortcut, y, name, act="relu")


def add_preactivated(
    net: Builder, x: Tensor, y: Tensor, name: str, filters: int, stride: int = 1
) -> Tensor:
    """Add a bottleneck of `y`, the activation of `x`, to `x`; a projected shortcut is of `y`."""
    outputs = EXPANSION * filters
    shortcut = x
    if stride > 1 or x.channels != outputs:
        shortcut = net.conv(y, f"{name}_branch1", outputs, 1, stride, norm=False, bias=False)
    y = net.conv(y, f"{name}_branch2a", filters, 1, act="relu")
    y = net.conv(y, f"{name}_branch2b", filters, 3, stride, pad=1, act="relu")
    y = net.conv(y, f"{name}_branch2c", outputs, 1, norm=False, bias=False)
    return net.add(shortcut, y, name)


def list_blocks(depth: int) -> Iterator[tuple[str, int, int]]:
    """Yield name, filters and stride of each block."""
    for stage, count in enumerate(DEPTHS[depth]):
        for block in range(count):
            stride = 2 if stage > 0 and block == 0 else 1
            yield f"res{stage + 2}_{block + 1}", WIDTH << stage, stride


def build_resnet(
    depth: int, resolution: int, classes: int, conv1_bias: str = "no"
) -> onnx.ModelProto:
    """Return a ResNet of `DEPTHS`: image (3, R, R) to probabilities."""
    net = Builder(f"resnet{depth}")
    image = net.image(resolution)
    x = add_stem(net, image, bias=conv1_bias == "yes", padded=False)
    for name, filters, stride in list_blocks(depth):
        x = add_bottleneck(net, x, name, filters, stride)
    return classify(net, image, x, classes)


def build_wrn50_2(resolution: int, classes: int) -> onnx.ModelProto:
    """Return Wide ResNet-50-2: image (3, R, R) to probabilities; stride 2 in 3x3 convolutions."""
    net = Builder("wrn50_2")
    image = net.image(resolution)
    x = add_stem(net, image)
    for name, filters, stride in list_blocks(50):
        x = add_bottleneck(net, x, name, filters, stride, widen=2, stride_on_3x3=True)
    return classify(net, image, x, classes)


def build_preresnet200(resolution: int, classes: int) -> onnx.ModelProto:
    """Return pre-activation ResNet-200: image (3, R, R) to probabilities.

    The first block has no activation of its own in front: it stands on that of conv1.
    """
    net = Builder("preresnet200")
    image = net.image(resolution)
    x = add_stem(net, image)
    for name, filters, stride in list_blocks(200):
        y = x if name == "res2_1" else net.relu(net.batch_norm(x, f"{name}_bn"))
        x = add_preactivated(net, x, y, name, filters, stride)
    return classify(net, image, net.relu(net.batch_norm(x, "bn5")), classes)


def classify(net: Builder, image: Tensor, x: Tensor, classes: int) -> onnx.ModelProto:
    """Return the network from `image` by `x`, its average and a dense layer to probabilities."""
    x = net.flatten(net.global_pool(x, "pool5"))
    return net.model(image, net.softmax(net.dense(x, "fc", classes)))


def resnet(depth: int, *options: Option) -> Network:
    """Return the entry of a ResNet of `DEPTHS`."""
    return Network(
        name=f"resnet{depth}",
        title=f"ResNet-{depth} (to compare with)",
        paper="He et al. 2015, arXiv 1512.03385, table 1",
        options=(resolution_option(224), classes_option(), *options),
        builder=partial(build_resnet, depth),
    )


RESNETS = (
    resnet(50, Choice("conv1_bias", "no", ("no", "yes"), "yes as in the authors' Caffe release")),
    resnet(101),
    resnet(152),
    Network(
        name="preresnet200",
        title="Pre-activation ResNet-200 (to compare with)",
        paper="He et al. 2016, arXiv 1603.05027, table 5",
        options=(resolution_option(224), classes_option()),
        builder=build_preresnet200,
    ),
    Network(
        name="wrn50_2",
        title="Wide ResNet-50-2 (to compare with)",
        paper="Zagoruyko and Komodakis 2016, arXiv 1605.07146, table 8",
        options=(resolution_option(224), classes_option()),
        builder=build_wrn50_2,
    ),
)
