"""FCN-5 and FCN-8: Shi et al., "Benchmarking Deep Learning Tools", 2016, arXiv 1608.07249.

Dense layers with as many outputs as inputs. The source gives no width of the hidden layers; the
parameters that it gives follow from 1024: 55 M with one hidden layer, 58 M with three more.
"""

from __future__ import annotations

import onnx

from codegen.zoo.layers import Builder
from codegen.zoo.network import Choice, Network, Number


def build_fully_connected(inputs: int, hidden: int, layers: int, bias: str) -> onnx.ModelProto:
    """Return `layers` hidden layers between as many inputs, (1, 1, inputs), as outputs."""
    net = Builder("fully_connected")
    image = net.image((1, inputs), channels=1)
    x = net.flatten(image)
    for index in range(1, layers + 1):
        x = net.dense(x, f"hidden{index}", hidden, bias=bias == "yes", act="relu")
    return net.model(image, net.softmax(net.dense(x, "output", inputs, bias=bias == "yes")))


FULLY_CONNECTED = Network(
    name="fully_connected",
    title="FCN-5, FCN-8: dense layers only (to compare with)",
    paper="Shi et al. 2016, arXiv 1608.07249",
    options=(
        Number("inputs", int, 26752, 2, 65536, "inputs, and outputs"),
        Number("hidden", int, 1024, 1, 65536, "outputs of a hidden layer"),
        Number("layers", int, 1, 1, 100, "hidden layers"),
        Choice("bias", "yes", ("yes", "no"), "whether layers have a bias"),
    ),
    builder=build_fully_connected,
)
