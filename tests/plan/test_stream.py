"""Streamed networks: rings and nests of random networks, bit for bit, never above whole layers."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codegen.ir.graph import Graph
from codegen.ir.interface import Transfer
from codegen.ir.memory import RamGoal
from codegen.ops import (
    Add,
    AveragePool,
    Clip,
    Concat,
    Conv2d,
    DepthToSpace,
    MaxPool,
    Pad,
    Resize,
    Slice,
    Transpose,
)
from codegen.ops.resize import reduced
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


KINDS = (
    *("conv", "wide", "depth", "pool", "skip", "fire", "clip"),
    *("resize", "up", "slice", "pad", "turn", "beside", "split"),
)


@st.composite
def networks(draw: st.DrawFn, least: int = 3, most: int = 8) -> Graph:
    """Image networks with strides, skips, concatenations, pools and elementwise functions.

    They have from `least` to `most` modules.
    """
    sides = st.integers(5, 14)
    b = Builder(int8((draw(sides), draw(sides), draw(st.integers(1, 4))), 0.3, -5))
    value, count = "x", draw(st.integers(least, most))
    for i in range(count):
        kind = draw(st.sampled_from(KINDS))
        value = _grow(b, draw, kind, value, f"v{i}")
    rows, columns, _ = b.types[value].shape
    b.add(AveragePool((rows, columns)), (value,), "mean")
    return b.graph("mean") if draw(st.booleans()) else b.graph(value, "mean")


def _grow(b: Builder, draw: st.DrawFn, kind: str, x: str, y: str) -> str:
    """Append one module that reads x; return its result."""
    rows, columns, channels = b.types[x].shape
    filters = draw(st.integers(1, 6))
    if min(rows, columns) < 3:
        kind = "clip"
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
    elif kind == "resize":
        line = st.builds(reduced, st.integers(-60, 90), st.integers(-60, 200), st.integers(1, 60))
        size = draw(st.integers(3, 14)), draw(st.integers(3, 14))
        b.add(Resize(size, draw(line), draw(line), draw(st.booleans())), (x,), y, format=like(b, x))
    elif kind == "up":
        half = Conv2d((2, 2), (1, 1, 1, 1))
        b.add(half, (x,), f"{y}_a", weights=(filters, 3, 3, channels), format=like(b, x))
        doubled = Resize((rows, columns), (2, -1, 4), (1, 0, 2), draw(st.booleans()))
        b.add(doubled, (f"{y}_a",), f"{y}_b", format=like(b, x))
        b.add(Concat(2), (x, f"{y}_b"), y, format=like(b, x))
    elif kind == "slice":
        back, start, count = draw(st.booleans()), draw(st.integers(0, 2)), rows // 2
        first = start + 2 * (count - 1) if back else start
        first = min(first, rows - 1) if back else min(start, rows - 2 * count + 1)
        step = -2 if back else 2
        op = Slice((first, 1, 0), (count, columns - 1, channels), (step, 1, 1))
        b.add(op, (x,), y, format=like(b, x))
    elif kind == "pad":
        ends = tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2)), 0) for _ in range(2))
        b.add(Pad(*ends, 1.0), (x,), y, format=like(b, x))
    elif kind == "turn":
        b.add(Transpose((0, 2, 1)), (x,), f"{y}_a", format=like(b, x))
        b.add(Transpose((0, 2, 1)), (f"{y}_a",), y, format=like(b, x))
    elif kind == "beside":
        b.add(Concat(1), (x, x), f"{y}_a", format=like(b, x))
        b.add(MaxPool((3, 3), (1, 2), (1, 1, 1, 1)), (f"{y}_a",), y, format=like(b, x))
    elif kind == "split" and channels > 1:
        first = draw(st.integers(1, channels - 1))
        for part, start, end in (("a", 0, first), ("b", first, channels)):
            op = Slice((0, 0, start), (rows, columns, end - start), (1, 1, 1))
            b.add(op, (x,), f"{y}_{part}", format=like(b, x))
        same = Conv2d((1, 1), (1, 1, 1, 1))
        depth = channels - first
        b.add(same, (f"{y}_b",), f"{y}_c", weights=(depth, 3, 3, depth), format=like(b, x))
        b.add(Add(), (f"{y}_b", f"{y}_c"), f"{y}_d", format=like(b, x))
        b.add(Concat(2), (f"{y}_a", f"{y}_d"), y, format=like(b, x))
    else:
        b.add(Clip(-1.0, 6.0), (x,), y)
    return y


def test_a_layer_of_more_rows_than_its_operand_runs_to_its_end() -> None:
    """The last row of a convolution with padding for its whole window waits for no row more."""
    b = Builder(int8((6, 6, 8), 0.3, -5))
    b.add(Conv2d((1, 1), (1, 1, 1, 1)), ("x",), "a", weights=(8, 3, 3, 8))
    b.add(Conv2d((1, 1), (1, 1, 1, 1)), ("a",), "b", weights=(8, 2, 2, 8))
    b.add(DepthToSpace((2, 2), (1, 1), (12, 12)), ("b",), "c", format=like(b, "b"))
    b.add(AveragePool((12, 12)), ("c",), "mean")
    for families in (GENERIC, ARM_DSP):
        found = schedule_and_plan(b.graph("mean"), families, goal=RamGoal(least=True))
        assert len(found[0].nests) < 4
        assert_c_equals_reference(b.graph("mean"), families, np.random.default_rng(0), found)


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


def test_a_network_of_rows_keeps_few_of_each_value() -> None:
    """Down and up again, cropped and padded: no value but the ends is whole."""
    b = Builder(int8((64, 16, 4), 0.3, -5))
    b.add(Conv2d((2, 2), (1, 1, 1, 1)), ("x",), "a", weights=(8, 3, 3, 4))
    b.add(Resize((64, 32), (2, -1, 4), (1, 0, 4), linear=True), ("a",), "b")
    b.add(Slice((2, 0, 0), (60, 32, 8), (1, 1, 1)), ("b",), "c")
    b.add(Pad((3, 0, 0), (1, 0, 0)), ("c",), "d")
    b.add(Resize((32, 16), (2, 0, 1), (2, 0, 1)), ("d",), "e")
    b.add(Conv2d((2, 2), (1, 1, 1, 1)), ("e",), "y", weights=(2, 3, 3, 8))
    graph = b.graph("y")
    assigned = assign_kernels(graph, GENERIC)
    schedule = assemble(assigned, (0, len(assigned.steps)))
    kept = [schedule.rows_kept[schedule.storage(value)] for value in "abcde"]
    assert max(kept) <= 4, kept
    found = schedule, make_plan(schedule)
    assert_c_equals_reference(graph, GENERIC, np.random.default_rng(0), found)


def like(b: Builder, value: str) -> tuple[float, int]:
    """The format of a value."""
    quant = b.types[value].quant
    assert quant is not None
    return quant.scale, quant.zero_point
