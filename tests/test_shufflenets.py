"""ShuffleNets move no channel: a grouped convolution stores its results shuffled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codegen import zoo
from codegen.frontend import import_model, load_onnx
from codegen.ir.graph import Graph
from codegen.ops import Conv2d
from codegen.options import Options
from codegen.passes import canonicalize
from codegen.pipeline import compile_model
from tests.frontend.compare import assert_same, op_names
from tests.ops.harness import ARM_DSP, GENERIC, assert_c_equals_reference

UNITS = 16


def interleaved(graph: Graph) -> int:
    """Count the convolutions that shuffle; nothing else moves but the flattening at the end."""
    names = op_names(graph)
    assert "transpose" not in names
    assert names.count("reshape") == 1
    return sum(isinstance(node.op, Conv2d) and node.op.interleave for node in graph.nodes)


def test_a_trained_shufflenet(shared_models: Path) -> None:
    model = load_onnx(shared_models / "shufflenetv1_05_g3_cifar10_f32.onnx")
    assert interleaved(assert_same(model)) == UNITS - 1


@pytest.mark.parametrize("scale", [0.25, 0.5, 1.0, 1.5])
@pytest.mark.parametrize("groups", [1, 2, 3, 4, 8])
def test_every_shufflenet_of_the_zoo(groups: int, scale: float) -> None:
    options = {"groups": groups, "scale": scale, "resolution": 32}
    graph = canonicalize(import_model(zoo.build("shufflenet_v1", options), "zoo"))
    assert interleaved(graph) == (0 if groups == 1 else UNITS - 1)


@pytest.mark.parametrize("groups", [1, 3, 8])
def test_c_equals_reference(groups: int) -> None:
    network = {"groups": groups, "scale": 0.25, "resolution": 32, "classes": 10}
    graph = compile_model(Options("shufflenet_v1", "cortex-m7", network=network)).network.graph
    for families in (GENERIC, ARM_DSP):
        assert_c_equals_reference(graph, families, np.random.default_rng(groups))
