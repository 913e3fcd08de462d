"""Export the networks of torch_networks.py by both exporters of PyTorch.

In an environment of its own: `pip install torch onnx onnxscript`, then run this file, with names of
networks for a few.
"""

from __future__ import annotations

import io
import sys
import warnings

import numpy as np
import onnx
import torch
from store import draw, store
from torch import nn
from torch_networks import NETWORKS

OPSETS = (13, 17)
"""Those of the older exporter, in turn."""
TRAINED = ("conv_bn_relu",)
"""Exported a second time as they are while they are trained: batch norms stay nodes."""


def settle(network: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
    """Let batch norms see data, and shake their scales and shifts."""
    network.train()
    for _ in range(20):
        network(*inputs)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | nn.InstanceNorm2d | nn.GroupNorm):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, 0, 0.3)
    network.eval()


def names_of(count: int, stem: str) -> list[str]:
    return [stem] if count == 1 else [f"{stem}{i}" for i in range(count)]


def export(name: str, opset: int) -> None:
    """Store one network as both exporters write it."""
    torch.manual_seed(7)
    make, shapes = NETWORKS[name]
    rng = np.random.default_rng(3)
    arrays = [draw(rng, *shape) for shape in shapes]
    inputs = tuple(torch.from_numpy(array) for array in arrays)
    network = make()
    settle(network, inputs)
    with torch.no_grad():
        results = network(*inputs)
    results = results if isinstance(results, tuple) else (results,)
    ins, outs = names_of(len(arrays), "x"), names_of(len(results), "y")
    recorded = dict(zip(ins, arrays, strict=True))
    expected = {key: value.numpy() for key, value in zip(outs, results, strict=True)}

    def old(training: torch.onnx.TrainingMode, *, fold: bool) -> onnx.ModelProto:
        buffer = io.BytesIO()
        torch.onnx.export(
            network,
            inputs,
            buffer,
            dynamo=False,
            opset_version=opset,
            input_names=ins,
            output_names=outs,
            dynamic_axes={key: {0: "batch"} for key in (*ins, *outs)},
            training=training,
            do_constant_folding=fold,
        )
        return onnx.load_from_string(buffer.getvalue())

    store(f"torch_{name}", old(torch.onnx.TrainingMode.EVAL, fold=True), recorded, expected, name)
    if name in TRAINED:
        kept = old(torch.onnx.TrainingMode.PRESERVE, fold=False)
        store(f"unfolded_{name}", kept, recorded, expected, name)
    sample = tuple(x[:1] for x in inputs)
    program = torch.onnx.export(
        network, sample, dynamo=True, input_names=ins, output_names=outs, verbose=False
    )
    assert program is not None
    store(f"dynamo_{name}", program.model_proto, recorded, expected, name)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    for index, network in enumerate(NETWORKS):
        if not sys.argv[1:] or network in sys.argv[1:]:
            export(network, OPSETS[index % 2])
