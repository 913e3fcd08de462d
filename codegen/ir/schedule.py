"""Schedule: in which order the rows of which nodes are computed, by which kernels.

A nest is a group of nodes whose rows are computed together; a value keeps `rows_kept` of its rows
in a ring. A layer on its own with all rows kept is the plain layer-by-layer case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

from codegen.ir.graph import Graph, Node
from codegen.ir.interface import Transfer

PUSHED = "pushed"
"""The base of a row that the caller pushes."""
SINK = "sink"
"""The base of rows that go to a function of the caller."""


SINGLE = "single"
"""The file of templates/runtime/ that all kernels use which compute in floats."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """One C function of a family, for one operator.

    `template` lies in templates/kernels/FAMILY/; that of a kernel with a `body` is the one of that
    other kernel, with an inner loop of its own. `uses` names the files of templates/runtime/
    that the template calls. A kernel computes one output row: from an array of pointers to the
    rows of its operand, or, where one row suffices, from a pointer to it (`takes_row`). A kernel
    of `whole` values takes their first bytes and is called once. `strided` kernels write output
    pixels at any distance from each other, given to the template as out_pitch. A kernel that
    `accumulates` is called for each operand row and keeps sums in its scratch; the last call
    writes the one output row. It is told the row, as is a kernel that `knows_row`. Rows beyond the
    operand are null pointers. One that `remembers` keeps its scratch from the first row to the
    last. One that `delivers` is the caller's own function: it has no template.
    One that `slides` along the row loads all that it reads once. One that `reads_spread` reads
    operand pixels at any distance from each other, given to the template as in_pitches.
    `fields` are numbers of its template that a call may give it: layers that differ in them alone
    share the kernel. It takes up to `pixels` pixels of a row together, fewer where fewer are left.
    One that `decodes` has weights in fewer bits: those of so many filters are decoded before it,
    once where it remembers, else for each row. The buffers of its values begin at multiples of
    `align` bytes. The result of one that is `apart` takes no operand's place.
    One that `indexes` is given the arena as one array, and finds bytes in it by their places
    instead of by pointers; rows beyond the operand are at -1.
    """

    family: str
    name: str
    uses: tuple[str, ...] = ()
    takes_row: bool = False
    whole: bool = False
    strided: bool = False
    accumulates: bool = False
    knows_row: bool = False
    body: str = ""
    delivers: bool = False
    slides: bool = False
    reads_spread: bool = False
    remembers: bool = False
    fields: tuple[str, ...] = ()
    pixels: int = 1
    decodes: int = 0
    align: int = 1
    apart: bool = False
    indexes: bool = False

    @property
    def in_float(self) -> bool:
        """It computes in single precision."""
        return SINGLE in self.uses

    @property
    def makes_rows(self) -> bool:
        """Each call makes one row of the result."""
        return not (self.whole or self.accumulates)

    def is_called_as(self, other: Kernel) -> bool:
        """Both are called for the same rows."""
        return (self.whole, self.accumulates) == (other.whole, other.accumulates)

    @property
    def template(self) -> str:
        """Path under templates/."""
        return f"kernels/{self.body or f'{self.family}/{self.name}'}.c.j2"


@dataclass(frozen=True, slots=True)
class Step:
    """One node, run by one kernel.

    `scratch_bytes` is the kernel's own working memory. `cycles` is an estimate for a Cortex-M4 by
    which kernels are compared; `tile` how many pixels and filters the kernel computes together.
    """

    node: Node
    kernel: Kernel
    scratch_bytes: int = 0
    cycles: int = 0
    tile: tuple[int, int] = (1, 1)


@dataclass(frozen=True, slots=True)
class Need:
    """What a row waits for: the step `step` must have made `rows_for(row)` rows.

    That is up to the last row of its window, (row * stride + reach) / divisor rows rounded down,
    at least `least`, and never more than there are.
    """

    step: int
    stride: int
    reach: int
    rows: int
    divisor: int = 1
    least: int = 0

    def rows_for(self, row: int) -> int:
        """Return how many rows of the operand the computation of `row` needs."""
        reached = (row * self.stride + self.reach) // self.divisor
        return min(max(reached, self.least), self.rows)


@dataclass(frozen=True, slots=True)
class View:
    """A value that lives inside another: from `offset` bytes on, pixels `pixel_pitch` bytes apart.

    Without a pitch the value is contiguous.
    """

    host: str
    offset: int = 0
    pixel_pitch: int | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """Nests in the order of execution; within a nest the rows of its steps interleave.

    `views` maps each value without bytes of its own to the value it is part of, a shape of, or
    takes the place of. `needs` tells for each step what its rows wait for. `rows_kept` maps each
    value with bytes of its own to the rows that are kept: fewer than all in a ring. Values of
    `abroad` are not in the arena: it names the bases from which they are found. `wants` tells for
    each step up to which row its readers in the nest want it, each as a `Need` whose step is the
    reader; () where that never holds it back.
    """

    graph: Graph
    nests: tuple[tuple[Step, ...], ...]
    views: Mapping[str, View]
    needs: tuple[tuple[Need, ...], ...]
    rows_kept: Mapping[str, int]
    transfer: Transfer
    abroad: Mapping[str, str]
    wants: tuple[tuple[Need, ...], ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps in order."""
        return tuple(step for nest in self.nests for step in nest)

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """The first step of each nest and the one after its last."""
        ends = list(accumulate(len(nest) for nest in self.nests))
        return tuple(zip([0, *ends], ends, strict=False))

    def locate(self, value: str) -> View:
        """Return where a value lives: its host has bytes of its own."""
        offset, pitch = 0, None
        while value in self.views:
            view = self.views[value]
            offset += view.offset
            pitch = view.pixel_pitch or pitch
            value = view.host
        return View(value, offset, pitch)

    def storage(self, value: str) -> str:
        """Return the value whose bytes `value` shows."""
        return self.locate(value).host
