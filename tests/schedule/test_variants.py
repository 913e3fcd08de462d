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
from codegen.plan import make_plan
from codegen.schedule.assemble import assemble
from codegen.schedule.assign import assign_kernels
from codegen.schedule.kernels import variants
from codegen.targets import load_target
from codegen.toolchain.cross import build_target
from codegen.toolchain.emulate import emulate
from tests.ops.cases import convolutions
from tests.ops.harness import (
    ARM_DSP,
    GENERIC,
    Planned,
    assert_c_equals_reference,
    merged,
    samples,
    write_c,
)

few = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
families = pytest.mark.parametrize("families", [GENERIC, ARM_DSP], ids=["generic", "arm_dsp"])


def plan_leanest(graph: Graph, families: tuple[str, ...]) -> Planned:
    """The plan, layer by layer, with the last variant of each node."""
    assigned = assign_kernels(graph, families)
    steps = tuple(forms[-1] for forms in assigned.variants)
    schedule = assemble(replace(assigned, steps=steps), tuple(range(len(steps) + 1)))
    return schedule, make_plan(schedule)


@families
@few
@given(graphs=st.lists(convolutions(), min_size=8, max_size=8))
def test_the_leanest_variant_equals_the_reference(
    graphs: list[Graph], families: tuple[str, ...]
) -> None:
    graph = merged(graphs)
    planned = plan_leanest(graph, families)
    assert_c_equals_reference(graph, families, np.random.default_rng(0), planned)


@families
@given(graph=convolutions())
def test_each_variant_is_leaner(graph: Graph, families: tuple[str, ...]) -> None:
    (node,) = graph.nodes
    signature = graph.signature(node)
    found = variants(families, node.op, signature)
    sizes = [rule.ram_bytes(node.op, signature) for rule in found]
    assert sizes == sorted(set(sizes), reverse=True)
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
    planned = plan_leanest(graph, target.kernels)
    program = write_c(graph, target.kernels, tmp_path, inputs, planned)
    run = emulate(build_target(tmp_path, program.interface, target, tmp_path), inputs)
    expected = evaluate(graph, inputs)
    for output, got in zip(graph.outputs, run.outputs, strict=True):
        np.testing.assert_array_equal(got, expected[output], output)
