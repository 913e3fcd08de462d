"""Formats: zero is exact, moved values keep theirs, and where they differ a Requantize stands."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.errors import BadQuantization
from codegen.ir.graph import Graph, Node
from codegen.ir.types import Array, DType, Loc, Quant, TensorType
from codegen.ops import Add, AveragePool, Clip, Concat, MaxPool, Pad, Requantize, Reshape, Softmax
from codegen.quantize import Ranges, quantize
from codegen.quantize.formats import PROBABILITIES, make_format

A, B, C = Quant((0.1,), 3), Quant((0.2,), -5), Quant((0.4,), 0)
SHAPE = (4, 4, 2)


def make_graph(
    nodes: list[tuple[object, tuple[str, ...], str]],
    inputs: tuple[str, ...] = ("x",),
    quants: Mapping[str, Quant] | None = None,
    constants: Mapping[str, Array] | None = None,
    shape: tuple[int, ...] = SHAPE,
) -> Graph:
    """Return the graph of the nodes; its output is that of the last."""
    constants = dict(constants or {})
    types = {name: TensorType(shape) for name in inputs}
    types |= {name: TensorType(data.shape) for name, data in constants.items()}
    made = []
    for op, operands, output in nodes:
        made.append(Node(op, operands, output, Loc("m.onnx", output, "Op")))
        types[output] = op.infer(*(types[name] for name in operands))
    for name, quant in (quants or {}).items():
        types[name] = TensorType(types[name].shape, DType.FLOAT32, quant)
    return Graph("g", inputs, (nodes[-1][2],), tuple(made), types, constants)


def ranges(**bounds: tuple[float, float]) -> Ranges:
    return Ranges(bounds, "test")


def quants(graph: Graph) -> dict[str, Quant | None]:
    return {name: value.quant for name, value in graph.types.items()}


reals = st.floats(-1e6, 1e6, width=32)


@given(reals, reals)
def test_a_format_covers_its_range_and_zero(first: float, second: float) -> None:
    low, high = min(first, second), max(first, second)
    quant = make_format((low, high))
    assert quant.quantize(0.0, DType.INT8) == quant.zero_point
    assert -128 <= quant.zero_point <= 127
    for real in (low, high):
        error = quant.dequantize(quant.quantize(real, DType.INT8)) - real
        assert abs(error) <= quant.scale * 1.001
    assert np.float32(quant.scale) == quant.scale


def test_the_low_end_of_a_clamped_value_is_zero() -> None:
    graph = make_graph([(Add(clamp=(0.0, 6.0)), ("x", "x"), "y")])
    fixed = quantize(graph, ranges(x=(-1, 1), y=(0.3, 7.0)))
    assert fixed.types["y"].quant == Quant((float(np.float32(6 / 255)),), -128)


def test_a_clip_bounds_its_range() -> None:
    graph = make_graph([(Clip(0.0, math.inf), ("x",), "y")])
    fixed = quantize(graph, ranges(x=(-1, 2), y=(-1, 2)))
    assert fixed.types["y"].quant == make_format((0, 2))


def test_softmax_gives_probabilities_in_the_same_format_always() -> None:
    graph = make_graph([(Softmax(), ("x",), "y"), (Reshape((2, 5)), ("y",), "z")], shape=(10,))
    fixed = quantize(graph, ranges(x=(-9, 9)))
    assert fixed.types["y"].quant == fixed.types["z"].quant == PROBABILITIES[DType.INT8]


def test_moved_values_keep_their_format() -> None:
    graph = make_graph(
        [
            (Reshape((4, 8, 1)), ("x",), "r"),
            (MaxPool((2, 2), (2, 2)), ("r",), "m"),
            (Add(), ("m", "m"), "y"),
        ]
    )
    fixed = quantize(graph, ranges(x=(-1, 3), y=(-2, 6)))
    assert fixed.types["x"].quant == fixed.types["r"].quant == fixed.types["m"].quant
    assert [node.op.name for node in fixed.nodes] == ["reshape", "max_pool", "add"]


def test_a_padding_value_widens_the_range() -> None:
    graph = make_graph([(Pad((1, 0, 0), (0, 0, 0), -9.0), ("x",), "y")])
    fixed = quantize(graph, ranges(x=(-1, 3)))
    assert fixed.types["x"].quant == fixed.types["y"].quant == make_format((-9, 3))


def test_concatenated_values_share_one_format() -> None:
    graph = make_graph(
        [
            (Add(), ("x", "x"), "a"),
            (Clip(), ("x",), "b"),
            (Concat(2), ("a", "b"), "y"),
        ]
    )
    fixed = quantize(graph, ranges(x=(-1, 1), a=(-2, 2), b=(0, 8)))
    assert fixed.types["a"].quant == fixed.types["b"].quant == make_format((-2, 8))
    assert all(not isinstance(node.op, Requantize) for node in fixed.nodes)


@pytest.mark.parametrize(("share", "is_converted"), [(0.4, True), (0.6, False)])
def test_an_operand_needed_finer_elsewhere_is_converted(share: float, is_converted: bool) -> None:
    graph = make_graph(
        [
            (Clip(), ("x",), "a"),
            (Add(), ("x", "x"), "b"),
            (Concat(2), ("a", "b"), "c"),
            (MaxPool((4, 4)), ("c",), "m"),
            (Reshape(SHAPE), ("a",), "r"),
            (Add(), ("r", "r"), "y"),
        ]
    )
    graph = Graph("g", ("x",), ("m", "y"), graph.nodes, graph.types)
    bounds = ranges(x=(-1, 1), a=(0, 8 * share), b=(0, 8), y=(0, 16))
    fixed = quantize(graph, bounds)
    converted = [node for node in fixed.nodes if isinstance(node.op, Requantize)]
    assert len(converted) == is_converted
    assert fixed.types["c"].quant == make_format((0, 8))
    assert fixed.types["r"].quant == (
        make_format((0, 8 * share)) if is_converted else make_format((0, 8))
    )
    concat = next(node for node in fixed.nodes if isinstance(node.op, Concat))
    assert {fixed.types[name].quant for name in concat.inputs} == {make_format((0, 8))}


@pytest.mark.parametrize(("high", "is_converted"), [(0.5, False), (1.0, False), (9.0, True)])
def test_probabilities_do_not_clamp_what_stands_beside_them(
    high: float, is_converted: bool
) -> None:
    graph = make_graph(
        [
            (Softmax(), ("x",), "a"),
            (Clip(), ("x",), "b"),
            (Concat(2), ("a", "b"), "y"),
        ]
    )
    fixed = quantize(graph, ranges(x=(-9, 9), a=(0, 1), b=(0, high)))
    known = PROBABILITIES[DType.INT8]
    assert fixed.types["a"].quant == known
    assert fixed.types["y"].quant == (make_format((0, high)) if is_converted else known)
    assert is_converted == any(isinstance(node.op, Requantize) for node in fixed.nodes)


def test_an_operand_concatenated_twice_is_converted_once() -> None:
    graph = make_graph(
        [(Concat(2), ("x", "x", "z"), "y")], inputs=("x", "z"), quants={"x": A, "z": B, "y": B}
    )
    fixed = quantize(graph)
    assert [node.op.name for node in fixed.nodes] == ["requantize", "concat"]
    assert fixed.nodes[1].inputs == ("x_for_y", "x_for_y", "z")


def test_prescribed_formats_are_kept() -> None:
    graph = make_graph([(Add(), ("x", "x"), "y")], quants={"x": A, "y": B})
    assert quants(quantize(graph)) == {"x": A, "y": B}


def test_prescribed_formats_that_differ_meet_in_a_requantize() -> None:
    """It stands behind the operator: a pool of fewer elements, a pad of the operand's zero."""
    graph = make_graph(
        [(MaxPool((2, 2), (2, 2)), ("x",), "m"), (Pad((1, 0, 0), (0, 0, 0)), ("m",), "y")],
        quants={"x": A, "m": B, "y": C},
    )
    fixed = quantize(graph)
    names = [node.op.name for node in fixed.nodes]
    assert names == ["max_pool", "requantize", "pad", "requantize"]
    assert [fixed.types[node.output].quant for node in fixed.nodes] == [A, B, B, C]
    assert fixed.types["y"].shape == (3, 2, 2)


