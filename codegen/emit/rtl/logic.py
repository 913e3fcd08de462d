"""About how many logic cells an engine takes: a sum over its parts, fitted to synthesized ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from codegen.emit.rtl.design import Sizes
from codegen.ir.engine import Shape


@dataclass(frozen=True, slots=True)
class Cells:
    """Logic cells of parts in a family: look-up tables, those of carries and of small memories.

    always: what all engines have; product: with its share of a tree of adders; byte: of a word, on
    its way; sum: one that gathers; lane: a rescaler; unit: each of additions, ties, an argmax,
    tables and a softmax; ring: of weights from a stream.
    """

    always: int
    product: int
    byte: int
    sum: int
    lane: int
    unit: int
    ring: int


CELLS: Mapping[str, Cells] = {
    "ecp5": Cells(always=312, product=19, byte=217, sum=72, lane=680, unit=240, ring=110),
    "ice40": Cells(always=631, product=100, byte=500, sum=199, lane=1367, unit=150, ring=100),
}
"""By family; products of an iCE40 are made of logic."""


def logic_cells(family: str, shape: Shape, sizes: Sizes) -> int | None:
    """Return about how many logic cells an engine takes; None for a family that was not fitted."""
    cells = CELLS.get(family)
    if cells is None:
        return None
    units = (sizes.add, sizes.argmax, sizes.ties, sizes.tables > 0, sizes.exponentials > 0)
    return (
        cells.always
        + cells.product * shape.pe * shape.simd
        + cells.byte * shape.simd
        + cells.sum * shape.pe
        + cells.lane * shape.lanes
        + cells.unit * sum(units)
        + cells.ring * (shape.ring > 0)
    )
