"""Schedule a fixed-point graph: an order, a kernel for each node, and how many rows are kept."""

from __future__ import annotations

from codegen.errors import Problem, UnsupportedOperator
from codegen.ir.graph import Graph, Node
from codegen.ir.schedule import Schedule, Step, View
from codegen.ops import AveragePool, Concat, Conv2d, MaxPool, Reshape
from codegen.schedule.kernels import choose
from codegen.schedule.placement import place_concats

__all__ = ["make_schedule"]


def make_schedule(graph: Graph, families: tuple[str, ...]) -> Schedule:
    """Return the layer-by-layer schedule with the preferred kernels of `families`.

    Raises UnsupportedOperator naming every node that no kernel serves.
    """
    nests: list[tuple[Step, ...]] = []
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
        nests.append((Step(node, rule.kernel, scratch, outside_bytes(graph, node)),))
    if problems:
        raise UnsupportedOperator.collect(problems)
    rows_kept = {name: graph.types[name].rows for name in graph.types}
    return Schedule(graph, tuple(nests), rows_kept, views)


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
