"""Forms of weights: integers are those that a form has, and less is lost than by the nearest."""

from __future__ import annotations

import numpy as np
import pytest

from codegen.ir.coding import Coding, fits
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


def test_weights_of_a_codebook_are_stored_in_the_smaller_coding() -> None:
    """Indices where values are about as frequent as each other, a Huffman code for many zeros."""
    rng = np.random.default_rng(0)
    even = rng.integers(-8, 8, 4000).astype(np.int8)
    sparse = np.where(rng.random(4000) < 0.1, even, 0).astype(np.int8)
    form = WeightForm(codebook=4, density=0.5)
    assert form.coding_of(even) == Coding("codebook", 4)
    assert form.coding_of(sparse) == Coding("huffman")
    assert WeightForm(density=0.1).coding_of(sparse) == Coding("huffman")
    assert WeightForm(bits=4).coding_of(sparse) == Coding("bits", 4)
    assert WeightForm().coding_of(sparse) is None
    assert WeightForm(codebook=2).coding_of(even) is None
