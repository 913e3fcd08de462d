"""Live ranges: inputs from the start, outputs to the end, results in the place of operands."""

from __future__ import annotations

import numpy as np

from codegen.ir.graph import Graph, Node
from codegen.ir.interface import Transfer
from codegen.ops import Add, Clip, Conv2d, Requantize, Reshape
from codegen.plan import make_plan
from codegen.plan.lifetimes import state_bytes
from codegen.schedule import make_schedule
from tests.ops.harness import (
    GENERIC,
    assert_c_equals_reference,
    int8,
    linear_constants,
    merged,
    op_graph,
)


def chain(*nodes: Node, outputs: tuple[str, ...] = ("z",)) -> Graph:
    """Elementwise nodes over one input x of 12 values."""
    values = {"x", *(node.output for node in nodes)}
    types = {name: int8((12,) if name != "r" else (3, 4)) for name in values}
    return Graph("net", ("x",), outputs, nodes, types)


def test_elementwise_chain_stays_in_place() -> None:
    graph = chain(Node(Clip(), ("x",), "y"), Node(Requantize(), ("y",), "z"))
    plan = make_plan(make_schedule(graph, GENERIC))
    assert plan.size_bytes == 12
    assert plan.offset_of("x") == plan.offset_of("z") == 0


def test_an_operand_read_later_keeps_its_bytes() -> None:
    graph = chain(Node(Clip(), ("x",), "y"), Node(Add(), ("x", "y"), "z"))
    plan = make_plan(make_schedule(graph, GENERIC))
    assert plan.size_bytes == 24
    assert_c_equals_reference(graph, GENERIC, np.random.default_rng(0))


def test_an_output_is_not_overwritten() -> None:
    graph = chain(Node(Clip(), ("x",), "y"), Node(Requantize(), ("y",), "z"), outputs=("y", "z"))
    plan = make_plan(make_schedule(graph, GENERIC))
    assert plan.offset_of("y") != plan.offset_of("z")
    assert_c_equals_reference(graph, GENERIC, np.random.default_rng(0))


def test_a_reshape_costs_nothing() -> None:
    graph = chain(Node(Reshape((3, 4)), ("x",), "r"), outputs=("r",))
    plan = make_plan(make_schedule(graph, GENERIC))
    assert [(b.name, b.values) for b in plan.buffers] == [("x", ("x", "r"))]
    assert_c_equals_reference(graph, GENERIC, np.random.default_rng(0))


def test_a_value_added_to_itself() -> None:
    graph = chain(Node(Add(), ("x", "x"), "z"))
    assert_c_equals_reference(graph, GENERIC, np.random.default_rng(0))


def test_inputs_that_are_hardly_read_keep_apart() -> None:
    """The caller writes every row of every input, also those that no window reads."""
    rng = np.random.default_rng(0)
    sparse = Conv2d((2, 3), (1, 1, 2, 1), (2, 1))
    graphs = [
        op_graph(sparse, [int8((3, 4, 5))], (0.3, 2), linear_constants(rng, (4, 2, 2, 5), 0.05)),
        op_graph(sparse, [int8((9, 4, 7))], (0.3, 2), linear_constants(rng, (7, 2, 3, 7), 0.05)),
    ]
    for order in (graphs, graphs[::-1]):
        assert_c_equals_reference(merged(order), GENERIC, rng)


def test_the_state_between_rows_is_as_small_as_it_can_be() -> None:
    """A mark of 4 bytes, 2 for a counter while it fits, two pointers of 8 bytes for a sink."""
    assert state_bytes([32_767, 9], Transfer("rows")) == 8
    assert state_bytes([9, 32_768], Transfer("rows")) == 12
    assert state_bytes([9], Transfer("rows", "rows")) == 24
