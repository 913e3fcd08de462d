"""Schedule a fixed-point graph: an order, a kernel for each node, and how many rows are kept."""

from __future__ import annotations

from codegen.ir.graph import Graph
from codegen.ir.schedule import Schedule
from codegen.schedule.assemble import assemble
from codegen.schedule.assign import assign_kernels

__all__ = ["make_schedule"]


def make_schedule(graph: Graph, families: tuple[str, ...]) -> Schedule:
    """Return the layer-by-layer schedule with the preferred kernels of `families`.

    Raises UnsupportedOperator naming every node that no kernel serves.
    """
    assigned = assign_kernels(graph, families)
    return assemble(assigned, tuple(range(len(assigned.steps) + 1)))
