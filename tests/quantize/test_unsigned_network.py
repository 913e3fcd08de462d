"""A network that others quantized to uint8 decides as in onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codegen.ir.types import Array
from codegen.quantize import Samples, quantize
from codegen.quantize.layerwise import compare_layers
from codegen.verify import measure_agreement
from tests.quantize import real_models as real

NAME = "mobilenetv2_1.0_224_imagenet_uint8"
PHOTOS = 8


def photos(folder: Path) -> Array:
    """Return images as bytes less 128."""
    images = np.load(folder / "data" / "photos_eval.npz")["images"][:PHOTOS]
    return real.resize(images.astype(np.float32), 224) - 128


@pytest.mark.slow
def test_photos_are_decided_as_in_onnxruntime(shared_models: Path) -> None:
    model, graph = real.open_network(shared_models, NAME)
    (port,) = graph.inputs
    quant = graph.types[port].quant
    assert quant is not None
    samples = Samples((quant.dequantize(photos(shared_models)).astype(np.float32),), "photos")
    fixed = quantize(graph)
    agreement = measure_agreement(model, fixed, samples, PHOTOS)
    assert agreement.top1 == 1.0
    assert agreement.greatest_difference_steps <= 5
    assert agreement.mean_difference_steps < 1
    few = Samples((samples.arrays[0][:2],), samples.source)
    for layer in compare_layers(model, fixed, few):
        assert layer.greatest <= 1, layer.node
        assert layer.equal_share >= 0.99, layer.node
