"""What published tables count of a network's layers, each function one convention."""

from __future__ import annotations

import math
from collections.abc import Sequence

from codegen.report.complexity import Kind, Layer
from codegen.report.complexity.layers import CONVOLUTIONS

Layers = Sequence[Layer]

MIB = 2**20
FLOAT_BYTES = 4


def macs(layers: Layers) -> int:
    """Return the multiply-accumulates of convolutions and dense layers."""
    return sum(layer.macs for layer in layers)


def conv_macs(layers: Layers) -> int:
    """Return the multiply-accumulates of convolutions alone."""
    return sum(layer.macs for layer in layers if layer.kind in CONVOLUTIONS)


def operations(layers: Layers) -> int:
    """Return two operations for each multiply-accumulate."""
    return 2 * macs(layers)


def pool_operations(layers: Layers) -> int:
    """Return an operation for each element of each pooling window."""
    pools = (Kind.MAX_POOL, Kind.AVERAGE_POOL)
    return sum(layer.elements * layer.window for layer in layers if layer.kind in pools)


def outputs(layers: Layers) -> int:
    """Return the numbers that the first of the layers writes: its bytes in int8."""
    return layers[0].elements


def weights(layers: Layers) -> int:
    """Return the weights of convolutions and dense layers."""
    return sum(layer.weights for layer in layers)


def weights_and_biases(layers: Layers) -> int:
    """Return the weights and biases of convolutions and dense layers."""
    return sum(layer.weights + layer.biases for layer in layers)


def with_norms(layers: Layers) -> int:
    """Return weights, biases, and scale and bias of each normalized channel."""
    return weights_and_biases(layers) + 2 * normalized_channels(layers)


def stored(layers: Layers) -> int:
    """Return weights, biases, and the four numbers that a file holds of a normalized channel."""
    return weights_and_biases(layers) + 4 * normalized_channels(layers)


def stored_mib(layers: Layers) -> float:
    """Return the size of all that a file holds as 32-bit floats, in units of 2^20 bytes."""
    return stored(layers) * FLOAT_BYTES / MIB


def normalized_channels(layers: Layers) -> int:
    """Return the channels of batch normalizations."""
    return sum(layer.channels for layer in layers if layer.kind is Kind.NORMALIZE)


def macs_padded_to_rate(layers: Layers) -> int:
    """Return the MACs of convolutions, the dilated ones of the pyramid on a padded grid.

    A dilated convolution done by space-to-batch takes a grid whose sides are multiples of its rate.
    """
    return sum(
        _padded_macs(layer) if layer.name.startswith("aspp") else layer.macs
        for layer in layers
        if layer.kind in CONVOLUTIONS
    )


def _padded_macs(layer: Layer) -> int:
    *_, height, width = layer.output_shape
    rows, columns = (
        -(-side // rate) * rate for side, rate in zip((height, width), layer.dilations, strict=True)
    )
    return layer.macs // (height * width) * rows * columns


def share_of_macs(kind: Kind, layers: Layers) -> float:
    """Return the part of a kind of layer in all MACs, in percent."""
    return 100 * macs([layer for layer in layers if layer.kind is kind]) / macs(layers)


def share_of_weights(kind: Kind, layers: Layers) -> float:
    """Return the part of a kind of layer in all weights, in percent."""
    return 100 * weights([layer for layer in layers if layer.kind is kind]) / weights(layers)


def size_mib(parameters: float) -> float:
    """Return the size of parameters as 32-bit floats, in units of 2^20 bytes."""
    return parameters * FLOAT_BYTES / MIB


def kept(weight_count: int, density: float) -> float:
    """Return the weights that pruning leaves."""
    return weight_count * density


def mask_bits(weight_count: int, density: float) -> float:
    """Return the least bits that say which weights are left, by their entropy."""
    rest = 1 - density
    return -weight_count * (density * math.log2(density) + rest * math.log2(rest))
