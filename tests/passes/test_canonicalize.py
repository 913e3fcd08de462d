"""All passes together."""

from __future__ import annotations

from codegen.passes import PASSES, canonicalize
from tests.frontend.compare import op_names
from tests.passes.graphs import filled


def test_passes_have_nothing_left_to_do_when_run_again() -> None:
    graph = canonicalize(
        filled("""
        graph net(x: float32[2,4,4]) -> z
          const w: float32[3,3,3,2]
          const b: float32[3]
          const s: float32[3,1,1,1]
          const t: float32[3]
          i = transpose(x) perm=(1, 2, 0)
          p = pad(i) before=(1, 1, 0) after=(1, 1, 0)
          c = conv2d(p, w, b)
          a = conv2d(c, s, t) group=3
          z = clip(a) high=6.0
    """)
    )
    assert op_names(graph) == ["conv2d"]
    for run in PASSES:
        assert run(graph) == graph


def test_an_output_takes_the_transposition_behind_its_activation() -> None:
    """A channels-first image comes out channels last, and nothing is transposed."""
    graph = canonicalize(
        filled("""
        graph net(x: float32[2,4,4]) -> z
          const w: float32[3,1,1,2]
          const b: float32[3]
          i = transpose(x) perm=(1, 2, 0)
          c = conv2d(i, w, b)
          a = clip(c) high=6.0
          z = transpose(a) perm=(2, 0, 1)
    """)
    )
    assert op_names(graph) == ["conv2d"]
    assert graph.types["z"].shape == (4, 4, 3)
