"""Activations of 16 bits: C equals the reference, and the reference the float meaning."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codegen.ir.graph import Graph
from tests.ops.cases import (
    convolutions,
    dense_layers,
    pools,
    recurrences,
    resizes,
    slices,
    sums,
    takes,
)
from tests.ops.harness import GENERIC, assert_c_equals_reference, in_int16

LAYERS = st.one_of(
    convolutions(), dense_layers(), pools(), sums(), resizes(), slices(), takes(), recurrences()
)


@given(LAYERS)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_c_equals_the_reference(graph: Graph) -> None:
    assert_c_equals_reference(in_int16(graph), GENERIC, np.random.default_rng(0))
