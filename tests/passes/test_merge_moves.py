"""Moves that together give channels of an image are one Slice, and a Transpose at most."""

from __future__ import annotations

import numpy as np

from codegen.passes.merge_moves import merge_moves
from tests.frontend.compare import op_names
from tests.passes.graphs import filled, same_results, unchanged

SHUFFLED = """
    graph net(a: float32[3,4,8]) -> z, y
      const even: int32[4,3,4]
      const odd: int32[4,3,4]
      t = transpose(a) perm=(2, 0, 1)
      r = reshape(t) shape=(4, 2, 12)
      s = transpose(r) perm=(1, 0, 2)
      p = reshape(s) shape=(2, 1, 4, 3, 4)
      u = take(p, even)
      v = take(p, odd)
      i = transpose(u) perm=(1, 2, 0)
      z = clip(i) high=2.0
      y = clip(v) high=1.0
"""
HALVES = np.arange(96, dtype=np.int32).reshape(2, 4, 3, 4)


def test_channels_taken_in_turns_are_slices() -> None:
    """A channel shuffle of exporters, and the split behind it."""
    graph = filled(SHUFFLED, even=HALVES[0], odd=HALVES[1])
    after = merge_moves(graph)
    same_results(graph, after)
    assert op_names(after) == ["slice", "slice", "transpose", "clip", "clip"]
    steps = [node.op.steps for node in after.nodes[:2]]
    assert steps == [(1, 1, 2), (1, 1, 2)]


def test_other_orders_of_channels_stay() -> None:
    """None is dropped or doubled: a Take remains."""
    index = HALVES[0][[0, 2, 1, 3]]
    graph = filled(SHUFFLED, even=index, odd=HALVES[1])
    after = merge_moves(graph)
    same_results(graph, after)
    assert op_names(after).count("take") == 1


def test_values_transposed_alike_are_joined_first() -> None:
    graph = filled("""
        graph net(a: float32[3,4,5], b: float32[3,4,2]) -> z
          s = transpose(a) perm=(2, 0, 1)
          t = transpose(b) perm=(2, 0, 1)
          c = concat(s, t)
          z = clip(c)
    """)
    after = merge_moves(graph)
    same_results(graph, after)
    assert op_names(after) == ["concat", "transpose", "clip"]


def test_values_transposed_otherwise_are_not() -> None:
    unchanged(
        merge_moves,
        """
        graph net(a: float32[4,4,5], b: float32[5,4,4]) -> z
          s = transpose(a) perm=(2, 0, 1)
          t = transpose(b) perm=(0, 2, 1)
          z = concat(s, t)
        """,
    )
