"""What absorb_transpose does beyond its docstring's example, and what it leaves alone."""

from __future__ import annotations

from codegen.ir.text import parse_graph
from codegen.ir.types import Origin
from codegen.passes.absorb_transpose import absorb_transpose
from tests.frontend.compare import op_names
from tests.passes.graphs import filled, same_results, unchanged


def test_an_output_takes_the_layout_before_a_transpose() -> None:
    graph = parse_graph("""
        graph net(x: float32[4,5,3]) -> z
          y = clip(x)
          z = transpose(y) perm=(2, 0, 1)
    """)
    graph = graph.with_nodes(graph.nodes, origins={"z": Origin("z")})
    after = absorb_transpose(graph)
    assert str(after) == "graph net(x: float32[4,5,3]) -> z\n  z = clip(x) : float32[4,5,3]"
    assert after.origins["z"] == Origin("z", (1, 2, 0))


def test_a_dense_reorders_its_columns() -> None:
    before = filled("""
        graph net(x: float32[2,3,4]) -> z
          const w: float32[5,24]
          const b: float32[5]
          y = clip(x)
          t = transpose(y) perm=(2, 0, 1)
          f = reshape(t) shape=(24,)
          z = dense(f, w, b)
    """)
    after = absorb_transpose(before)
    assert op_names(after) == ["clip", "reshape", "dense"]
    same_results(before, after)


def test_an_input_that_is_read_in_two_layouts_stays() -> None:
    unchanged(
        absorb_transpose,
        """
        graph net(x: float32[4,4]) -> z
          t = transpose(x) perm=(1, 0)
          z = add(t, x)
    """,
    )
