"""Laws of operators on groups: C equals the reference bit for bit, the reference the reals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.ir.graph import Graph
from codegen.ir.roots import inverse_root, log2, root
from tests.ops.group_cases import normalized_groups, reductions, running, selections, volume_pools
from tests.ops.harness import GENERIC, assert_c_equals_reference, merged
from tests.ops.test_kernels import few, several
from tests.ops.test_meaning import largest_error, law


def check(graphs: list[Graph]) -> None:
    """Several graphs in one library, so that the compiler starts once."""
    assert_c_equals_reference(merged(graphs), GENERIC, np.random.default_rng(0))


@few
@given(graphs=st.lists(st.one_of(reductions(), selections(), running()), **several))
def test_c_equals_the_reference(graphs: list[Graph]) -> None:
    check(graphs)


@few
@given(graphs=st.lists(st.one_of(normalized_groups(), volume_pools()), **several))
def test_normalizations_and_pools(graphs: list[Graph]) -> None:
    check(graphs)


@law
@given(st.one_of(reductions(), selections(), running(), normalized_groups(), volume_pools()))
def test_integers_are_within_one_step_of_the_reals(graph: Graph) -> None:
    assert largest_error(graph) <= 1


def test_logarithms_and_roots() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([np.arange(1, 3000), rng.integers(1, 2**31, 3000), [2**31 - 1]])
    assert np.abs(log2(values, 24) / 2**24 - np.log2(values)).max() < 2**-23
    assert np.abs(root(values) / 2**15 - np.sqrt(values)).max() < 2**-12
    wide = np.concatenate([values, rng.integers(1, 2**62, 3000), [2**62 - 1]])
    factor, shift = inverse_root(wide)
    assert np.abs(factor * 2.0 ** (shift - 61) * np.sqrt(wide) - 1).max() < 2**-27
    assert (factor < 2**31).all()


@pytest.mark.parametrize("value", [0, 1, 2**31 - 1])
def test_roots_at_the_ends(value: int) -> None:
    assert int(root(np.array([value]))[0]) == pytest.approx(value**0.5 * 2**15, abs=2)
