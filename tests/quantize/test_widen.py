"""Values of 16 bits within a network of 8: where they meet, a Requantize stands."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from codegen.errors import BadOption
from codegen.frontend import import_model
from codegen.ir.graph import Graph
from codegen.ir.types import DType
from codegen.ops import Requantize
from codegen.passes import canonicalize
from codegen.quantize import Ranges, Samples, calibrate, quantize
from codegen.quantize.choose_wide import find_wide, value_noises, widenable
from codegen.quantize.sensitivity import decibels, observe, run_on
from tests.ops.harness import GENERIC, assert_c_equals_reference


def network() -> onnx.ModelProto:
    """A squeeze, its two readers joined, an average, classes: values are named as their layers."""
    rng = np.random.default_rng(5)
    sizes = {"squeeze": (4, 3, 1, 1), "left": (5, 4, 1, 1), "right": (3, 4, 3, 3)}
    stored = {name: rng.normal(0, 0.4, size).astype(np.float32) for name, size in sizes.items()}
    nodes = [
        helper.make_node("Conv", ["x", "w_squeeze"], ["squeeze"]),
        helper.make_node("Conv", ["squeeze", "w_left"], ["left"]),
        helper.make_node("Conv", ["squeeze", "w_right"], ["right"], pads=[1, 1, 1, 1]),
        helper.make_node("Concat", ["left", "right"], ["whole"], axis=1),
        helper.make_node("MaxPool", ["whole"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("GlobalAveragePool", ["pooled"], ["mean"]),
        helper.make_node("Softmax", ["mean"], ["y"], axis=1),
    ]
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", (1, 3, 8, 8)), ("y", (1, 8, 1, 1)))
    ]
    tensors = [numpy_helper.from_array(data, f"w_{name}") for name, data in stored.items()]
    graph = helper.make_graph(nodes, "net", ports[:1], ports[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


@pytest.fixture(scope="module")
def calibrated() -> tuple[Graph, Ranges]:
    model = network()
    graph = canonicalize(import_model(model, "net.onnx"))
    xs = np.random.default_rng(6).normal(0, 1, (8, 3, 8, 8)).astype(np.float32)
    return graph, calibrate(model, graph, Samples((xs,), "noise"))


@pytest.mark.parametrize(
    "wide", [("squeeze",), ("left",), ("mean",), ("x",), ("squeeze", "right", "mean")]
)
def test_nodes_compute_in_one_type(calibrated: tuple[Graph, Ranges], wide: tuple[str, ...]) -> None:
    graph, ranges = calibrated
    fixed = quantize(graph, ranges, wide=wide)
    for name in ("x", "squeeze", "left", "right", "mean", "y"):
        assert (fixed.types[name].dtype is DType.INT16) == (name in wide), name
    for node in fixed.nodes:
        if not node.op.mixes_widths:
            names = (*fixed.activations(node), node.output)
            assert len({fixed.types[name].dtype for name in names}) == 1, node.output
    assert_c_equals_reference(fixed, GENERIC, np.random.default_rng(0))


def test_a_value_that_only_moves_stays_wide(calibrated: tuple[Graph, Ranges]) -> None:
    graph, ranges = calibrated
    fixed = quantize(graph, ranges, wide=("pooled",))
    assert_c_equals_reference(fixed, GENERIC, np.random.default_rng(0))
    assert fixed.types["pooled"].dtype is fixed.types["whole"].dtype is DType.INT16
    assert fixed.types["mean"].dtype is DType.INT8


def test_no_value_is_wide_unless_asked(calibrated: tuple[Graph, Ranges]) -> None:
    fixed = quantize(*calibrated)
    assert not any(isinstance(node.op, Requantize) for node in fixed.nodes)
    assert DType.INT16 not in {fixed.types[node.output].dtype for node in fixed.nodes}


def coarser(ranges: Ranges) -> Ranges:
    """Let one value have steps of 16 times the size."""
    low, high = ranges.bounds["squeeze"]
    return replace(ranges, bounds={**ranges.bounds, "squeeze": (16 * low, 16 * high)})


def test_the_loudest_values_get_16_bits_and_no_more_than_it_takes(
    calibrated: tuple[Graph, Ranges],
) -> None:
    graph, ranges = calibrated
    assert ranges.evidence is not None
    outputs, ranges = observe(graph, ranges.evidence), coarser(ranges)

    def widened(wide: Collection[str]) -> Graph:
        return quantize(graph, ranges, wide=wide)

    def ratio(wide: Collection[str]) -> float:
        fixed = widened(wide)
        return decibels(outputs.noise(fixed, run_on(fixed, outputs)))

    def found(least_db: float) -> tuple[str, ...]:
        wide, fixed = find_wide(graph, widened(()), evidence, least_db, widened)
        assert fixed.types == widened(wide).types
        return wide

    evidence = ranges.evidence
    assert found(ratio(()) - 0.1) == ()
    assert found(ratio(()) + 6) == ("squeeze",)
    assert ratio(("squeeze",)) >= ratio(()) + 6
    with pytest.raises(BadOption, match="all values in 16 bits"):
        found(150.0)


def test_noise_is_looked_at_before_a_softmax_less_what_logits_share(
    calibrated: tuple[Graph, Ranges],
) -> None:
    graph, ranges = calibrated
    assert ranges.evidence is not None
    outputs = observe(graph, ranges.evidence)
    (name,) = outputs.names
    assert graph.types[name].elements == 8 and outputs.logits == {name}
    assert name not in graph.outputs
    moved = outputs.reals[name] + 3.0
    assert outputs.distance({name: moved}) < 1e-12
    assert outputs.distance({name: 1.1 * moved}) == pytest.approx(0.01)


def test_a_value_that_alone_is_rounded_makes_its_own_noise(
    calibrated: tuple[Graph, Ranges],
) -> None:
    graph, ranges = calibrated
    assert ranges.evidence is not None
    outputs = observe(graph, ranges.evidence)
    fixed = quantize(graph, ranges)
    names = widenable(graph, fixed)
    assert set(names) == {"squeeze", "left", "right", "mean"}
    noises = value_noises(graph, fixed, names, outputs)
    again = value_noises(graph, quantize(graph, coarser(ranges)), names, outputs)
    assert 128 < again["squeeze"] / noises["squeeze"] < 512
    assert again["left"] == noises["left"]
