"""The integer form of each operator against its real meaning, within a stated number of steps."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.types import DType
from tests.ops.cases import convolutions, dense_layers, normalizations, pools, resizes, sums
from tests.ops.harness import samples

law = settings(max_examples=40, deadline=None, derandomize=True)


def largest_error(graph: Graph) -> float:
    """Return the largest difference from the rounded real result, in steps of the output."""
    (node,) = graph.nodes
    inputs = samples(graph, np.random.default_rng(3))
    fixed = evaluate(graph, inputs)["y"]
    reals = []
    for name in node.inputs:
        data = graph.constants.get(name, inputs[graph.inputs.index(name)] if name[0] == "x" else 0)
        quant = graph.types[name].quant
        assert quant is not None
        reals.append(quant.dequantize(np.asarray(data)))
    quant = graph.types["y"].quant
    assert quant is not None
    real = quant.quantize(node.op.evaluate(*reals), DType.INT8)
    return float(np.abs(fixed.astype(int) - real.astype(int)).max())


@law
@given(st.one_of(convolutions(), dense_layers(), sums(), pools(), normalizations(), resizes()))
def test_integers_are_within_one_step_of_the_reals(graph: Graph) -> None:
    assert largest_error(graph) <= 1
