"""Clipped ranges in a network: what is clipped, what never is, what equalization makes of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from codegen.frontend import import_model
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.types import Array, DType
from codegen.passes import canonicalize
from codegen.quantize import Samples, Stream, calibrate, quantize
from codegen.quantize.clipping import Clip, find_method
from codegen.quantize.equalize import equalize
from codegen.quantize.ranges import Range
from tests.quantize import real_models as real
from tests.quantize.test_masks import masked_model
from tests.toy_model import toy_model

NETWORK = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 8] x) => (float[N, 2, 3] scores)
<int64[3] shape = {-1, 2, 3}>
{
    a = Gemm <transB = 1> (x, w1)
    b = Relu (a)
    c = Gemm <transB = 1> (b, w2)
    scores = Reshape (c, shape)
}
"""
METHODS = ("percentile", "mse", "entropy")


def method(name: str) -> Clip:
    found = find_method(name, 99.0, DType.INT8)  # type: ignore[arg-type]
    assert found is not None
    return found


def network(spread: float = 1.0) -> tuple[onnx.ModelProto, Graph]:
    """Two dense layers; the channels between are `spread` times as large as each other."""
    model = toy_model(NETWORK, {"w1": (4, 8), "w2": (6, 4)})
    for tensor in model.graph.initializer:
        if tensor.name in ("w1", "w2"):
            scale = spread ** -np.arange(4.0)
            data = onnx.numpy_helper.to_array(tensor)
            data = data * scale[:, None] if tensor.name == "w1" else data / scale
            tensor.CopyFrom(onnx.numpy_helper.from_array(data.astype(np.float32), tensor.name))
    return model, canonicalize(import_model(model, "net.onnx"))


def heavy_tails(count: int = 400) -> Array:
    return np.random.default_rng(1).standard_t(2, (count, 8)).astype(np.float32)


@pytest.mark.parametrize("name", METHODS)
def test_outliers_are_left_out_of_all_but_the_outputs(name: str) -> None:
    model, graph = network()
    samples = Samples((heavy_tails(),), "test")
    whole, found = (calibrate(model, graph, samples, clip=clip) for clip in (None, method(name)))
    assert found.bounds.keys() == whole.bounds.keys() and found.count == 400
    scores = graph.producers()[graph.outputs[0]].inputs[0]
    assert found.bounds[scores] == whole.bounds[scores], "it becomes the output by a Reshape"
    hidden = whole.bounds.keys() - {scores}
    assert any(found.bounds[value][1] < whole.bounds[value][1] for value in hidden)
    for value in hidden:
        low, high = found.bounds[value]
        assert whole.bounds[value][0] <= low <= 0 <= high <= whole.bounds[value][1]
        assert found.seen(value) == whole.bounds[value]
        channels = found.channels[value]
        assert low <= channels.low.min() and channels.high.max() == np.float32(high)


def test_streams_give_what_arrays_give_without_being_held() -> None:
    """However many samples there are, no more than a few are kept, and these from all over."""
    model, graph = network()
    x = heavy_tails(1000)
    alive: list[int] = []

    def rows() -> Iterator[tuple[Array, ...]]:
        for index in range(len(x)):
            alive.append(index)
            yield (x[index : index + 1].copy(),)

    expected = calibrate(model, graph, Samples((x,), "test"), clip=method("mse"))
    seen: list[tuple[int, int | None]] = []
    stream = Stream(rows(), "test")
    found = calibrate(model, graph, stream, lambda *at: seen.append(at), method("mse"))
    assert found.bounds == expected.bounds and found.count == 1000
    assert seen[-1] == (1000, None) and len(seen) == 1000
    assert found.evidence is not None
    np.testing.assert_array_equal(found.evidence.inputs[0], x[::16])
    np.testing.assert_allclose(found.evidence.means[dense(graph)], means(graph, x[::16]), rtol=1e-4)


def dense(graph: Graph) -> str:
    return next(node.output for node in graph.nodes if node.op.name == "dense")


