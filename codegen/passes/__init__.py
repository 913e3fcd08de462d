"""Passes: functions Graph -> Graph that leave the meaning and remove work."""

from __future__ import annotations

from collections.abc import Callable

from codegen.ir.graph import Graph
from codegen.passes.absorb_shuffle import absorb_shuffle
from codegen.passes.absorb_transpose import absorb_transpose
from codegen.passes.adopt_qdq import adopt_qdq
from codegen.passes.eliminate_dead import eliminate_dead
from codegen.passes.eliminate_reshape import eliminate_reshape
from codegen.passes.fold_affine import fold_affine
from codegen.passes.fold_pad import fold_pad
from codegen.passes.fuse_clip import fuse_clip
from codegen.passes.fuse_functions import fuse_functions
from codegen.passes.merge_moves import merge_moves
from codegen.passes.merge_slice import merge_slice
from codegen.passes.raise_pointwise import raise_pointwise
from codegen.passes.raise_transpose import raise_transpose

PASSES: tuple[Callable[[Graph], Graph], ...] = (
    eliminate_dead,
    adopt_qdq,
    eliminate_reshape,
    raise_pointwise,
    fold_affine,
    eliminate_reshape,
    merge_moves,
    absorb_shuffle,
    absorb_transpose,
    raise_transpose,
    merge_moves,
    absorb_transpose,
    fold_pad,
    merge_slice,
    raise_pointwise,
    fuse_clip,
    fuse_functions,
    eliminate_reshape,
    eliminate_dead,
)
"""In the order in which `canonicalize` runs them: formats first, for they limit what may fuse.

A Transpose that an output can take is not to be raised away from it."""


def canonicalize(graph: Graph) -> Graph:
    """Return the graph after all passes: no Q or DQ, no Transpose or Reshape without need."""
    for run in PASSES:
        graph = run(graph)
    return graph


__all__ = ["PASSES", "canonicalize"]
