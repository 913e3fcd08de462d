"""Laws of operators on groups: C equals the reference bit for bit, the reference the reals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.ir.graph import Graph
from codegen.ir.roots import inverse_root, log2, root
from codegen.ops import Reduce, SumPoolVolume
from tests.ops.group_cases import normalized_groups, reductions, running, selections, volume_pools
from tests.ops.harness import GENERIC, assert_c_equals_reference, int8, merged, op_graph
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


def test_norms_of_any_power() -> None:
    groups, planes = int8((2, 5, 3), 0.05, -9), int8((3, 1, 6, 5), 0.05, 4)
    window = (1, 2, 3), (1, 1, 2), (1, 1, 1), (0, 1, 1), (0, 0, 0), (1, 6, 3)
    graphs = [
        op_graph(op, [x], (scale, zero))
        for p, scale, zero in ((3, 0.06, -128), (5, 0.02, 0), (7, 0.04, 127))
        for op, x in (
            (Reduce("lp", p), groups),
            (SumPoolVolume(*window, "lp", p=p), planes),
        )
    ]
    check(graphs)
    assert max(map(largest_error, graphs)) <= 0.5
    for op, x in ((Reduce("lp", 8), groups), (SumPoolVolume(*window, "lp", p=8), planes)):
        graph = op_graph(op, [x], (0.05, 0))
        with pytest.raises(ValueError, match="overflow 64 bits"):
            op.params(graph.signature(graph.nodes[0]))  # type: ignore[attr-defined]
