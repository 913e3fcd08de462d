"""Kernels of one operator: each leaner than those before, all with the same bits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ops import Conv2d
from codegen.plan import make_plan
from codegen.schedule.assemble import assemble
from codegen.schedule.assign import assign_kernels
from codegen.schedule.kernels import BY_ESTIMATE, Choice, variants
from codegen.targets import load_target
from codegen.toolchain.cross import build_target
from codegen.toolchain.emulate import emulate
from codegen.tune import make_choice
from tests.emit.network import every_operator
from tests.ops.cases import convolutions
from tests.ops.harness import (
    ARM_DSP,
    GENERIC,
    HOST,
    LANES,
    Planned,
    assert_c_equals_reference,
    int8,
    linear_constants,
    merged,
    op_graph,
    samples,
    write_c,
)

few = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
FAMILIES = (GENERIC, ARM_DSP, LANES)
families = pytest.mark.parametrize("families", FAMILIES, ids=lambda names: names[0])


def plan_form(
    graph: Graph, families: tuple[str, ...], form: int, choice: Choice = BY_ESTIMATE
) -> Planned:
    """The plan, layer by layer, with one variant of each node: the first is 0, the last is -1."""
    assigned = assign_kernels(graph, families, choice=choice)
    steps = tuple(forms[form] for forms in assigned.variants)
    schedule = assemble(replace(assigned, steps=steps), tuple(range(len(steps) + 1)))
    return schedule, make_plan(schedule)


@families
@few
@given(graphs=st.lists(convolutions(), min_size=8, max_size=8))
def test_the_leanest_variant_equals_the_reference(
    graphs: list[Graph], families: tuple[str, ...]
) -> None:
    graph = merged(graphs)
    planned = plan_form(graph, families, -1)
    assert_c_equals_reference(graph, families, np.random.default_rng(0), planned)


@families
@given(graph=convolutions())
def test_each_variant_is_leaner_and_slower(graph: Graph, families: tuple[str, ...]) -> None:
    (node,) = graph.nodes
    signature = graph.signature(node)
    found = variants(families, node.op, signature)
    sizes = [rule.scratch_bytes(node.op, signature) for rule in found]
    assert sizes == sorted(set(sizes), reverse=True)
    costs = [rule.cost.cycles(node.op, signature) for rule in found[1:]]
    assert costs == sorted(costs)
    assert all(rule.applies(node.op, signature) for rule in found)


@pytest.mark.parametrize("name", ["cortex-m0plus", "cortex-m4", "rv32imc"])
def test_targets_equal_the_reference(name: str, tmp_path: Path) -> None:
    found: list[Graph] = []

    @settings(max_examples=24, database=None, derandomize=True)
    @given(convolutions())
    def collect(graph: Graph) -> None:
        found.append(graph)

    collect()
    target, graph = load_target(name), merged(found)
    inputs = samples(graph, np.random.default_rng(5), count=4)
    planned = plan_form(graph, target.kernels, -1)
    program = write_c(graph, target.kernels, tmp_path, inputs, planned)
    run = emulate(build_target(tmp_path, program.interface, target, tmp_path), inputs)
    expected = evaluate(graph, inputs)
    for output, got in zip(graph.outputs, run.outputs, strict=True):
        np.testing.assert_array_equal(got, expected[output], output)


@pytest.mark.parametrize(
    ("core", "families"),
    [
        ("cortex-m4", GENERIC),
        ("cortex-m4", ARM_DSP),
        ("cortex-m3", LANES),
        ("cortex-m0plus", LANES),
        ("rv32imc", LANES),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
@pytest.mark.parametrize(
    ("image", "window", "op"),
    [
        ((4, 8, 64), (32, 1, 1, 64), Conv2d()),
        ((4, 8, 16), (32, 3, 3, 16), Conv2d((1, 1), (1, 1, 1, 1))),
        ((5, 12, 24), (24, 3, 3, 8), Conv2d((2, 2), (1, 1, 1, 1), group=3)),
        ((5, 12, 32), (32, 3, 3, 1), Conv2d((1, 1), (1, 1, 1, 1), group=32)),
        ((5, 24, 16), (16, 5, 5, 1), Conv2d((1, 1), (2, 2, 2, 2), group=16)),
        ((5, 24, 16), (16, 5, 5, 1), Conv2d((2, 2), (2, 2, 2, 2), group=16)),
    ],
    ids=["pointwise", "plain", "grouped", "depthwise", "depthwise_5x5", "depthwise_5x5_s2"],
)
def test_costs_are_near_those_counted(
    image: tuple[int, ...],
    window: tuple[int, ...],
    op: Conv2d,
    core: str,
    families: tuple[str, ...],
    tmp_path: Path,
) -> None:
    """The estimates of kernels are within 15 % of the cycles counted; those of variants ascend.

    Leaner kernels of cores without SIMD spill as compilers please: theirs are within a third.
    Weights are normal, as trained ones are: sums of their products with any values fit lanes.
    """
    target = load_target(core)
    choice = make_choice(target, "balanced", tune=False)
    rng = np.random.default_rng(0)
    (_, kind), bias = linear_constants(rng, window, 0.05)
    weights = np.clip(rng.normal(0, 35, window), -127, 127).astype(np.int8)
    constants = [(weights, kind), bias]
    graph = op_graph(op, [int8(image)], (0.3, -5), constants)
    inputs = samples(graph, np.random.default_rng(1))
    estimates = []
    for form in range(len(assign_kernels(graph, families, choice=choice).variants[0])):
        planned = plan_form(graph, families, form, choice)
        program = write_c(graph, families, tmp_path, inputs, planned)
        build = build_target(tmp_path, program.interface, target, tmp_path)
        cost = emulate(build, [batch[:1] for batch in inputs], count=True).cost
        (step,) = planned[0].steps
        assert cost is not None
        near = 0.15 if form == 0 or core == "cortex-m4" else 0.33
        assert step.cycles == pytest.approx(cost.cycles, rel=near), step.kernel.name
        estimates.append(step.cycles)
    assert estimates[1:] == sorted(estimates[1:])


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("channels", [1, 3, 8, 64])
def test_depthwise_layers_have_a_kernel_of_their_own_on_the_host(
    stride: int, channels: int
) -> None:
    """The one for all convolutions, which gathers each channel's window, takes thrice as long."""
    op = Conv2d((stride, stride), (1, 1, 1, 1), group=channels)
    weights = linear_constants(np.random.default_rng(0), (channels, 3, 3, 1), 0.05)
    graph = op_graph(op, [int8((8, 8, channels))], (0.3, -5), weights)
    (forms,) = assign_kernels(graph, HOST).variants
    expected = "conv2d" if channels == 1 else "depthwise"
    assert forms[0].kernel.name == expected


@families
def test_all_variants_of_a_node_are_called_alike(families: tuple[str, ...]) -> None:
    for forms in assign_kernels(every_operator(), families).variants:
        assert all(form.kernel.is_called_as(forms[0].kernel) for form in forms)
