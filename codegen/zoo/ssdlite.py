"""SSDLite on MobileNets: Sandler et al. 2018, arXiv 1801.04381, section 6.2 and table 6.

The layout is that of the TensorFlow Object Detection API: two feature maps of the backbone and
four more, each half as large; at each of their pixels a box and scores for 3 anchors on the first
map and 6 on the others. Outputs are raw: offsets of boxes to anchors, and scores before softmax or
sigmoid. Decoding and non-maximum suppression are left to the caller. `style` ssd has standard
convolutions in the added layers and 1 x 1 predictors: MobileNet v1's paper, arXiv 1704.04861,
table 13.
"""

from __future__ import annotations

import onnx

from codegen.zoo import mobilenet_v1, mobilenet_v2
from codegen.zoo.layers import Builder, Tensor
from codegen.zoo.network import Choice, Network, classes_option, resolution_option

EXTRAS = (512, 256, 256, 128)
"""Filters of the added feature maps."""
ANCHORS = (3, 6, 6, 6, 6, 6)


def build_ssdlite(
    backbone: str, style: str, alpha: float, resolution: int, classes: int
) -> onnx.ModelProto:
    """Return the detector: image (3, R, R) to boxes (anchors, 4) and scores (anchors, classes)."""
    net = Builder("ssdlite")
    image = net.image(resolution)
    features = FEATURES[backbone](net, image, alpha)
    lite = style == "ssdlite"
    for index, filters in enumerate(EXTRAS, start=1):
        features.append(extra(net, features[-1], f"extra{index}", filters, lite))
    boxes, scores = (
        net.concat(
            [
                predict(net, x, f"map{index}_{kind}", anchors, size, lite)
                for index, (x, anchors) in enumerate(zip(features, ANCHORS, strict=True), start=1)
            ],
            kind,
        )
        for kind, size in (("boxes", 4), ("scores", classes))
    )
    return net.model(image, boxes, scores)


def features_v1(net: Builder, image: Tensor, alpha: float) -> list[Tensor]:
    """Return the outputs of MobileNet v1's eleventh and last block."""
    depth = mobilenet_v1.depth
    x = net.conv(image, "conv1", depth(32, alpha), 3, 2, act="relu6")
    outputs = [x]
    for index, (stride, filters) in enumerate(mobilenet_v1.BLOCKS, start=1):
        x = mobilenet_v1.separable(net, x, index, stride, depth(filters, alpha))
        outputs.append(x)
    return [outputs[11], x]


def features_v2(net: Builder, image: Tensor, alpha: float) -> list[Tensor]:
    """Return MobileNet v2's last expansion at stride 16, and its last convolution."""
    depth = mobilenet_v2.depth
    x = net.conv(image, "conv1", depth(32 * alpha), 3, 2, act="relu6")
    for index, (expansion, filters, stride) in enumerate(mobilenet_v2.BLOCKS, start=1):
        if stride == 2:
            wide = mobilenet_v2.expand(net, x, index, expansion)
            x = mobilenet_v2.narrow(net, wide, index, depth(filters * alpha), stride)
        else:
            x = mobilenet_v2.inverted_residual(
                net, x, index, expansion, depth(filters * alpha), stride
            )
    return [wide, net.conv(x, "conv2", mobilenet_v2.last_depth(alpha), 1, act="relu6")]


FEATURES = {"mobilenet_v1": features_v1, "mobilenet_v2": features_v2}


def extra(net: Builder, x: Tensor, name: str, filters: int, lite: bool) -> Tensor:
    """Return a feature map of half the size."""
    x = net.conv(x, f"{name}_reduce", filters // 2, 1, act="relu6")
    if not lite:
        return net.conv(x, f"{name}_conv", filters, 3, 2, act="relu6")
    x = net.depthwise(x, f"{name}_dw", 3, 2, act="relu6")
    return net.conv(x, f"{name}_pw", filters, 1, act="relu6")


def predict(net: Builder, x: Tensor, name: str, anchors: int, size: int, lite: bool) -> Tensor:
    """Return `size` numbers for each anchor of each pixel: (pixels * anchors, size)."""
    if lite:
        x = net.depthwise(x, f"{name}_dw", 3, act="relu6")
    y = net.conv(x, f"{name}_predict", anchors * size, 1, norm=False)
    return net.rows(y, f"{name}_rows", size)


SSDLITE = Network(
    name="ssdlite",
    title="SSDLite on MobileNet, raw boxes and scores",
    paper="Sandler et al. 2018, arXiv 1801.04381, table 6",
    options=(
        Choice("backbone", "mobilenet_v2", tuple(FEATURES), "network below the heads"),
        Choice("style", "ssdlite", ("ssdlite", "ssd"), "separable heads, or those of SSD"),
        mobilenet_v1.ALPHA,
        resolution_option(320),
        classes_option(81),
    ),
    builder=build_ssdlite,
)
