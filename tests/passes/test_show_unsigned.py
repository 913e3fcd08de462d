"""Ports become uint8: the reals stay, for every integer and wherever the port is read."""

from __future__ import annotations

import numpy as np
import pytest

from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.text import parse_graph
from codegen.ir.types import DType
from codegen.ops import FlipSign
from codegen.passes.show_unsigned import show_unsigned

EIGHT = "int8[256] quant(0.5, 3)"
NETWORKS = {
    "a table between": (f"graph net(x: {EIGHT}) -> y\n  y = clip(x) : int8[256] quant(0.4, -9)", 0),
    "a table reads": (
        f"""
        graph net(x: {EIGHT}) -> y
          a = requantize(x) : int8[256] quant(0.25, -128)
          y = add(a, a) : int8[256] quant(0.25, -128)
        """,
        1,
    ),
    "a table and another read": (
        f"""
        graph net(x: {EIGHT}) -> y
          a = requantize(x) : int8[256] quant(0.25, -128)
          y = add(a, x) : int8[256] quant(0.25, -128)
        """,
        2,
    ),
    "a table makes what is read": (
        f"""
        graph net(x: {EIGHT}) -> y, z
          y = clip(x) : int8[256] quant(0.5, 3)
          z = add(y, y) : int8[256] quant(0.25, -128)
        """,
        2,
    ),
    "an input is an output": (
        f"""
        graph net(x: {EIGHT}) -> x, y
          y = add(x, x) : int8[256] quant(0.25, 5)
        """,
        2,
    ),
    "a name is taken": (
        f"""
        graph net(x: {EIGHT}) -> y
          x_signed = reshape(x) shape=(256,) : int8[256] quant(0.5, 3)
          y = add(x, x_signed) : int8[256] quant(0.25, 5)
        """,
        2,
    ),
    "an output twice": (
        f"graph net(x: {EIGHT}) -> y, y\n  y = add(x, x) : int8[256] quant(1.0, 0)",
        2,
    ),
    "16 bits inside": (
        f"""
        graph net(x: {EIGHT}) -> y
          a = requantize(x) : int16[256] quant(0.01, 0, int16)
          y = requantize(a) : int8[256] quant(0.25, 5)
        """,
        2,
    ),
}


def flips(graph: Graph) -> int:
    return sum(isinstance(node.op, FlipSign) for node in graph.nodes)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_integers_are_128_more(name: str) -> None:
    text, count = NETWORKS[name]
    graph = parse_graph(text)
    shown = show_unsigned(graph, {*graph.inputs, *graph.outputs})
    assert (shown.inputs, shown.outputs) == (graph.inputs, graph.outputs)
    assert flips(shown) == count
    values = np.arange(256)[None]
    expected = evaluate(graph, [(values - 128).astype(np.int8)])
    found = evaluate(shown, [values.astype(np.uint8)])
    for port in (*graph.inputs, *graph.outputs):
        kind, before = shown.types[port], graph.types[port].quant
        assert kind.dtype is DType.UINT8 and kind.quant is not None and before is not None
        assert kind.quant.element is DType.UINT8
        assert kind.quant.zero_point == before.zero_point + 128
    for port in graph.outputs:
        np.testing.assert_array_equal(found[port], expected[port].astype(int) + 128)


def test_only_the_ports_that_are_named() -> None:
    graph = parse_graph(NETWORKS["a table and another read"][0])
    assert show_unsigned(graph, {"a"}) == graph
    shown = show_unsigned(graph, {"y"})
    assert (shown.types["x"].dtype, shown.types["y"].dtype) == (DType.INT8, DType.UINT8)


def test_integers_that_stand_for_themselves_stay() -> None:
    graph = parse_graph(
        "graph net(x: uint8[3] quant(1.0, 0)) -> y\n  y = reshape(x) shape=(3,)"
        " : uint8[3] quant(1.0, 0)"
    )
    assert show_unsigned(graph, {"x", "y"}) == graph
