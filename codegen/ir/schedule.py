"""Schedule: in which order the rows of which nodes are computed, by which kernels.

A nest is a group of nodes whose rows are computed together; a value keeps `rows_kept` of its rows
in a ring. A layer on its own with all rows kept is the plain layer-by-layer case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from codegen.ir.graph import Graph, Node


@dataclass(frozen=True, slots=True)
class Kernel:
    """One C function: a template of a family, for one operator.

    `template` is its path under templates/kernels/. `form` names how operands and weights are
    laid out, so that `lower` knows what to hand over (see codegen/lower).
    """

    family: str
    name: str

    @property
    def template(self) -> str:
        return f"kernels/{self.family}/{self.name}.c.j2"


@dataclass(frozen=True, slots=True)
class Step:
    """One node, run by one kernel with `scratch_bytes` of arena beside its operands."""

    node: Node
    kernel: Kernel
    scratch_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """Nests in the order of execution; within a nest the rows of its steps interleave."""

    graph: Graph
    nests: tuple[tuple[Step, ...], ...]
    rows_kept: Mapping[str, int] = field(default_factory=dict)

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps in order."""
        return tuple(step for nest in self.nests for step in nest)
