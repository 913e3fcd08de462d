"""Low rank: two layers for one, only where they are less and what is lost is within the ratio."""

from __future__ import annotations

import numpy as np
import pytest

from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.text import parse_graph
from codegen.ir.types import Array
from codegen.ops import Conv2d, Dense
from codegen.quantize.low_rank import factorize, lower_rank


def network(rank: int, noise: float = 0.0) -> Graph:
    """A strided 1x1 convolution with a Relu and a dense layer, both of about so low a rank."""
    rng = np.random.default_rng(3)

    def low(rows: int, columns: int) -> Array:
        exact = rng.normal(size=(rows, rank)) @ rng.normal(size=(rank, columns))
        return (exact + noise * rng.normal(size=exact.shape)).astype(np.float32)

    return parse_graph(
        """
        graph net(x: float32[5,5,16]) -> z
          const v: float32[16,1,1,16]
          const a: float32[16]
          const w: float32[32,144]
          const b: float32[32]
          y = conv2d(x, v, a) strides=(2, 2) clamp=(0.0, inf) : float32[3,3,16]
          f = reshape(y) shape=(144,) : float32[144]
          z = dense(f, w, b) : float32[32]
        """,
        {
            "v": low(16, 16).reshape(16, 1, 1, 16),
            "a": rng.normal(size=16).astype(np.float32),
            "w": low(32, 144),
            "b": rng.normal(size=32).astype(np.float32),
        },
    )


def inputs(count: int = 100) -> tuple[Array, ...]:
    mixed = np.random.default_rng(5).normal(size=(count, 5, 5, 16))
    return (mixed * np.geomspace(1, 0.01, 16) + 1,)


def decibels(graph: Graph, other: Graph, given: tuple[Array, ...]) -> float:
    expected, found = (evaluate(g, given)["z"] for g in (graph, other))
    return float(10 * np.log10(np.var(expected) / np.mean(np.square(found - expected))))


@pytest.mark.parametrize("given", [(), inputs()], ids=["without", "samples"])
def test_weights_of_exactly_low_rank_are_taken_apart_without_loss(given: tuple[Array, ...]) -> None:
    graph = network(rank=3)
    lowered = lower_rank(graph, 60.0, given)
    layers = [n for n in lowered.nodes if isinstance(n.op, Conv2d | Dense)]
    assert [lowered.types[n.output].shape[-1] for n in layers] == [3, 16, 3, 32]
    assert lowered.macs < 0.4 * graph.macs
    assert decibels(graph, lowered, inputs()) > 55
    assert str(lowered).count("clamp") == 1


def test_nothing_changes_where_two_layers_are_not_less() -> None:
    graph = network(rank=16, noise=1.0)
    assert lower_rank(graph, 80.0, inputs()) is graph


def test_the_ratio_is_kept_and_samples_save_more() -> None:
    """Half of what the layers could read hardly differs from sample to sample."""
    graph = network(rank=8, noise=0.3)
    seen, unseen = lower_rank(graph, 25.0, inputs()), lower_rank(graph, 25.0)
    assert seen.macs < unseen.macs
    assert decibels(graph, seen, inputs()) > 20


def test_the_bias_takes_up_the_mean_of_what_is_left_out() -> None:
    """The second operand is constant: its direction is left out, and nothing is lost."""
    operands = np.random.default_rng(1).normal(size=(1, 200, 6))
    operands[:, :, 1] = 4.0
    weights = np.outer(np.arange(1.0, 7.0), [1, 0, 0, 0, 0, 0])
    weights[:, 1] = [6, -5, 4, -3, 2, -1]
    factors = factorize(weights, operands, 20.0)
    assert factors is not None and len(factors.first) == 1
    found = operands[0] @ (factors.second @ factors.first).T + factors.lost
    assert np.abs(found - operands[0] @ weights.T).max() < 0.2
