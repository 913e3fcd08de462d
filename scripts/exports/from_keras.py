"""Export small Keras networks by tf2onnx.

In an environment of its own: `pip install tensorflow-cpu tf2onnx`, then run this file, with names
of networks for a few.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tf2onnx
from store import SAMPLES, draw, store
from tensorflow import keras
from tensorflow.keras import layers as kl

OPSETS = (13, 15, 17)
IMAGE = (8, 8, 3)
Tensor = tf.Tensor


def gelu(x: Tensor) -> Tensor:
    """GELU as tf2onnx can say it: it knows no Erfc."""
    return keras.activations.gelu(x, approximate=True)


def conv(x: Tensor, filters: int, size: int = 3, strides: int = 1) -> Tensor:
    x = kl.Conv2D(filters, size, strides, padding="same", use_bias=False)(x)
    return kl.ReLU(6.0)(kl.BatchNormalization()(x))


def conv_bn_relu6(x: Tensor) -> Tensor:
    return conv(conv(x, 6), 4, strides=2)


def separable(x: Tensor) -> Tensor:
    x = kl.SeparableConv2D(8, 3, padding="same", depth_multiplier=2, activation="relu")(x)
    x = kl.DepthwiseConv2D(3, 2, padding="same")(x)
    return kl.Dense(3)(kl.GlobalAveragePooling2D()(x))


def flatten(x: Tensor) -> Tensor:
    return kl.Dense(3, activation="softmax")(kl.Flatten()(conv(x, 4, strides=2)))


def residual(x: Tensor) -> Tensor:
    x = conv(x, 4, strides=2)
    y = kl.Conv2D(4, 3, padding="same")(conv(x, 4))
    return kl.Activation("relu")(kl.Add()([x, kl.BatchNormalization()(y)]))


def squeeze(x: Tensor) -> Tensor:
    x = conv(x, 8, strides=2)
    means = kl.GlobalAveragePooling2D(keepdims=True)(x)
    gates = kl.Conv2D(8, 1, activation="sigmoid")(kl.Conv2D(4, 1, activation="relu")(means))
    return kl.Multiply()([x, gates])


def unet(x: Tensor) -> Tensor:
    early = conv(x, 4)
    late = kl.UpSampling2D(2)(conv(kl.MaxPooling2D(2)(early), 6))
    later = kl.UpSampling2D(2, interpolation="bilinear")(kl.AveragePooling2D(2)(early))
    return kl.Conv2D(2, 1)(kl.Concatenate()([early, late, later]))


def upward(x: Tensor) -> Tensor:
    x = kl.Conv2DTranspose(4, 3, 2, padding="same", activation="relu")(x)
    return kl.Conv2DTranspose(2, 2, 2, padding="valid")(x)


def pads(x: Tensor) -> Tensor:
    x = kl.Conv2D(4, 3)(kl.ZeroPadding2D(((1, 0), (2, 1)))(x))
    return kl.Conv2D(3, 3, 2, padding="same")(kl.Cropping2D(1)(x))


def activations(x: Tensor) -> Tensor:
    kinds = (kl.PReLU(shared_axes=[1, 2]), kl.LeakyReLU(), kl.ELU())
    for kind in (*kinds, *map(kl.Activation, ("swish", gelu, "softplus", "tanh"))):
        x = kind(kl.Conv2D(4, 1)(x))
    return x


def signal(x: Tensor) -> Tensor:
    x = kl.MaxPooling1D(2)(kl.Conv1D(6, 5, padding="causal", activation="relu")(x))
    x = kl.Conv1D(4, 3, dilation_rate=2)(kl.BatchNormalization()(x))
    return kl.Dense(3)(kl.GlobalAveragePooling1D()(x))


def lstm(x: Tensor) -> Tensor:
    return kl.Dense(3)(kl.Bidirectional(kl.LSTM(4))(x))


def gru(x: Tensor) -> Tensor:
    """Step by step: tf2onnx makes a Loop of it else, which has no kernel."""
    return kl.Dense(3)(kl.GRU(4, unroll=True)(x))


def attention(x: Tensor) -> Tensor:
    normed = kl.LayerNormalization()(x)
    x = kl.Add()([x, kl.MultiHeadAttention(2, 4)(normed, normed)])
    return kl.Add()([x, kl.Dense(8)(kl.Dense(16, activation=gelu)(x))])


def ports(image: Tensor, vector: Tensor) -> list[Tensor]:
    mixed = kl.Add()([conv(image, 4), kl.Reshape((1, 1, 4))(kl.Dense(4)(vector))])
    return [mixed, kl.Dense(3)(kl.GlobalMaxPooling2D()(mixed))]


def mobile(x: Tensor) -> Tensor:
    x = conv(x, 8, strides=2)
    y = kl.ReLU(6.0)(kl.BatchNormalization()(kl.DepthwiseConv2D(3, padding="same")(x)))
    return kl.Add()([x, kl.BatchNormalization()(kl.Conv2D(8, 1, use_bias=False)(y))])


Made = tuple[Callable[..., object], tuple[tuple[int, ...], ...]]
NETWORKS: dict[str, Made] = {
    "activations": (activations, (IMAGE,)),
    "attention": (attention, ((6, 8),)),
    "conv_bn_relu6": (conv_bn_relu6, (IMAGE,)),
    "conv_transpose": (upward, ((3, 3, 3),)),
    "flatten": (flatten, (IMAGE,)),
    "gru": (gru, ((2, 4),)),
    "inverted_residual": (mobile, (IMAGE,)),
    "lstm": (lstm, ((7, 4),)),
    "pads": (pads, (IMAGE,)),
    "ports": (ports, (IMAGE, (5,))),
    "residual": (residual, (IMAGE,)),
    "separable": (separable, (IMAGE,)),
    "signal": (signal, ((16, 4),)),
    "squeeze": (squeeze, (IMAGE,)),
    "unet": (unet, (IMAGE,)),
}


def settle(network: keras.Model, arrays: list[np.ndarray]) -> None:
    """Let batch norms see data, and shake what stands at its start."""
    for _ in range(20):
        network(arrays, training=True)
    rng = np.random.default_rng(5)
    for weight in network.weights:
        if any(part in weight.name for part in ("gamma", "alpha")):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
        elif any(part in weight.name for part in ("beta", "bias")):
            weight.assign(rng.normal(0, 0.3, weight.shape))


def export(name: str, opset: int) -> None:
    """Store one network as tf2onnx writes it."""
    keras.utils.set_random_seed(7)
    make, shapes = NETWORKS[name]
    rng = np.random.default_rng(3)
    arrays = [draw(rng, *shape) for shape in shapes]
    ports = [keras.Input(shape, name=f"x{i}") for i, shape in enumerate(shapes)]
    network = keras.Model(ports, make(*ports))
    settle(network, arrays)
    signature = [
        tf.TensorSpec((None, *shape), tf.float32, name=f"x{i}") for i, shape in enumerate(shapes)
    ]

    @tf.function(input_signature=signature)
    def run(*inputs: Tensor) -> object:
        return network(list(inputs), training=False)

    model, _ = tf2onnx.convert.from_function(run, input_signature=signature, opset=opset)
    results = run(*map(tf.constant, arrays))
    results = results if isinstance(results, list | tuple) else [results]
    recorded = dict(zip((value.name for value in model.graph.input), arrays, strict=True))
    outs = [value.name for value in model.graph.output]
    expected = {key: value.numpy() for key, value in zip(outs, results, strict=True)}
    assert all(len(value) == SAMPLES for value in expected.values())
    store(f"keras_{name}", model, recorded, expected)


if __name__ == "__main__":
    for index, network in enumerate(NETWORKS):
        if not sys.argv[1:] or network in sys.argv[1:]:
            export(network, OPSETS[index % len(OPSETS)])
