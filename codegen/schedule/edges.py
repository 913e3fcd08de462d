"""Edges of the network: inputs that do not come by the arena, outputs that do not stay in it.

What the caller keeps, pushes or is handed is a value abroad: it has no bytes in the arena. A
pushed input is received by the first step of all, a row a call; an output that goes out by rows is
delivered by the last. To all else these are steps like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from codegen.errors import BadOption
from codegen.ir.graph import Graph, Node
from codegen.ir.interface import Transfer
from codegen.ir.schedule import PUSHED, SINK
from codegen.ops import Copy, Deliver, FlipSign, Receive, Reshape

LEAST_ROWS = 2
"""A value of one row cannot pass row by row."""


def check_transfer(graph: Graph, transfer: Transfer, model: str = "") -> None:
    """Raise BadOption, naming the model, where inputs or outputs cannot pass row by row."""
    if transfer.inputs == "rows":
        _check_rows(graph, "input", graph.inputs, model)
    if transfer.outputs == "rows":
        _check_rows(graph, "output", graph.outputs, model)


def _check_rows(graph: Graph, side: str, values: tuple[str, ...], model: str) -> None:
    if len(values) > 1:
        problem = f"the network has {len(values)} {side}s"
    elif graph.types[values[0]].rows < LEAST_ROWS:
        shape = "x".join(map(str, graph.types[values[0]].shape)) or "scalar"
        problem = f"the {side} is {shape}: a single row"
    else:
        return
    others = "arena or const" if side == "input" else "arena"
    raise BadOption(
        f"--{side} rows needs one {side} of several rows, but {problem}",
        where=model,
        hint=f"--{side} {others}",
    )


def add_edges(graph: Graph, transfer: Transfer) -> tuple[Graph, Mapping[str, str]]:
    """Return the graph with the steps that transfer takes, and the bases of values abroad.

    Inputs and outputs keep their number, order and types. Raises BadOption as `check_transfer`.
    """
    check_transfer(graph, transfer)
    abroad: dict[str, str] = {}
    if transfer.inputs == "const":
        several = len(graph.inputs) > 1
        names = [f"input_{i}" if several else "input" for i in range(len(graph.inputs))]
        abroad |= dict(zip(graph.inputs, names, strict=True))
        for value in dict.fromkeys(graph.outputs):
            if shown_input(graph, value):
                graph = _pass_on(graph, value, Copy(), f"{value} copied")
    if transfer.inputs == "rows":
        (value,) = graph.inputs
        abroad[value] = PUSHED
        graph = _receive(graph, value, f"{value} received")
    if transfer.outputs == "rows":
        (value,) = graph.outputs
        abroad[f"{value} delivered"] = SINK
        graph = _pass_on(graph, value, Deliver(), f"{value} delivered")
    return graph, abroad


def shown_input(graph: Graph, value: str) -> bool:
    """The value is an input, or one in another shape."""
    made = graph.producers()
    while value in made and isinstance(made[value].op, Reshape):
        value = made[value].inputs[0]
    return value in graph.inputs


def _receive(graph: Graph, value: str, received: str) -> Graph:
    """Let all that reads an input read what was received of it.

    A FlipSign that alone reads it receives it itself.
    """
    readers = [node for node in graph.nodes if value in node.inputs]
    if len(readers) == 1 and isinstance(readers[0].op, FlipSign) and value not in graph.outputs:
        rest = [node for node in graph.nodes if node is not readers[0]]
        return replace(graph, nodes=(readers[0], *rest))

    def renamed(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(received if name == value else name for name in names)

    nodes = [replace(node, inputs=renamed(node.inputs)) for node in graph.nodes]
    first = Node(Receive(), (value,), received)
    types = {**graph.types, received: graph.types[value]}
    origins = {**graph.origins, received: graph.origin(value)}
    outputs = renamed(graph.outputs)
    return replace(graph, nodes=(first, *nodes), outputs=outputs, types=types, origins=origins)


def _pass_on(graph: Graph, value: str, op: Copy, passed: str) -> Graph:
    """Let a copy be the output in place of the value."""
    last = Node(op, (value,), passed)
    types = {**graph.types, passed: graph.types[value]}
    origins = {**graph.origins, passed: graph.origin(value)}
    outputs = tuple(passed if name == value else name for name in graph.outputs)
    return replace(graph, nodes=(*graph.nodes, last), outputs=outputs, types=types, origins=origins)