def means(graph: Graph, x: Array) -> Array:
    found: Array = evaluate(graph, [x], [dense(graph)])[dense(graph)].mean(axis=0)
    return found


@pytest.mark.parametrize("name", METHODS)
def test_masks_and_what_they_mask_are_not_clipped(name: str) -> None:
    model, mask = masked_model("added", -math.inf)
    graph = canonicalize(import_model(model, "net.onnx"))
    x = np.random.default_rng(0).standard_t(2, (8, 4, 6)).astype(np.float32)
    samples = Samples((x, np.repeat(mask, 8, axis=0)), "test")
    whole, found = (calibrate(model, graph, samples, clip=clip) for clip in (None, method(name)))
    assert found.bounds == whole.bounds and found.masked == whole.masked != frozenset()


def halve(histogram: object) -> Range:
    low, high = histogram.low, histogram.high  # type: ignore[attr-defined]
    return low / 2, high / 2


def test_equalized_channels_stay_clipped() -> None:
    """The widest channel keeps its clipped range, to which others are brought up whole."""
    model, graph = network(8.0)
    samples = Samples((heavy_tails(),), "test")
    whole, found = (calibrate(model, graph, samples, clip=clip) for clip in (None, halve))
    name = dense(graph)
    assert found.bounds[name][1] == whole.bounds[name][1] / 2
    (_, before), (equal, after) = equalize(graph, whole), equalize(graph, found)
    assert after.bounds[name][1] == pytest.approx(found.bounds[name][1], rel=1e-6)
    assert before.bounds[name][1] == pytest.approx(whole.bounds[name][1], rel=1e-6)
    assert after.channels[name].high.min() > 3 * found.channels[name].high.min()
    fixed = quantize(equal, replace(after, evidence=None))
    quant = fixed.types[name].quant
    assert quant is not None
    assert quant.scale == pytest.approx(after.bounds[name][1] / 255, rel=1e-5)


def test_a_clamp_that_was_reached_stays_though_its_range_is_clipped() -> None:
    """Clipped below 6, a Relu6 still clamps: whether it does is told by all that was seen."""
    text = NETWORK.replace("Relu (a)", "Clip (a, zero, six)").replace(
        "<int64", "<float zero = {0.0}, float six = {6.0}, int64"
    )
    model = toy_model(text, {"w1": (4, 8), "w2": (6, 4)})
    graph = canonicalize(import_model(model, "net.onnx"))
    ranges = calibrate(model, graph, Samples((heavy_tails(),), "test"), clip=halve)
    name = dense(graph)
    assert ranges.bounds[name] == (0, 3) and ranges.seen(name) == (0, 6)
    equal, _ = equalize(graph, ranges)
    assert equal.nodes[0].op == graph.nodes[0].op
    np.testing.assert_array_equal(
        equal.constants[equal.nodes[0].inputs[1]], graph.constants[graph.nodes[0].inputs[1]]
    )


@pytest.mark.parametrize(
    ("name", "ratio"), [("percentile", 32.0), ("mse", 31.0), ("entropy", 21.0)]
)
def test_a_real_network(shared_models: Path, name: str, ratio: float) -> None:
    """Each method leaves a trained network what it knows."""
    model, graph = real.open_network(shared_models, "mlperf_tiny_kws_dscnn_f32")
    samples = real.evaluation(shared_models, "mlperf_tiny_kws_dscnn_f32", 100)
    clip = find_method(name, 99.99, DType.INT8)  # type: ignore[arg-type]
    given = real.calibration(shared_models, "mlperf_tiny_kws_dscnn_f32")
    fixed = quantize(*equalize(graph, calibrate(model, graph, given, clip=clip)))
    expected = real.run_onnxruntime(model, graph, samples)
    error = np.square(real.run_fixed(fixed, samples) - expected).sum()
    assert 10 * math.log10(np.square(expected).sum() / error) > ratio
