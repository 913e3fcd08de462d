"""FCN-8s on VGG-16: Long et al., "Fully Convolutional Networks", 2015, arXiv 1411.4038, figure 3.

Also CRF-RNN: Zheng et al., 2015, arXiv 1502.03240, figure 3, which refines its scores. Convolutions
are padded to keep the size, where the authors pad the image by 100 and crop. Of CRF-RNN's mean
field one step is built, as all share their parameters, and without its Gaussian filters: these
have none, and no ONNX operator.
"""

from __future__ import annotations

import onnx

from codegen.errors import BadOption
from codegen.zoo.layers import Builder, Tensor
from codegen.zoo.network import Choice, Network, Number, classes_option
from codegen.zoo.vgg16 import STAGES, add_stage

STRIDE = 32
"""Pixels of the image for one of the last map."""


def check_resolution(resolution: int) -> None:
    """Refuse a side that the pools do not halve evenly; BadOption."""
    if resolution % STRIDE:
        nearest = max(1, round(resolution / STRIDE)) * STRIDE
        raise BadOption(
            f"resolution is a multiple of {STRIDE}, got {resolution}", hint=f"try {nearest}"
        )


def upsample(net: Builder, x: Tensor, name: str, factor: int, learned: bool) -> Tensor:
    """Enlarge an image: by filters of its own, which begin as the interpolation, or by that."""
    if learned:
        return net.deconv(x, name, x.channels, 2 * factor, factor)
    _, height, width = x.shape
    return net.resize(x, name, (factor * height, factor * width))


def add_fcn8s(net: Builder, image: Tensor, classes: int, learned: bool) -> Tensor:
    """Add FCN-8s: a score for each class and pixel of `image`."""
    x, pools = image, []
    for stage in range(1, len(STAGES) + 1):
        x = net.max_pool(add_stage(net, x, stage), f"pool{stage}", 2, 2)
        pools.append(x)
    for name, kernel in (("fc6", 7), ("fc7", 1)):
        x = net.dropout(net.conv(x, name, 4096, kernel, norm=False, act="relu"), f"{name}_drop")
    x = net.conv(x, "score_fr", classes, 1, norm=False)
    for index, pool in ((4, pools[3]), (3, pools[2])):
        finer = net.conv(pool, f"score_pool{index}", classes, 1, norm=False)
        x = upsample(net, x, f"upscore_pool{index}", 2, learned)
        x = net.add(x, finer, f"fuse_pool{index}")
    return upsample(net, x, "upscore", 8, learned)


def build_fcn8s(resolution: int, classes: int, upsampling: str) -> onnx.ModelProto:
    """Return FCN-8s: image (3, R, R) to scores (classes, R, R)."""
    check_resolution(resolution)
    net = Builder("fcn8s")
    image = net.image(resolution)
    return net.model(image, add_fcn8s(net, image, classes, upsampling == "learned"))


def build_crf_rnn(resolution: int, classes: int) -> onnx.ModelProto:
    """Return CRF-RNN: image (3, R, R) to scores (classes, R, R)."""
    check_resolution(resolution)
    net = Builder("crf_rnn")
    image = net.image(resolution)
    scores = add_fcn8s(net, image, classes, learned=True)
    shares = net.softmax(scores, "shares")
    messages = [
        net.conv(shares, name, classes, 1, norm=False, bias=False)
        for name in ("spatial_weights", "bilateral_weights")
    ]
    joined = net.add(messages[0], messages[1], "messages")
    pairwise = net.conv(joined, "compatibility", classes, 1, norm=False, bias=False)
    return net.model(image, net.add(scores, pairwise, "refined"))


RESOLUTION = Number("resolution", int, 512, 32, 4096, "input side in pixels, a multiple of 32")
FCN8S = Network(
    name="fcn8s",
    title="FCN-8s on VGG-16 (to compare with)",
    paper="Long et al. 2015, arXiv 1411.4038, figure 3",
    options=(
        RESOLUTION,
        classes_option(21),
        Choice("upsampling", "learned", ("learned", "bilinear"), "how scores are enlarged"),
    ),
    builder=build_fcn8s,
)
CRF_RNN = Network(
    name="crf_rnn",
    title="CRF-RNN on FCN-8s (to compare with)",
    paper="Zheng et al. 2015, arXiv 1502.03240, figure 3",
    options=(RESOLUTION, classes_option(21)),
    builder=build_crf_rnn,
)
