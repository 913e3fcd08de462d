"""Assign kernels: the steps of a graph, and the values that need none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from codegen.errors import Problem, UnsupportedOperator
from codegen.ir.graph import Graph, Node
from codegen.ir.interface import BY_ARENA, Transfer
from codegen.ir.schedule import Need, Step, View
from codegen.ops import AveragePool, Concat, Conv2d, MaxPool, Reshape
from codegen.schedule.edges import add_edges
from codegen.schedule.kernels import choose
from codegen.schedule.placement import place_concats
from codegen.schedule.rows import find_needs


@dataclass(frozen=True, slots=True)
class Assigned:
    """A graph with the copies that it needs, its steps in order, and values that are views.

    `needs` tells for each step what its rows wait for. `abroad` gives the bases of values that
    are not in the arena.
    """

    graph: Graph
    steps: tuple[Step, ...]
    views: Mapping[str, View]
    needs: tuple[tuple[Need, ...], ...]
    transfer: Transfer
    abroad: Mapping[str, str]


def assign_kernels(
    graph: Graph, families: tuple[str, ...], transfer: Transfer = BY_ARENA
) -> Assigned:
    """Return the steps of a fixed-point graph with the preferred kernels of `families`.

    Raises UnsupportedOperator naming every node that no kernel serves, or BadOption where inputs
    or outputs cannot pass as `transfer` says.
    """
    steps: list[Step] = []
    graph, abroad = add_edges(graph, transfer)
    graph, placed = place_concats(graph)
    views = dict(placed)
    problems: list[Problem] = []
    for node in graph.nodes:
        if isinstance(node.op, Reshape):
            views[node.output] = View(node.inputs[0])
            continue
        if isinstance(node.op, Concat) and node.inputs[0] in placed:
            continue
        signature = graph.signature(node)
        rule = choose(families, node.op, signature)
        if rule is None:
            problems.append(Problem(f"no fixed-point kernel for {node.op.name}", str(node.loc)))
            continue
        scratch = rule.scratch_bytes(node.op, signature)
        steps.append(Step(node, rule.kernel, scratch, outside_bytes(graph, node)))
    if problems:
        raise UnsupportedOperator.collect(problems)
    needs = find_needs(graph, tuple(steps))
    return Assigned(graph, tuple(steps), views, needs, transfer, abroad)


def outside_bytes(graph: Graph, node: Node) -> int:
    """Return the length of the row of zero points that the node reads beyond its operand.

    Pools leave such rows out instead.
    """
    if isinstance(node.op, MaxPool | AveragePool) or not isinstance(node.op, Conv2d):
        return 0
    signature = graph.signature(node)
    (window,) = node.op.windows(signature)
    last = (signature.output.rows - 1) * window.stride + (window.rows - 1) * window.dilation
    inside = window.pad == 0 and last - window.pad < signature.inputs[0].rows
    return 0 if inside else signature.inputs[0].row_bytes