def test_a_format_prescribed_behind_a_move_reaches_the_values_before_it() -> None:
    graph = make_graph(
        [(Add(), ("x", "x"), "a"), (Reshape((32,)), ("a",), "y")], quants={"x": A, "y": B}
    )
    assert quantize(graph).types["a"].quant == B


def test_values_without_format_are_all_named() -> None:
    graph = make_graph(
        [(Add(), ("x", "x"), "a"), (Add(), ("a", "a"), "b"), (Add(), ("b", "b"), "y")],
        quants={"x": A, "y": B},
    )
    with pytest.raises(BadQuantization) as caught:
        quantize(graph)
    assert [problem.where for problem in caught.value.problems] == [
        "m.onnx: node 'a' (Op)",
        "m.onnx: node 'b' (Op)",
    ]
    assert "value 'a' has neither" in str(caught.value)
    assert "--calibrate" in str(caught.value)


def test_ranges_fill_the_gaps_of_a_prescribed_network() -> None:
    graph = make_graph(
        [(Add(), ("x", "x"), "a"), (Add(), ("a", "a"), "y")], quants={"x": A, "y": B}
    )
    assert quants(quantize(graph, ranges(a=(0, 1)))) == {"x": A, "a": make_format((0, 1)), "y": B}


@pytest.mark.parametrize(("high", "is_kept"), [(3.5, True), (1.0, False)])
def test_an_average_keeps_the_format_that_it_nearly_fills(high: float, is_kept: bool) -> None:
    graph = make_graph([(AveragePool((4, 4)), ("x",), "y")])
    fixed = quantize(graph, ranges(x=(0, 4), y=(0, high)))
    assert (fixed.types["y"].quant == fixed.types["x"].quant) is is_kept


