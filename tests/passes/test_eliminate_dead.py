"""What eliminate_dead does beyond its docstring's example."""

from __future__ import annotations

from codegen.passes.eliminate_dead import eliminate_dead
from tests.passes.graphs import filled


def test_chains_and_constants_that_nobody_reads_go_and_inputs_stay() -> None:
    graph = eliminate_dead(
        filled("""
        graph net(x: float32[6], u: float32[2]) -> z
          const w: float32[4,6]
          const b: float32[4]
          y = dense(x, w, b)
          a = clip(y)
          z = clip(x)
    """)
    )
    assert str(graph) == (
        "graph net(x: float32[6], u: float32[2]) -> z\n  z = clip(x) : float32[6]"
    )
