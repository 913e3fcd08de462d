"""A network of one step, fed its own states, does what one of the whole sequence does."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from codegen.frontend import import_model
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.types import Array
from codegen.passes import canonicalize
from codegen.quantize import quantize
from codegen.quantize.ranges import Ranges

STEPS, INPUTS, UNITS = 40, 6, 12
STATES = {"LSTM": ("h", "c"), "GRU": ("h",), "RNN": ("h",)}
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def network(kind: str, steps: int, fed: tuple[str, ...]) -> Graph:
    """A layer whose last states are the outputs; `fed` states are inputs."""
    rng = np.random.default_rng(3)
    rows = GATES[kind] * UNITS
    stored = [
        numpy_helper.from_array(rng.normal(0, 0.3, shape).astype(np.float32), name)
        for name, shape in (
            ("W", (1, rows, INPUTS)),
            ("R", (1, rows, UNITS)),
            ("B", (1, 2 * rows)),
        )
    ]
    results = [f"{name}_next" for name in STATES[kind]]
    node = helper.make_node(
        kind, ["x", "W", "R", "B", "", *fed], ["", *results], "layer", hidden_size=UNITS
    )
    ports = {"x": (steps, 1, INPUTS)} | dict.fromkeys(fed, (1, 1, UNITS))
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in ports.items()]
    outputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, (1, 1, UNITS)) for n in results]
    graph = helper.make_graph([node], "net", inputs, outputs, stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model)
    return canonicalize(import_model(model, "net.onnx"))


def run_steps(graph: Graph, xs: Array, states: Mapping[str, Array]) -> list[Mapping[str, Array]]:
    """Return the outputs after each step, each fed to the next."""
    found = []
    for x in xs:
        given = {"x": x.reshape(1, *graph.types["x"].shape), **states}
        outputs = evaluate(graph, [given[name] for name in graph.inputs])
        states = {name.removesuffix("_next"): array for name, array in outputs.items()}
        found.append(states)
    return found


@pytest.mark.parametrize("kind", STATES)
def test_a_stream_is_a_sequence(kind: str) -> None:
    names = STATES[kind]
    step = network(kind, 1, names)
    xs = np.random.default_rng(4).normal(0, 1, (STEPS, INPUTS))
    zeros = {name: np.zeros((1, 1, UNITS)) for name in names}
    real = run_steps(step, xs, zeros)
    ranges = {"x": (float(xs.min()), float(xs.max()))}
    for name in names:
        every = np.stack([states[name] for states in real])
        ranges[name] = float(every.min()), float(every.max())
    for node in step.nodes:
        ranges[node.output] = ranges["c" if getattr(node.op, "gives_cell", False) else "h"]
    fixed = quantize(step, Ranges(ranges, "the sequence"))
    formats = {name: fixed.types[name].quant for name in fixed.types}
    assert all(formats[name] == formats[f"{name}_next"] for name in names)
    quant = formats["x"]
    assert quant is not None
    begin = {
        name: np.full((1, *fixed.types[name].shape), found.zero_point, np.int8)
        for name in names
        if (found := formats[name]) is not None
    }
    made = run_steps(fixed, quant.quantize(xs, fixed.types["x"].dtype), begin)
    whole = network(kind, STEPS, ())
    last = evaluate(whole, [xs.reshape(1, *whole.types["x"].shape)])
    for name in names:
        found = formats[name]
        assert found is not None
        wanted = last[f"{name}_next"].ravel()
        np.testing.assert_allclose(real[-1][name].ravel(), wanted, atol=1e-6)
        off = np.abs(found.dequantize(made[-1][name]).ravel() - wanted) / found.scale
        assert off.max() <= 4
