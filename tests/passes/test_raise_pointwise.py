"""What is computed element by element goes before a move, into the layer there."""

from __future__ import annotations

import numpy as np

from codegen.passes.fold_affine import fold_affine
from codegen.passes.fuse_clip import fuse_clip
from codegen.passes.raise_pointwise import raise_pointwise
from tests.frontend.compare import op_names
from tests.passes.graphs import filled, same_results, unchanged

UPWARD = """
    graph net(x: float32[4,4,3]) -> z
      const w: float32[16,2,2,3]
      const b: float32[16]
      const s: float32[4,1,1,1]
      const t: float32[4]
      y = conv2d(x, w, b) pads=(0, 0, 1, 1)
      d = depth_to_space(y) block=(2, 2) size=(8, 8)
      a = conv2d(d, s, t) group=4
      z = clip(a)
"""


def test_a_batch_norm_behind_a_transposed_convolution_is_part_of_it() -> None:
    graph = filled(UPWARD)
    after = fuse_clip(raise_pointwise(fold_affine(raise_pointwise(graph))))
    same_results(graph, after)
    assert op_names(after) == ["conv2d", "depth_to_space"]


def test_groups_keep_their_channels() -> None:
    text = UPWARD.replace("size=(8, 8)", "size=(8, 8) groups=2")
    graph = filled(text)
    after = fold_affine(raise_pointwise(graph))
    same_results(graph, after)
    assert op_names(after) == ["conv2d", "clip", "depth_to_space"]


def test_a_clip_goes_before_several_moves() -> None:
    graph = filled("""
        graph net(x: float32[4,4,6]) -> z
          const w: float32[6,1,1,6]
          const b: float32[6]
          y = conv2d(x, w, b)
          t = transpose(y) perm=(2, 0, 1)
          r = reshape(t) shape=(6, 16)
          z = clip(r)
    """)
    after = fuse_clip(raise_pointwise(graph))
    same_results(graph, after)
    assert op_names(after) == ["conv2d", "transpose", "reshape"]


def test_a_move_that_others_read_stays() -> None:
    unchanged(
        raise_pointwise,
        """
        graph net(a: float32[4,4,8], b: float32[4,4,8]) -> z, y
          x = add(a, b)
          y = depth_to_space(x) block=(2, 2) size=(8, 8)
          z = clip(y)
        """,
    )


def test_a_number_goes_into_a_product() -> None:
    """Scaled queries and keys of attention, and scaled scores."""
    for text in (SCALED_OPERAND, SCALED_RESULT):
        graph = filled(text, s=np.full((6, 1, 1, 1), 0.5, np.float32), t=np.zeros(6, np.float32))
        after = fold_affine(graph)
        same_results(graph, after)
        assert op_names(after) == ["matmul"]


SCALED_OPERAND = """
    graph net(a: float32[2,5,6], b: float32[2,5,6]) -> z
      const s: float32[6,1,1,1]
      const t: float32[6]
      h = conv2d(a, s, t) group=6
      z = matmul(h, b) transposed=True
"""
SCALED_RESULT = """
    graph net(a: float32[2,5,4], b: float32[2,6,4]) -> z
      const s: float32[6,1,1,1]
      const t: float32[6]
      h = matmul(a, b) transposed=True
      z = conv2d(h, s, t) group=6
"""
