"""What fuse_clip does beyond its docstring's example, and what it leaves alone."""

from __future__ import annotations

import pytest

from codegen.ir.text import parse_graph
from codegen.passes.fuse_clip import fuse_clip
from tests.passes.graphs import unchanged


def test_clips_merge() -> None:
    graph = fuse_clip(
        parse_graph("""
        graph net(a, b) -> z
          y = add(a, b) clamp=(-2.0, 2.0)
          x = clip(y) low=0.0
          z = clip(x) low=-1.0 high=6.0
    """)
    )
    assert str(graph) == "graph net(a, b) -> z\n  z = add(a, b) clamp=(0.0, 2.0)"


@pytest.mark.parametrize(
    "text",
    [
        "graph net(a, b) -> y, z\n y = add(a, b)\n z = clip(y)",
        "graph net(a, b) -> z\n y = add(a, b)\n c = clip(y)\n z = add(c, y)",
        "graph net(a: float32[1], b: float32[1]) -> z\n"
        " y = add(a, b) : float32[1] quant(0.5, 0)\n z = clip(y) : float32[1] quant(0.25, 0)",
        "graph net(a) -> z\n y = softmax(a)\n z = clip(y)",
    ],
)
def test_a_clip_stays_where_the_value_before_it_matters(text: str) -> None:
    unchanged(fuse_clip, text)
