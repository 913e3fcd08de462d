"""Where pools find their maxima, and values put back there: C equals the reference."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph, Node
from codegen.ir.types import DType, Quant, TensorType
from codegen.ops import MaxPlaces, MaxPool, Unpool
from codegen.targets import load_target
from codegen.toolchain.cross import build_target
from codegen.toolchain.emulate import emulate
from tests.ops.cases import Draw
from tests.ops.harness import (
    GENERIC,
    assert_c_equals_reference,
    in_int16,
    int8,
    merged,
    op_graph,
    samples,
    write_c,
)
from tests.ops.test_kernels import few, several

PLAIN = Quant((1.0,))


@st.composite
def places(draw: Draw) -> Graph:
    """Windows overhang every side; many equal values."""
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    pads = tuple(draw(st.integers(0, kernel[i % 2] - 1)) for i in range(4))
    strides = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    sides = [draw(st.integers(max(1, kernel[i] - pads[i] - pads[i + 2]), 8)) for i in range(2)]
    op = MaxPlaces(kernel, strides, pads, draw(st.booleans()))
    graph = op_graph(op, [int8((*sides, draw(st.integers(1, 9))), 0.05, 3)], (1.0, 0))
    wide = in_int16(graph) if draw(st.booleans()) else graph
    kind = TensorType(graph.types["y"].shape, DType.INT32, PLAIN)
    return replace(wide, types={**wide.types, "y": kind})


@st.composite
def unpools(draw: Draw) -> Graph:
    """Values at the places of their own pool, and at what may be no place at all."""
    block = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    shape = tuple(draw(st.integers(1, 5)) for _ in range(3))
    zero = draw(st.integers(-128, 127))
    large = int8((shape[0] * block[0], shape[1] * block[1], shape[2]), 0.05, zero)
    at = TensorType(shape, DType.INT32, PLAIN)
    types = {"p": int8(shape, 0.05, zero), "i": at, "y": large}
    if draw(st.booleans()):
        return Graph("net", ("p", "i"), ("y",), (Node(Unpool(block), ("p", "i"), "y"),), types)
    nodes = (
        Node(MaxPool(block, block), ("x",), "p"),
        Node(MaxPlaces(block, block), ("x",), "i"),
        Node(Unpool(block), ("p", "i"), "y"),
    )
    return Graph("net", ("x",), ("y", "i"), nodes, {**types, "x": large})


@settings(few, max_examples=3)
@given(graphs=st.lists(st.one_of(places(), unpools()), **several))
def test_c_equals_the_reference(graphs: list[Graph]) -> None:
    assert_c_equals_reference(merged(graphs), GENERIC, np.random.default_rng(0))


def paired() -> Graph:
    image, small = int8((6, 4, 3), 0.05, -20), int8((3, 2, 3), 0.05, -20)
    at = TensorType(small.shape, DType.INT32, PLAIN)
    nodes = (
        Node(MaxPool((2, 2), (2, 2)), ("x",), "p"),
        Node(MaxPlaces((2, 2), (2, 2)), ("x",), "i"),
        Node(Unpool((2, 2)), ("p", "i"), "y"),
    )
    return Graph("net", ("x",), ("y",), nodes, {"x": image, "p": small, "i": at, "y": image})


@pytest.mark.parametrize("target", ["cortex-m4", "rv32imc"])
def test_an_emulated_core_equals_the_reference(target: str, tmp_path: Path) -> None:
    graph, core = paired(), load_target(target)
    inputs = samples(graph, np.random.default_rng(0))
    program = write_c(graph, core.kernels, tmp_path, inputs)
    run = emulate(build_target(tmp_path, program.interface, core, tmp_path), inputs)
    np.testing.assert_array_equal(run.outputs[0], evaluate(graph, inputs)["y"])


def test_a_pool_and_its_unpool_keep_the_greatest_alone() -> None:
    graph = paired()
    (x,) = samples(graph, np.random.default_rng(0))
    y = evaluate(graph, [x])["y"]
    blocks = x.reshape(len(x), 3, 2, 2, 2, 3)
    kept = y.reshape(blocks.shape) == blocks
    assert kept.any(axis=(2, 4)).all()
    assert set(np.unique(y[~kept.reshape(y.shape)])) == {-20}
