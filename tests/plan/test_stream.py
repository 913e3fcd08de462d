"""Streamed networks: rings and nests of random networks, bit for bit, never above whole layers."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codegen.ir.graph import Graph
from codegen.ir.interface import Transfer
from codegen.ops import Add, AveragePool, Clip, Concat, Conv2d, MaxPool
from codegen.options import InputMode
from codegen.plan import make_plan
from codegen.plan.solve import schedule_and_plan
from codegen.schedule import make_schedule
from codegen.schedule.assemble import assemble
from codegen.schedule.assign import assign_kernels
from tests.emit.network import Builder
from tests.ops.harness import ARM_DSP, GENERIC, assert_c_equals_reference, int8

few = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


@st.composite
def networks(draw: st.DrawFn) -> Graph:
    """Image networks with strides, skips, concatenations, pools and elementwise functions."""
    sides = st.integers(5, 14)
    b = Builder(int8((draw(sides), draw(sides), draw(st.integers(1, 4))), 0.3, -5))
    value, count = "x", draw(st.integers(3, 8))
    for i in range(count):
        kind = draw(st.sampled_from(("conv", "wide", "depth", "pool", "skip", "fire", "clip")))
        value = _grow(b, draw, kind, value, f"v{i}")
    rows, columns, _ = b.types[value].shape
    b.add(AveragePool((rows, columns)), (value,), "mean")
    return b.graph("mean") if draw(st.booleans()) else b.graph(value, "mean")


def _grow(b: Builder, draw: st.DrawFn, kind: str, x: str, y: str) -> str:
    """Append one module that reads x; return its result."""
    rows, columns, channels = b.types[x].shape
    filters = draw(st.integers(1, 6))
    stride = draw(st.integers(1, 2)) if min(rows, columns) > 4 else 1
    if kind == "conv":
        b.add(Conv2d((stride, stride), (1, 1, 1, 1)), (x,), y, weights=(filters, 3, 3, channels))
    elif kind == "wide":
        dilated = Conv2d((1, 1), (2, 2, 2, 2), (2, 2))
        b.add(dilated, (x,), y, weights=(filters, 3, 3, channels))
    elif kind == "depth" and channels > 1:
        depthwise = Conv2d((stride, stride), (1, 1, 1, 1), group=channels)
        b.add(depthwise, (x,), y, weights=(channels, 3, 3, 1))
    elif kind == "pool":
        b.add(MaxPool((3, 3), (stride, stride), (1, 1, 1, 1)), (x,), y)
    elif kind == "skip":
        b.add(Conv2d(), (x,), f"{y}_a", weights=(filters, 1, 1, channels))
        same = Conv2d((1, 1), (1, 1, 1, 1))
        b.add(same, (f"{y}_a",), f"{y}_b", weights=(channels, 3, 3, filters))
        b.add(Add(), (x, f"{y}_b"), y)
    elif kind == "fire":
        b.add(Conv2d(), (x,), f"{y}_a", weights=(filters, 1, 1, channels))
        same = Conv2d((1, 1), (1, 1, 1, 1))
        b.add(same, (x,), f"{y}_b", weights=(2, 3, 3, channels))
        b.add(Concat(2), (f"{y}_a", f"{y}_b"), y)
    else:
        b.add(Clip(-1.0, 6.0), (x,), y)
    return y


@few
@given(networks())
def test_the_smallest_plan_is_right_and_not_above_layer_by_layer(graph: Graph) -> None:
    for families in (GENERIC, ARM_DSP):
        found = schedule_and_plan(graph, families)
        assert_c_equals_reference(graph, families, np.random.default_rng(0), found)
        assert found[1].size_bytes <= make_plan(make_schedule(graph, families)).size_bytes
        assert found[1].lower_bound_bytes <= found[1].size_bytes


@few
@given(networks())
def test_all_in_one_nest_is_right(graph: Graph) -> None:
    assigned = assign_kernels(graph, GENERIC)
    schedule = assemble(assigned, (0, len(assigned.steps)))
    found = schedule, make_plan(schedule)
    assert_c_equals_reference(graph, GENERIC, np.random.default_rng(0), found)


@few
@given(networks(), st.sampled_from(("const", "rows")), st.booleans(), st.sampled_from((1, 3, 99)))
def test_any_transfer_is_right(graph: Graph, inputs: InputMode, by_rows: bool, size: int) -> None:
    """Inputs that the caller keeps or pushes, outputs that it is handed; nests of any size."""
    image = next(node.output for node in reversed(graph.nodes) if node.output != "mean")
    if by_rows:
        graph = graph.with_nodes(graph.nodes, outputs=(image,))
    assigned = assign_kernels(graph, GENERIC, Transfer(inputs, "rows" if by_rows else "arena"))
    bounds = (*range(0, len(assigned.steps), size), len(assigned.steps))
    schedule = assemble(assigned, bounds)
    found = schedule, make_plan(schedule)
    assert_c_equals_reference(graph, GENERIC, np.random.default_rng(0), found)


@few
@given(networks(), st.data())
def test_any_division_into_nests_is_right(graph: Graph, data: st.DataObject) -> None:
    assigned = assign_kernels(graph, ARM_DSP)
    inner = range(1, len(assigned.steps))
    chosen = [place for place in inner if data.draw(st.booleans())]
    schedule = assemble(assigned, (0, *chosen, len(assigned.steps)))
    found = schedule, make_plan(schedule)
    assert_c_equals_reference(graph, ARM_DSP, np.random.default_rng(0), found)
