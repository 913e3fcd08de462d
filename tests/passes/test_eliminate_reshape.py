"""What eliminate_reshape does beyond its docstring's example, and what it leaves alone."""

from __future__ import annotations

from codegen.passes.eliminate_reshape import eliminate_reshape
from tests.passes.graphs import unchanged


def test_a_reshape_between_formats_stays() -> None:
    unchanged(
        eliminate_reshape,
        """
        graph net(x: float32[4] quant(0.5, 0)) -> z
          y = reshape(x) shape=(4,) : float32[4] quant(0.25, 0)
          z = clip(y)
    """,
    )
