"""Layers that remember: C against the reference, the reference against floats, curves alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph, Node
from codegen.ir.types import Array
from codegen.ops import Lstm, Recurrent, Requantize
from codegen.ops.curve import TOLERANCE, make_curve, real_curve
from codegen.plan import make_plan
from codegen.plan.lifetimes import find_buffers, scratch_name
from codegen.quantize.formats import make_format
from codegen.schedule.assemble import assemble
from codegen.schedule.assign import assign_kernels
from codegen.schedule.rows import run_order
from tests.ops.cases import recurrences
from tests.ops.harness import (
    GENERIC,
    assert_c_equals_reference,
    fine_integers,
    int8,
    linear_constants,
    merged,
    op_graph,
    samples,
)

few = settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    derandomize=True,
)
SMOOTH = ("sigmoid", "tanh", "hardsigmoid")


@few
@given(graphs=st.lists(recurrences(), min_size=10, max_size=10))
def test_c_equals_the_reference(graphs: list[Graph]) -> None:
    assert_c_equals_reference(merged(graphs), GENERIC, np.random.default_rng(0))


def real_result(graph: Graph, inputs: tuple[Array, ...]) -> Array:
    """Return the float meaning of a graph of one node on what its integers stand for."""
    (node,) = graph.nodes
    batches = dict(zip(graph.inputs, inputs, strict=True))
    operands = []
    for name in node.inputs:
        quant = graph.types[name].quant
        assert quant is not None
        operands.append(
            quant.dequantize(batches[name] if name in batches else graph.constants[name])
        )
    return node.op.evaluate(*operands)


@settings(few, max_examples=60)
@given(graph=recurrences())
def test_the_reference_is_near_the_floats(graph: Graph) -> None:
    """In a format that holds the results, where gates open and close, results do not grow, and
    a row's weights of the hidden state, which multiply its rounding, add up to 1 at most.
    """
    (node,) = graph.nodes
    op = node.op
    assert isinstance(op, Recurrent)
    names = [name for name, _, _ in op.functions]
    assume(all(name in SMOOTH for name in names) and (len(names) == 1 or names[0] != "tanh"))
    r = node.inputs[op.weights_from + 1]
    r_quant = graph.types[r].quant
    assert r_quant is not None
    assume(np.abs(r_quant.dequantize(graph.constants[r])).sum(axis=1).max() <= 1)
    inputs = samples(graph, np.random.default_rng(1))
    real = real_result(graph, inputs)
    start = graph.types[node.inputs[1]]
    assert start.quant is not None
    ends = start.quant.dequantize(np.asarray((start.dtype.min, start.dtype.max)))
    held = real if getattr(op, "gives_cell", False) else np.append(real, ends)
    quant = make_format((float(held.min()), float(held.max())))
    typed = {**graph.types, "y": replace(graph.types["y"], quant=quant)}
    made = evaluate(replace(graph, types=typed), inputs)["y"]
    off = np.abs(quant.dequantize(made) - real).max() / quant.scale
    assert off <= op.steps, off


@pytest.mark.parametrize("reach", [0.01, 3.0, 100.0])
@pytest.mark.parametrize(
    "function",
    [
        ("sigmoid", 0.0, 0.0),
        ("tanh", 0.0, 0.0),
        ("relu", 0.0, 0.0),
        ("affine", -2.0, 0.5),
        ("elu", 1.0, 0.0),
        ("hardsigmoid", 0.2, 0.5),
        ("leakyrelu", 0.1, 0.0),
        ("scaledtanh", 1.7, 0.6),
        ("softplus", 0.0, 0.0),
    ],
)
def test_a_curve_is_near_its_function(function: tuple[str, float, float], reach: float) -> None:
    """Of every argument, that of the table's end for those beyond it."""
    curve = make_curve(function, reach)
    steps = np.rint(np.linspace(-reach, reach, 4001) * 2.0**curve.in_bits).astype(np.int64)
    exact = real_curve(function, steps * 2.0**-curve.in_bits)
    found = curve.apply(steps) * 2.0**-curve.out_bits
    assert np.abs(found - exact).max() <= 1.5 * TOLERANCE * curve.greatest


def test_a_curve_stops_at_its_clip() -> None:
    curve = make_curve(("affine", 1.0, 0.0), 100.0, 2.5)
    found = curve.apply(np.asarray([-(2**31), 2**31])) * 2.0**-curve.out_bits
    np.testing.assert_allclose(found, (-2.5, 2.5), atol=1e-3)


def test_a_jump_is_no_curve() -> None:
    with pytest.raises(ValueError, match="thresholdedrelu of arguments up to 3 jumps"):
        make_curve(("thresholdedrelu", 1.0, 0.0), 3.0)


def test_what_a_layer_remembers_outlasts_the_calls_of_others() -> None:
    """In a nest with the layer before it, whose rows it takes one by one."""
    rng = np.random.default_rng(3)
    functions = (("sigmoid", 0.0, 0.0), ("tanh", 0.0, 0.0), ("tanh", 0.0, 0.0))
    start = np.zeros((1, 1, 5), np.int8), int8((1, 1, 5))
    weights = [linear_constants(rng, (20, depth), 0.05)[0] for depth in (3, 5)]
    constants = [start, start, *weights, fine_integers(rng, 20, 1.0)]
    alone = op_graph(Lstm(functions), [int8((9, 1, 3))], (0.008, 0), constants)
    before = Node(Requantize(), ("x",), "x0")
    types = {**alone.types, "x": int8((9, 1, 3), 0.03, 7)}
    graph = replace(alone, inputs=("x",), types=types, nodes=(before, *alone.nodes))
    nest = assemble(assign_kernels(graph, GENERIC), (0, 2))
    events = run_order(nest).events
    assert [event.step for event in events] == [0, 1] * 9
    kept = next(b for b in find_buffers(nest, events) if b.name == scratch_name(nest.steps[1]))
    assert (kept.end[1:] == 25).all()
    assert_c_equals_reference(graph, GENERIC, rng, (nest, make_plan(nest)))
