"""Bias correction: means come nearer to the float network's, and proofs still hold."""

from __future__ import annotations

import math

import numpy as np
import pytest

from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph, Node
from codegen.ir.types import Array, DType, Quant, TensorType
from codegen.ops import AveragePool, Conv2d
from codegen.quantize import Ranges, quantize
from codegen.quantize.ranges import Evidence

X = np.random.default_rng(3).random((24, 12, 12, 8))


def make_network(group: int = 1) -> Graph:
    """Three convolutions with ReLU on inputs that are not centred, and an average of each map.

    The second has groups, which take turns in its result.
    """
    rng = np.random.default_rng(4)
    shapes = [(16, 1, 1, 8), (16, 3, 3, 16 // group), (16, 1, 1, 16)]
    constants: dict[str, Array] = {}
    types = {"x": TensorType(X.shape[1:])}
    nodes: list[Node] = []
    name = "x"
    for index, shape in enumerate(shapes):
        fan_in = math.prod(shape[1:])
        constants[f"w{index}"] = rng.normal(size=shape) * rng.random((shape[0], 1, 1, 1)) / fan_in
        constants[f"w{index}"][:, 0, 0, 0] *= 9
        constants[f"b{index}"] = rng.normal(size=shape[0]) * 0.05
        groups = group if index == 1 else 1
        op = Conv2d(group=groups, clamp=(0.0, math.inf), interleave=groups > 1)
        nodes.append(Node(op, (name, f"w{index}", f"b{index}"), f"y{index}"))
        name = f"y{index}"
    nodes.append(Node(AveragePool((10, 10)), (name,), "mean"))
    types |= {key: TensorType(data.shape) for key, data in constants.items()}
    for node in nodes:
        types[node.output] = node.op.infer(*(types[operand] for operand in node.inputs))
    return Graph("g", ("x",), ("mean",), tuple(nodes), types, constants)


@pytest.fixture(scope="module")
def network() -> Graph:
    return make_network()


@pytest.fixture(scope="module")
def reals(network: Graph) -> dict[str, Array]:
    return evaluate(network, [X], ["x", "y0", "y1", "y2", "mean"])


def ranges(reals: dict[str, Array], means: dict[str, Array] | None = None) -> Ranges:
    bounds = {name: (float(a.min()), float(a.max())) for name, a in reals.items()}
    return Ranges(bounds, "test", evidence=None if means is None else Evidence((X,), means))


def channel_means(reals: dict[str, Array]) -> dict[str, Array]:
    return {name: reals[name].mean(axis=(0, 1, 2)) for name in ("y0", "y1", "y2")}


def errors(graph: Graph, reals: dict[str, Array], layer: str = "y2") -> tuple[float, float]:
    """Return the size of a layer's error: of its channel means, and of its elements."""
    quants = [graph.types[name].quant for name in ("x", layer)]
    assert quants[0] is not None and quants[1] is not None
    found = evaluate(graph, [quants[0].quantize(X, DType.INT8)], [layer])[layer]
    difference = quants[1].dequantize(found) - reals[layer]
    means = difference.mean(axis=(0, 1, 2))
    return float(np.sqrt((means**2).mean())), float(np.sqrt((difference**2).mean()))


def test_the_error_of_means_shrinks(network: Graph, reals: dict[str, Array]) -> None:
    plain = errors(quantize(network, ranges(reals)), reals)
    corrected = errors(quantize(network, ranges(reals, channel_means(reals))), reals)
    assert corrected[0] < 0.5 * plain[0]
    assert corrected[1] < plain[1]


def test_biases_of_groups_that_take_turns_are_those_of_their_filters() -> None:
    network = make_network(group=2)
    reals = evaluate(network, [X], ["x", "y0", "y1", "y2", "mean"])
    plain = errors(quantize(network, ranges(reals)), reals, "y1")
    means = {"y1": channel_means(reals)["y1"]}
    corrected = errors(quantize(network, ranges(reals, means), repair=("bias",)), reals, "y1")
    assert corrected[0] < 0.5 * plain[0]


def test_only_biases_change(network: Graph, reals: dict[str, Array]) -> None:
    plain = quantize(network, ranges(reals))
    corrected = quantize(network, ranges(reals, channel_means(reals)), repair=("bias",))
    assert corrected.nodes == plain.nodes and corrected.types == plain.types
    changed = {
        name
        for name, data in plain.constants.items()
        if not np.array_equal(data, corrected.constants[name])
    }
    assert changed == {"b0", "b1", "b2"}
    assert all(corrected.constants[name].dtype == np.int32 for name in changed)


def test_a_layer_without_evidence_keeps_its_bias(network: Graph, reals: dict[str, Array]) -> None:
    means = channel_means(reals)
    del means["y1"]
    plain = quantize(network, ranges(reals))
    corrected = quantize(network, ranges(reals, means))
    np.testing.assert_array_equal(plain.constants["b1"], corrected.constants["b1"])


def test_a_shift_beyond_32_bits_is_left_out(network: Graph, reals: dict[str, Array]) -> None:
    means = {**channel_means(reals), "y1": np.full(16, -1e12)}
    plain = quantize(network, ranges(reals))
    corrected = quantize(network, ranges(reals, means))
    np.testing.assert_array_equal(plain.constants["b1"], corrected.constants["b1"])


def test_a_bias_of_two_layers_is_kept() -> None:
    op = Conv2d(clamp=(0.0, math.inf))
    nodes = (Node(op, ("x", "w", "b"), "a"), Node(op, ("x", "w", "b"), "c"))
    rng = np.random.default_rng(5)
    w, b = rng.normal(size=(8, 1, 1, 8)), rng.normal(size=8)
    types = {"x": TensorType(X.shape[1:]), "w": TensorType(w.shape), "b": TensorType(b.shape)}
    types |= {name: TensorType((12, 12, 8), quant=Quant((0.05,), -128)) for name in ("a", "c")}
    graph = Graph("g", ("x",), ("a", "c"), nodes, types, {"w": w, "b": b})
    bounds = {"x": (0.0, 1.0)}
    plain = quantize(graph, Ranges(bounds, "test"))
    evidence = Evidence((X,), {"a": np.zeros(8), "c": np.ones(8)})
    corrected = quantize(graph, Ranges(bounds, "test", evidence=evidence))
    np.testing.assert_array_equal(plain.constants["b"], corrected.constants["b"])


def test_progress_counts_nodes(network: Graph, reals: dict[str, Array]) -> None:
    seen: list[tuple[int, int]] = []
    quantize(network, ranges(reals, channel_means(reals)), lambda done, of: seen.append((done, of)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
