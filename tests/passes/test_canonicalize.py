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
