"""What merge_slice does beyond its docstring's example, and what it leaves alone."""

from __future__ import annotations

from codegen.passes.merge_slice import merge_slice
from tests.passes.graphs import filled, same_results, unchanged


def test_three_slices_backwards_become_one() -> None:
    before = filled("""
        graph net(x: float32[9,8,3]) -> z
          a = slice(x) starts=(8, 0, 2) shape=(9, 4, 3) steps=(-1, 2, -1)
          b = slice(a) starts=(1, 3, 0) shape=(4, 4, 2) steps=(2, -1, 1)
          z = slice(b) starts=(3, 0, 1) shape=(2, 2, 1) steps=(-2, 2, 1)
    """)
    after = merge_slice(before)
    assert len(after.nodes) == 1
    same_results(before, after)


def test_a_slice_that_is_read_elsewhere_stays() -> None:
    before = filled("""
        graph net(x: float32[9]) -> y, z
          y = slice(x) starts=(1,) shape=(4,) steps=(2,)
          z = slice(y) starts=(1,) shape=(2,) steps=(2,)
    """)
    after = merge_slice(before)
    assert [node.inputs for node in after.nodes] == [("x",), ("x",)]
    same_results(before, after)


def test_a_format_between_two_slices_stays() -> None:
    unchanged(
        merge_slice,
        """
        graph net(x: float32[9] quant(0.1, 0)) -> z
          y = slice(x) starts=(1,) shape=(4,) steps=(2,) : float32[4] quant(0.5, 0)
          z = slice(y) starts=(1,) shape=(2,) steps=(2,)
        """,
    )
