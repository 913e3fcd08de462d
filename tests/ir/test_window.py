"""Windows: where they begin, as C computes it, and what C could not."""

from __future__ import annotations

import numpy as np
import pytest

from codegen.ir.op import Window


def test_a_clipped_window_is_divided_within_the_operand() -> None:
    window = Window(stride=3, pad=4, divisor=2, clipped=True)
    assert window.first(np.arange(6), 4).tolist() == [0, 0, 1, 2, 3, 3]


def test_a_window_that_begins_before_the_operand_is_not_divided() -> None:
    """-3 / 2 rows is -2 here, and -1 in C."""
    assert Window(stride=2, pad=3).first(np.arange(3), 9).tolist() == [-3, -1, 1]
    with pytest.raises(AssertionError):
        Window(stride=2, pad=3, divisor=2)
