"""Activations of 16 bits: C equals the reference, and the reference the float meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.op import Op
from codegen.ops import Clip, Dense, Elementwise, Function, LogSoftmax, Reduce, Softmax
from codegen.ops.unary16 import INT16_VALUES
from codegen.targets import load_target
from codegen.toolchain.cross import build_target
from codegen.toolchain.emulate import emulate
from tests.ops.harness import (
    ARM_DSP,
    GENERIC,
    assert_c_equals_reference,
    in_int16,
    int8,
    linear_constants,
    merged,
    op_graph,
    samples,
    write_c,
)
from tests.ops.int16_cases import FUNCTIONS, LAYERS, OTHERS, graph_of, int16

few = settings(
    max_examples=5, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@pytest.mark.parametrize("families", [GENERIC, ARM_DSP])
@few
@given(
    layers=st.lists(LAYERS, min_size=8, max_size=8), others=st.lists(OTHERS, min_size=8, max_size=8)
)
def test_c_equals_the_reference(
    families: tuple[str, ...], layers: list[Graph], others: list[Graph]
) -> None:
    graph = merged([*layers, *others])
    assert_c_equals_reference(graph, families, np.random.default_rng(0))


@pytest.mark.parametrize("target", ["cortex-m0plus", "cortex-m4", "rv32imc"])
def test_emulated_cores_equal_the_reference(target: str, tmp_path: Path) -> None:
    found: list[Graph] = []

    @settings(max_examples=12, database=None, derandomize=True, phases=[Phase.generate])
    @given(LAYERS, OTHERS)
    def collect(layer: Graph, other: Graph) -> None:
        found.extend((layer, other))

    collect()
    found += [graph_of(op, x, y) for op, x, y, _, _ in FUNCTIONS]
    graph, core = merged(found), load_target(target)
    inputs = [batch[-3:] for batch in samples(graph, np.random.default_rng(0))]
    program = write_c(graph, core.kernels, tmp_path, inputs)
    run = emulate(build_target(tmp_path, program.interface, core, tmp_path), inputs)
    expected = evaluate(graph, inputs)
    for name, outputs in zip(graph.outputs, run.outputs, strict=True):
        np.testing.assert_array_equal(outputs, expected[name])


@pytest.mark.parametrize(("op", "x", "y", "form", "steps"), FUNCTIONS)
def test_functions_are_interpolated(op: Any, x: float, y: float, form: type, steps: int) -> None:
    graph = graph_of(op, x, y)
    signature = graph.signature(graph.nodes[0])
    qx, qy = graph.types["x0"].quant, graph.types["y"].quant
    assert qx is not None and qy is not None
    assert isinstance(op.params(signature), form)
    exact = qy.quantize(op.evaluate(qx.dequantize(INT16_VALUES)), graph.types["y"].dtype)
    found = op.evaluate_fixed(signature, INT16_VALUES.astype(np.int16))
    assert np.abs(found.astype(np.int64) - exact).max() <= steps
    assert_c_equals_reference(graph, GENERIC, np.random.default_rng(0))


def test_a_function_that_jumps_and_bends_is_refused() -> None:
    graph = graph_of(Function(("mod", "x", 1.0)), 1.5, 1.0)
    with pytest.raises(ValueError, match="jumps or bends too much"):
        graph.nodes[0].op.params(graph.signature(graph.nodes[0]))  # type: ignore[attr-defined]


NEAR: tuple[tuple[Op, tuple[float, ...], float, float], ...] = (
    (Clip(), (3.0,), 3.0, 0.5),
    (Clip(-1.0, 1.0), (3.0,), 1.0, 0.5),
    (Elementwise("add"), (2.0, 5.0), 7.0, 0.51),
    (Elementwise("mul"), (2.0, 5.0), 10.0, 0.51),
    (Elementwise("div"), (2.0, 5.0), 9.0, 0.8),
    (Softmax(), (8.0,), 1.0, 1.0),
    (LogSoftmax(), (8.0,), 20.0, 0.6),
    (Reduce("log_sum_exp"), (8.0,), 11.0, 0.6),
    (Reduce("sum_square"), (8.0,), 600.0, 0.51),
    (Reduce("l2"), (8.0,), 24.0, 0.51),
    (Reduce("prod"), (2.0,), 30.0, 0.51),
)
"""Operators, the ends of operands and result, and how far results may be, in steps."""


@pytest.mark.parametrize(("op", "ends", "y", "steps"), NEAR)
def test_the_reference_is_near_the_floats(
    op: Op, ends: tuple[float, ...], y: float, steps: float
) -> None:
    kinds = [int16((2, 9, 20), end / 2**15) for end in ends]
    graph = op_graph(op, kinds, (0.1, 0))
    result = int16(graph.types["y"].shape, y / 2**15)
    graph = Graph("net", graph.inputs, graph.outputs, graph.nodes, {**graph.types, "y": result})
    inputs = samples(graph, np.random.default_rng(1))
    assert result.quant is not None
    reals = [k.quant.dequantize(x) for k, x in zip(kinds, inputs, strict=True) if k.quant]
    exact = np.clip(op.evaluate(*reals) / result.quant.scale, -(2**15), 2**15 - 1)
    assert np.abs(evaluate(graph, inputs)["y"] - exact).max() <= steps


def test_sums_take_as_many_bits_as_they_are_proved_to_need() -> None:
    def sums_of(inputs: int) -> str:
        (data, kind), bias = linear_constants(np.random.default_rng(0), (1, inputs), 0.05)
        weights = np.full_like(data, 127)
        graph = in_int16(op_graph(Dense(), [int8((inputs,))], (5.0, 0), [(weights, kind), bias]))
        program = assert_c_equals_reference(graph, GENERIC, np.random.default_rng(0))
        return str(program.functions[0].params["sum"])

    assert [sums_of(500), sums_of(600)] == ["int32_t", "int64_t"]
