"""Pruning: how many weights are left, which, and how those that stay make up for the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.text import parse_graph
from codegen.ir.types import Array
from codegen.quantize import graph_inputs
from codegen.quantize.linear_layers import own_layers
from codegen.quantize.prune import greatest, make_fit, prune, prune_layer, spread
from tests.quantize import real_models as real

RNG = np.random.default_rng(7)


def two_layers() -> Graph:
    return parse_graph(
        """
        graph net(x: float32[4,4,3]) -> z
          const v: float32[8,3,3,3]
          const a: float32[8]
          const w: float32[4,128]
          const b: float32[4]
          y = conv2d(x, v, a) pads=(1, 1, 1, 1) : float32[4,4,8]
          f = reshape(y) shape=(128,) : float32[128]
          z = dense(f, w, b) : float32[4]
        """,
        {
            "v": RNG.normal(size=(8, 3, 3, 3)).astype(np.float32),
            "a": RNG.normal(size=8).astype(np.float32),
            "w": RNG.normal(size=(4, 128)).astype(np.float32),
            "b": RNG.normal(size=4).astype(np.float32),
        },
    )


def density(graph: Graph, name: str) -> float:
    return float((graph.constants[name] != 0).mean())


def noise(graph: Graph, other: Graph, inputs: tuple[Array, ...]) -> float:
    expected, found = (evaluate(g, inputs)[g.outputs[0]] for g in (graph, other))
    return float(np.square(found - expected).mean() / np.square(expected).mean())


def test_without_samples_the_greatest_weights_stay_as_they_are() -> None:
    graph = two_layers()
    pruned = prune(graph, {"y": 0.25})
    weights, left = graph.constants["v"], pruned.constants["v"]
    assert density(pruned, "v") == 0.25
    assert (left[left != 0] == weights[left != 0]).all()
    assert np.abs(weights[left == 0]).max() <= np.abs(weights[left != 0]).min()
    assert pruned.constants["w"] is graph.constants["w"]


def test_weights_that_stay_are_refitted_to_samples() -> None:
    graph = two_layers()
    inputs = (RNG.normal(size=(200, 4, 4, 3)) @ RNG.normal(size=(3, 3)) + 1,)
    densities = {"y": 0.5, "z": 0.5}
    by_size, fitted = prune(graph, densities), prune(graph, densities, inputs)
    assert density(fitted, "v") == density(fitted, "w") == 0.5
    assert noise(graph, fitted, inputs) < 0.3 * noise(graph, by_size, inputs)


def test_a_weight_that_another_can_stand_for_goes_at_no_loss() -> None:
    """Two operands are equal, so one weight serves both; the smaller of two others stays."""
    operands = RNG.normal(size=(1, 400, 3))
    operands[:, :, 1] = operands[:, :, 0]
    weights = np.array([[[5.0, 4.0, 2.0]]])
    fit = make_fit(weights, np.zeros((1, 1)), operands, operands)
    (found,) = prune_layer(fit, 2 / 3)[0]
    assert (found[:3] != 0).tolist() in ([True, False, True], [False, True, True])
    assert found[:3].sum() == pytest.approx(11, abs=0.1)


def test_the_bias_takes_up_the_mean_of_what_goes() -> None:
    operands = RNG.normal(size=(1, 400, 2)) * [1.0, 1e-3] + [0.0, 3.0]
    fit = make_fit(np.array([[[1.0, 0.5]]]), np.zeros((1, 1)), operands, operands)
    (found,) = prune_layer(fit, 0.5)[0]
    assert found[1] == 0
    assert found[2] == pytest.approx(1.5, abs=0.1)


def test_one_density_is_spread_over_layers_by_what_they_lose() -> None:
    """The weights of the second layer meet nothing but one constant: nearly all may go."""
    graph = two_layers()
    quiet = {**graph.constants, "v": graph.constants["v"] * np.float32(1e-6)}
    graph = graph.with_nodes(graph.nodes, constants=quiet)
    inputs = (RNG.normal(size=(100, 4, 4, 3)),)
    for given in (inputs, ()):
        found = spread(graph, 0.3, own_layers(graph), given)
        sizes = {"y": 216, "z": 512}
        left = sum(found[name] * size for name, size in sizes.items())
        assert left == pytest.approx(0.3 * sum(sizes.values()), abs=1)
    assert spread(graph, 1.0, own_layers(graph), inputs) == {"y": 1.0, "z": 1.0}


@pytest.mark.parametrize("part", [0.0, 0.1, 0.33, 1.0])
def test_the_part_is_rounded_up(part: float) -> None:
    assert greatest(np.arange(10), part).sum() == {0.0: 0, 0.1: 1, 0.33: 4, 1.0: 10}[part]


def test_a_trained_network_loses_little_without_a_quarter_of_its_weights(
    shared_models: Path,
) -> None:
    name = "mlperf_tiny_kws_dscnn_f32"
    _, graph = real.open_network(shared_models, name)
    inputs = graph_inputs(graph, real.calibration(shared_models, name))
    inputs = tuple(array[:32] for array in inputs)
    densities = spread(graph, 0.75, own_layers(graph), inputs)
    tested = graph_inputs(graph, real.evaluation(shared_models, name, 60))
    pruned = prune(graph, densities, inputs)
    expected, found = (evaluate(g, tested)[g.outputs[0]].argmax(axis=-1) for g in (graph, pruned))
    assert (found == expected).mean() >= 0.95
    by_size = prune(graph, dict.fromkeys(densities, 0.75))
    assert noise(graph, pruned, tested) < 0.1 * noise(graph, by_size, tested)
