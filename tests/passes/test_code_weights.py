"""A coding is set on the weights of the layers that are named, and must fit."""

from __future__ import annotations

import numpy as np
import pytest

from codegen.ir.coding import Coding, fits
from codegen.ir.graph import Graph
from codegen.ir.text import parse_graph
from codegen.passes.code_weights import code_weights
from codegen.passes.shrink import shrink


def net(weights: int) -> Graph:
    return parse_graph(
        """
        graph net(x: int8[4] quant(0.5, 0)) -> y
          const w: int8[2,4] quant(0.5, 0)
          const b: int32[2] quant(0.25, 0)
          y = dense(x, w, b) : int8[2] quant(2.0, 0)
        """,
        {"w": np.full((2, 4), weights, np.int8)},
    )


def test_the_weights_alone_are_coded() -> None:
    graph = code_weights(net(7), {"y": Coding("bits", 4)})
    assert {name: found.coding for name, found in graph.types.items() if found.coding} == {
        "w": Coding("bits", 4)
    }
    assert parse_graph(str(graph)) == graph


def test_weights_that_do_not_fit_are_refused() -> None:
    with pytest.raises(AssertionError, match="do not fit bits 4"):
        code_weights(net(8), {"y": Coding("bits", 4)})


def test_shrinking_merges_no_weights_that_would_not_fit() -> None:
    text = """
        graph net(x: int8[2] quant(0.5, 0)) -> y
          const v: int8[3,2] quant(0.5, 0)
          const c: int32[3] quant(0.25, 0)
          const w: int8[2,3] quant(0.5, 0)
          const b: int32[2] quant(0.25, 0)
          h = dense(x, v, c) : int8[3] quant(0.5, 0)
          y = dense(h, w, b) : int8[2] quant(2.0, 0)
        """
    data = {"v": np.array([[1, 1], [1, 1], [1, 1]], np.int8)}
    fine = {**data, "w": np.array([[1, 2, 3], [1, 1, 1]], np.int8)}
    full = {**data, "w": np.array([[7, 7, 1], [1, 1, 1]], np.int8)}
    for constants, kept in ((fine, 1), (full, 3)):
        graph = code_weights(parse_graph(text, constants), {"y": Coding("bits", 4)})
        found = shrink(graph)
        assert found.types["h"].channels == kept
        weights = found.producers()["y"].inputs[1]
        assert found.types[weights].coding == Coding("bits", 4)
        assert fits(found.constants[weights], Coding("bits", 4))
