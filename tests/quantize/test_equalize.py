"""Equalization: the float network stays, channels of small numbers get as many steps as others."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph, Node
from codegen.ir.op import Op
from codegen.ir.types import Array, Origin, Quant, TensorType
from codegen.ops import (
    Add,
    AveragePool,
    Concat,
    Conv2d,
    Dense,
    MaxPool,
    Reshape,
    Resize,
    Slice,
)
from codegen.quantize import Ranges, calibrate, quantize
from codegen.quantize.calibrate import ChannelTotals
from codegen.quantize.equalize import FIXED, GREATEST, equalize, rescale_graph, scales_for
from codegen.quantize.ranges import Evidence
from tests.quantize import real_models as real

Make = Callable[[np.random.Generator, int], Graph]
RELU = (0.0, math.inf)
CHANNELS = 6


class Builder:
    """Makes a float graph, node by node, with weights drawn as asked."""

    def __init__(self, rng: np.random.Generator, spread: int) -> None:
        self.rng, self.spread = rng, spread
        self.types = {"x": TensorType((8, 8, CHANNELS))}
        self.constants: dict[str, Array] = {}
        self.nodes: list[Node] = []

    def add(self, op: Op, *inputs: str) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(Node(op, inputs, name))
        self.types[name] = op.infer(*(self.types[operand] for operand in inputs))
        return name

    def layer(self, op: Conv2d | Dense, x: str, shape: tuple[int, ...]) -> str:
        """A layer whose filters are as different in size as `spread` says."""
        index = len(self.nodes)
        factors = 2.0 ** -self.rng.integers(0, self.spread + 1, shape[0])
        per_filter = factors.reshape(-1, *[1] * (len(shape) - 1))
        data = {
            f"w{index}": self.rng.normal(0, 0.5, shape) * per_filter,
            f"b{index}": self.rng.normal(0, 0.1, shape[0]) * factors,
        }
        self.constants |= {name: array.astype(np.float32) for name, array in data.items()}
        self.types |= {name: TensorType(array.shape) for name, array in data.items()}
        return self.add(op, x, *data)

    def conv(self, x: str, size: int = 3, group: int = 1, high: float = math.inf) -> str:
        pads = (size // 2,) * 4
        op = Conv2d(pads=pads, group=group, clamp=(0.0, high))
        return self.layer(op, x, (CHANNELS, size, size, CHANNELS // group))

    def graph(self, *outputs: str) -> Graph:
        return Graph("g", ("x",), outputs, tuple(self.nodes), self.types, self.constants)


def chain(rng: np.random.Generator, spread: int = 0, high: float = math.inf) -> Graph:
    """A depthwise separable network with a residual, a concatenation, a pool and a classifier."""
    b = Builder(rng, spread)
    first = b.conv("x", high=high)
    inner = b.conv(b.conv(first, group=CHANNELS), 1)
    joined = b.add(Add(clamp=RELU), first, inner)
    beside = b.add(Concat(2), b.conv(joined, 1), b.add(MaxPool((3, 3), pads=(1, 1, 1, 1)), joined))
    op = Conv2d(clamp=RELU, group=2, interleave=True)
    mixed = b.layer(op, beside, (CHANNELS, 1, 1, CHANNELS))
    mean = b.add(Reshape((CHANNELS,)), b.add(AveragePool((8, 8)), mixed))
    return b.graph(b.layer(Dense(), mean, (4, CHANNELS)))


def shuffled(rng: np.random.Generator, spread: int = 0) -> Graph:
    """Two units that split the channels by turns, as ShuffleNet V2 has them; then larger again."""
    b = Builder(rng, spread)
    kept, made = b.conv("x"), b.conv("x")
    for _ in range(2):
        joined = b.add(Concat(2), kept, made)
        kept, read = (
            b.add(Slice((0, 0, first), (8, 8, CHANNELS), (1, 1, 2)), joined) for first in (0, 1)
        )
        made = b.conv(b.conv(read, group=CHANNELS), 1)
    larger = b.add(Resize((16, 16), (1, 0, 2), (1, 0, 2)), b.add(Concat(2), kept, made))
    op = Conv2d(clamp=RELU, strides=(2, 2))
    return b.graph(b.layer(op, larger, (CHANNELS, 1, 1, 2 * CHANNELS)))


def measure(graph: Graph, x: Array) -> Ranges:
    """Return the ranges of all values on samples, without evidence for repairs."""
    names = [node.output for node in graph.nodes]
    found = evaluate(graph, [x], ["x", *names])
    totals = {}
    for name, array in found.items():
        totals[name] = ChannelTotals()
        for index in range(len(x)):
            totals[name].add(array[index : index + 1])
    channels = {name: total.whole() for name, total in totals.items()}
    return Ranges({n: c.bounds for n, c in channels.items()}, "test", channels=channels)


def sqnr(graph: Graph, ranges: Ranges, x: Array, expected: Array) -> float:
    fixed = quantize(graph, ranges)
    quant = fixed.types["x"].quant
    assert quant is not None
    (name,) = fixed.outputs
    found = evaluate(fixed, [quant.quantize(x, fixed.types["x"].dtype)])[name]
    result = fixed.types[name].quant
    assert result is not None
    error = np.square(result.dequantize(found) - expected).sum()
    return float(10 * np.log10(np.square(expected).sum() / error))


@settings(max_examples=15, deadline=None, derandomize=True)
@given(make=st.sampled_from([chain, shuffled]), seed=st.integers(0, 999), spread=st.integers(0, 9))
def test_the_float_network_stays(make: Make, seed: int, spread: int) -> None:
    rng = np.random.default_rng(seed)
    graph, x = make(rng, spread), rng.normal(0, 1, (4, 8, 8, CHANNELS))
    equal, ranges = equalize(graph, measure(graph, x))
    (name,) = graph.outputs
    expected = evaluate(graph, [x])[name]
    np.testing.assert_allclose(evaluate(equal, [x])[name], expected, rtol=1e-4, atol=1e-5)
    again = measure(equal, x)
    for value, bounds in ranges.bounds.items():
        np.testing.assert_allclose(bounds, again.bounds[value], rtol=1e-3, atol=1e-5)


def test_ill_conditioned_channels_lose_nothing() -> None:
    """Channels scaled by powers of two, which floats do not see, cost integers all they have."""
    rng = np.random.default_rng(1)
    graph, x = chain(rng), rng.normal(0, 1, (16, 8, 8, CHANNELS))
    (name,) = graph.outputs
    expected = evaluate(graph, [x])[name]
    inner = [node.output for node in graph.nodes if node.op.name == "conv2d"][1]
    scales = {inner: 2.0 ** rng.integers(0, 9, CHANNELS)}
    skewed = rescale_graph(graph, scales)
    np.testing.assert_allclose(evaluate(skewed, [x])[name], expected, rtol=1e-5, atol=1e-6)
    ranges = measure(skewed, x)
    good = sqnr(graph, measure(graph, x), x, expected)
    assert sqnr(skewed, ranges, x, expected) < good - 6
    assert sqnr(*equalize(skewed, ranges), x, expected) > good - 0.5


def test_channels_are_followed_through_splits_and_resizing() -> None:
    """What stands in a concatenation, and is split by turns, takes the scale that suits all."""
    rng = np.random.default_rng(1)
    graph, x = shuffled(rng), rng.normal(0, 1, (16, 8, 8, CHANNELS))
    (name,) = graph.outputs
    expected = evaluate(graph, [x])[name]
    layers = [node for node in graph.nodes if isinstance(node.op, Conv2d)]
    last = layers[-2].output
    resized = next(node.output for node in graph.nodes if isinstance(node.op, Resize))
    factors = 2.0 ** rng.integers(0, 9, CHANNELS)
    joined = graph.producers()[graph.producers()[resized].inputs[0]]
    assert joined.inputs[1] == last
    whole = np.concatenate([np.ones(CHANNELS), factors])
    scales = {last: factors, joined.output: whole, resized: whole}
    skewed = rescale_graph(graph, scales)
    np.testing.assert_allclose(evaluate(skewed, [x])[name], expected, rtol=1e-5, atol=1e-6)
    good = sqnr(*equalize(graph, measure(graph, x)), x, expected)
    ranges = measure(skewed, x)
    assert sqnr(skewed, ranges, x, expected) < good - 6
    assert sqnr(*equalize(skewed, ranges), x, expected) > good - 0.5


def test_a_clamp_that_samples_reach_keeps_its_channels() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(0, 1, (4, 8, 8, CHANNELS))
    reached = chain(rng, 6, high=0.01)
    equal, _ = equalize(reached, measure(reached, x))
    assert equal.nodes[0] == reached.nodes[0]
    np.testing.assert_array_equal(equal.constants["w0"], reached.constants["w0"])
    far = chain(np.random.default_rng(2), 6, high=1e6)
    equal, _ = equalize(far, measure(far, x))
    assert equal.nodes[0].op == replace(far.nodes[0].op, clamp=RELU)  # type: ignore[type-var]


def test_what_the_user_sees_stays() -> None:
    """Outputs and prescribed formats are never scaled; origins tell what a value is divided by."""
    rng = np.random.default_rng(3)
    graph, x = chain(rng, 6), rng.normal(0, 1, (4, 8, 8, CHANNELS))
    names = [node.output for node in graph.nodes]
    graph = replace(graph, origins={name: Origin(name) for name in names})
    ranges = measure(graph, x)
    equal, _ = equalize(graph, ranges)
    before, after = (evaluate(g, [x], names) for g in (graph, equal))
    scaled = [name for name in names if equal.origins[name].scales]
    assert scaled and graph.outputs[0] not in scaled
    for name in names:
        shown = equal.origins[name].apply(before[name], graph.types[name].shape)
        np.testing.assert_allclose(after[name], shown, rtol=1e-3, atol=1e-5)
    first = graph.nodes[0].output
    types = {**graph.types, first: replace(graph.types[first], quant=Quant((0.1,), -128))}
    kept, _ = equalize(replace(graph, types=types), ranges)
    assert not kept.origins[first].scales


def test_a_trained_network_with_ill_conditioned_channels(shared_models: Path) -> None:
    """Channels scaled by powers of two cost a depthwise network its accuracy, or nothing."""
    name = "mlperf_tiny_kws_dscnn_f32"
    model, graph = real.open_network(shared_models, name)
    labels, samples = real.labels(shared_models, name), real.evaluation(shared_models, name)
    rng = np.random.default_rng(0)
    layers = [node.output for node in graph.nodes if isinstance(node.op, Conv2d)][:-1]
    skewed = rescale_graph(
        graph, {layer: 2.0 ** rng.integers(0, 11, graph.types[layer].shape[-1]) for layer in layers}
    )
    ranges = calibrate(model, skewed, real.calibration(shared_models, name))
    naive = quantize(skewed, replace(ranges, evidence=None))
    repaired = quantize(*equalize(skewed, ranges))
    floats = real.run_onnxruntime(model, graph, samples).argmax(axis=1) == labels
    right = [real.run_fixed(g, samples).argmax(axis=1) == labels for g in (naive, repaired)]
    assert right[0].mean() < floats.mean() - 0.2, "it collapses"
    assert right[1].mean() >= floats.mean() - 0.01


def test_evidence_is_scaled_along() -> None:
    rng = np.random.default_rng(4)
    graph, x = chain(rng, 6), rng.normal(0, 1, (8, 8, 8, CHANNELS))
    means = {"v0": evaluate(graph, [x], ["v0"])["v0"].mean(axis=(0, 1, 2))}
    ranges = replace(measure(graph, x), evidence=Evidence((x,), means))
    equal, scaled = equalize(graph, ranges)
    assert scaled.evidence is not None
    after = evaluate(equal, [x], ["v0"])["v0"].mean(axis=(0, 1, 2))
    np.testing.assert_allclose(scaled.evidence.means["v0"], after, rtol=1e-4)


def test_channels_that_are_as_good_as_zero_are_left_alone() -> None:
    """Scaled up, what a layer makes of nothing would need sums that 32 bits do not hold."""
    greatest = {FIXED: 0.0, 1: 8.0, 2: 1.0, 3: 8 / GREATEST, 4: 4 / GREATEST, 5: 0.0}
    found = scales_for(greatest, 1.0)
    assert found == {FIXED: 1.0, 1: 1.0, 2: 1 / 8, 3: 1 / GREATEST, 4: 1.0, 5: 1.0}
