"""Forms of weights: integers are those that a form has, and less is lost than by the nearest."""

from __future__ import annotations

import numpy as np
import pytest

from codegen.ir.coding import fits
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.quantize import quantize
from codegen.quantize.weight_form import WeightForm
from tests.quantize.test_closed_loop import X, channel_means, errors, make_network, ranges

FEW = (4, 2, 1)


@pytest.fixture(scope="module")
def network() -> Graph:
    return make_network()


@pytest.mark.parametrize("bits", FEW)
@pytest.mark.parametrize("repaired", [False, True])
def test_integers_are_those_of_the_form(network: Graph, bits: int, repaired: bool) -> None:
    reals = evaluate(network, [X], ["x", "y0", "y1", "y2", "mean"])
    found = ranges(reals, channel_means(reals) if repaired else None)
    form = WeightForm(bits=bits)
    fixed = quantize(network, found, forms={"y1": form})
    weights = {node.output: fixed.constants[node.inputs[1]] for node in fixed.nodes[:3]}
    assert form.coding is not None and fits(weights["y1"], form.coding)
    assert set(np.unique(weights["y1"])) <= set(form.levels)
    assert all(np.abs(weights[name]).max() > 8 for name in ("y0", "y2"))


@pytest.mark.parametrize("bits", FEW)
def test_repair_makes_less_error(network: Graph, bits: int) -> None:
    reals = evaluate(network, [X], ["x", "y0", "y1", "y2", "mean"])
    forms = {name: WeightForm(bits=bits) for name in ("y0", "y1", "y2")}
    plain, repaired = (
        errors(quantize(network, ranges(reals, means), forms=forms), reals)
        for means in (None, channel_means(reals))
    )
    assert repaired[0] < 0.5 * plain[0] and repaired[1] < 0.8 * plain[1]
