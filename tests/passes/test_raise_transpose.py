"""What raise_transpose does beyond its docstring's example, and what it leaves alone."""

from __future__ import annotations

from codegen.ir.text import parse_graph
from codegen.ir.types import Origin
from codegen.passes.absorb_transpose import absorb_transpose
from codegen.passes.raise_transpose import raise_transpose


def test_transposes_rise_through_a_pad_into_the_input() -> None:
    graph = parse_graph("""
        graph net(x: float32[3,4,5]) -> z
          p = pad(x) before=(0, 1, 2) after=(0, 0, 1)
          t = transpose(p) perm=(1, 2, 0)
          u = transpose(p) perm=(1, 2, 0)
          z = add(t, u)
    """)
    graph = graph.with_nodes(graph.nodes, origins={"x": Origin("x"), "t": Origin("p", (1, 2, 0))})
    after = absorb_transpose(raise_transpose(graph))
    assert str(after) == (
        "graph net(x: float32[4,5,3]) -> z\n"
        "  t = pad(x) before=(1, 2, 0) after=(0, 1, 0) : float32[5,8,3]\n"
        "  z = add(t, t) : float32[5,8,3]"
    )
    assert after.origins["x"] == Origin("x", (1, 2, 0))
