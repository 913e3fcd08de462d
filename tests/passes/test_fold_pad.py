"""What fold_pad does beyond its docstring's example, and what it leaves alone."""

from __future__ import annotations

import pytest

from codegen.passes.fold_pad import fold_pad
from tests.passes.graphs import filled, same_results, unchanged

PAD = """
    graph net(x: float32[5,5,2]) -> z
      y = pad(x) before=(1, 0, 0) after=(0, 1, 0) value={value}
      z = {op}
"""


@pytest.mark.parametrize(
    ("value", "op"),
    [
        ("0.0", "average_pool(y) kernel_shape=(3, 3)"),
        ("0.0", "average_pool(y) kernel_shape=(3, 3) pads=(1, 1, 1, 1) count_include_pad=True"),
        ("-inf", "max_pool(y) kernel_shape=(3, 3) pads=(0, 1, 0, 1)"),
    ],
)
def test_pad_folds_into_pools_where_exact(value: str, op: str) -> None:
    before = filled(PAD.format(value=value, op=op))
    after = fold_pad(before)
    assert len(after.nodes) == 1
    same_results(before, after)


@pytest.mark.parametrize(
    ("value", "op"),
    [
        ("1.0", "average_pool(y) kernel_shape=(3, 3)"),
        ("0.0", "average_pool(y) kernel_shape=(3, 3) pads=(1, 1, 1, 1)"),
        ("0.0", "average_pool(y) kernel_shape=(1, 1)"),
        ("0.0", "max_pool(y) kernel_shape=(3, 3)"),
        ("-inf", "max_pool(y) kernel_shape=(1, 1)"),
    ],
)
def test_pad_stays_where_folding_is_not_exact(value: str, op: str) -> None:
    unchanged(fold_pad, PAD.format(value=value, op=op))


def test_pad_of_channels_stays() -> None:
    unchanged(
        fold_pad,
        """
        graph net(x: float32[5,5,2]) -> z
          const w: float32[4,1,1,3]
          const b: float32[4]
          y = pad(x) before=(0, 0, 1) after=(0, 0, 0)
          z = conv2d(y, w, b)
    """,
    )