def test_constants_stand_in_their_own_format_or_that_of_the_group() -> None:
    data = np.linspace(-1, 3, 32).reshape(SHAPE)
    graph = make_graph(
        [(Add(), ("x", "k"), "a"), (Concat(2), ("a", "k"), "y")], constants={"k": data}
    )
    fixed = quantize(graph, ranges(x=(0, 1), a=(0, 9)))
    add, concat = fixed.nodes
    assert fixed.types[add.inputs[1]].quant == make_format((-1, 3))
    assert fixed.types[concat.inputs[1]].quant == fixed.types["y"].quant == make_format((-1, 9))
    for name in (add.inputs[1], concat.inputs[1]):
        quant = fixed.types[name].quant
        assert quant is not None
        np.testing.assert_allclose(
            quant.dequantize(fixed.constants[name]), data, atol=quant.scale * 0.51
        )


def test_a_value_that_is_always_zero_has_a_format() -> None:
    graph = make_graph([(Add(), ("x", "x"), "y")])
    fixed = quantize(graph, ranges(x=(0, 0), y=(0, 0)))
    assert fixed.types["y"].quant == Quant((1.0,), 0)


def test_layers_beyond_32_bits_are_all_named() -> None:
    tiny = Quant((1e-12,), 0)
    graph = make_graph(
        [(Add(), ("x", "x"), "a"), (Add(), ("x", "x"), "b"), (Add(), ("a", "b"), "y")],
        quants={"x": A, "a": tiny, "b": tiny, "y": A},
    )
    with pytest.raises(BadQuantization) as caught:
        quantize(graph)
    assert [problem.where for problem in caught.value.problems] == [
        "m.onnx: node 'a' (Op)",
        "m.onnx: node 'b' (Op)",
    ]
