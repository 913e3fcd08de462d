"""Inputs that the caller keeps or pushes, and outputs that it is handed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codegen.errors import BadOption
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph, Node
from codegen.ir.interface import Transfer
from codegen.ops import Add, Clip, Concat, Conv2d, Reshape, Slice
from codegen.plan.solve import schedule_and_plan
from codegen.schedule.edges import add_edges, check_transfer
from codegen.toolchain.host import build_host, run_host
from tests.emit.network import Builder
from tests.ops.harness import GENERIC, assert_c_equals_reference, int8, samples, write_c

FORMAT = (0.3, -5)
ROWS = Transfer("rows", "rows")


def clipped(shape: tuple[int, ...]) -> Graph:
    b = Builder(int8(shape, *FORMAT))
    b.add(Clip(-1.0, 6.0), ("x",), "y")
    return b.graph("y")


def two_inputs(shape: tuple[int, ...] = (6, 5, 2)) -> Graph:
    """Their sum, the first one clipped, and the second as it is."""
    kind = int8(shape, *FORMAT)
    nodes = (
        Node(Add(), ("a", "b"), "sum"),
        Node(Clip(-1.0, 6.0), ("a",), "clip"),
        Node(Reshape((kind.elements,)), ("b",), "flat"),
    )
    types = dict.fromkeys(("a", "b", "sum", "clip"), kind)
    types["flat"] = int8((kind.elements,), *FORMAT)
    return Graph("net", ("a", "b"), ("sum", "clip", "flat", "a"), nodes, types)


@pytest.mark.parametrize(
    ("graph", "transfer", "message"),
    [
        (clipped((12,)), Transfer("rows"), "--input rows .* the input is 12: a single row"),
        (clipped((1, 9, 4)), Transfer("rows"), "the input is 1x9x4: a single row"),
        (clipped((12,)), Transfer("arena", "rows"), "--output rows .* the output is 12"),
        (two_inputs(), Transfer("rows"), "the network has 2 inputs"),
        (two_inputs(), Transfer("const", "rows"), "the network has 4 outputs"),
    ],
)
def test_what_cannot_pass_by_rows_is_refused(
    graph: Graph, transfer: Transfer, message: str
) -> None:
    with pytest.raises(BadOption, match=message):
        check_transfer(graph, transfer)


def test_ports_keep_number_order_and_types() -> None:
    for transfer in (Transfer("const"), Transfer()):
        graph = two_inputs()
        edged, _ = add_edges(graph, transfer)
        assert edged.inputs == graph.inputs
        kinds = [edged.types[name] for name in edged.outputs]
        assert kinds == [graph.types[name] for name in graph.outputs]


def test_inputs_that_are_outputs_are_copied_from_the_caller() -> None:
    graph = two_inputs()
    planned = schedule_and_plan(graph, GENERIC, Transfer("const"))
    assert_c_equals_reference(graph, GENERIC, np.random.default_rng(0), planned)


def test_nothing_is_written_in_the_place_of_an_input_that_the_caller_keeps() -> None:
    schedule, plan = schedule_and_plan(two_inputs(), GENERIC, Transfer("const"))
    assert {schedule.storage(value) for value in schedule.graph.inputs} == {"a", "b"}
    assert not {"a", "b"} & {value for buffer in plan.buffers for value in buffer.values}
    assert all(schedule.storage(step.node.output) not in "ab" for step in schedule.steps)


def test_an_image_that_is_only_passed_on() -> None:
    """Row in, row out: the arena holds one row and the state."""
    schedule, plan = schedule_and_plan(clipped((50, 20, 3)), GENERIC, ROWS)
    assert plan.size_bytes <= 60 + 32
    graph = clipped((50, 20, 3))
    assert_c_equals_reference(graph, GENERIC, np.random.default_rng(0), (schedule, plan))


def test_rows_that_nothing_reads_are_taken_all_the_same() -> None:
    b = Builder(int8((9, 6, 2), *FORMAT))
    b.add(Slice((1, 0, 0), (3, 6, 2), (1, 1, 1)), ("x",), "top")
    b.add(Conv2d((2, 2)), ("top",), "y", weights=(3, 1, 1, 2))
    graph = b.graph("y")
    for transfer in (ROWS, Transfer("rows"), Transfer("const", "rows")):
        planned = schedule_and_plan(graph, GENERIC, transfer)
        assert_c_equals_reference(graph, GENERIC, np.random.default_rng(0), planned)


@pytest.mark.parametrize("axis", [0, 2])
def test_pushed_rows_join_others_without_a_second_copy(axis: int) -> None:
    b = Builder(int8((8, 6, 2), *FORMAT))
    b.add(Clip(-1.0, 6.0), ("x",), "c")
    b.add(Concat(axis), ("x", "c"), "y")
    graph = b.graph("y")
    planned = schedule_and_plan(graph, GENERIC, ROWS)
    assert_c_equals_reference(graph, GENERIC, np.random.default_rng(0), planned)


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "size_bytes"), [(2**15 - 1, 2), (2**15, 4)])
def test_counters_are_wide_enough(rows: int, size_bytes: int, tmp_path: Path) -> None:
    graph = clipped((rows, 1, 1))
    inputs = [batch[:1] for batch in samples(graph, np.random.default_rng(0))]
    program = write_c(
        graph, GENERIC, tmp_path, inputs, schedule_and_plan(graph, GENERIC, Transfer("rows"))
    )
    assert program.state is not None
    assert program.state.counter_bytes == size_bytes
    (output,) = run_host(build_host(tmp_path, program.interface, tmp_path), inputs)
    np.testing.assert_array_equal(output, evaluate(graph, inputs)["y"])
