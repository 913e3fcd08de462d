"""Forms that options ask for: layers are found by their names, and unknown ones are told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from codegen.errors import BadOption, UnknownName
from codegen.ir.coding import Coding
from codegen.ir.graph import Graph
from codegen.ir.types import DType, Loc, Quant, TensorType
from codegen.options import Bits, PerLayer
from codegen.quantize.quantize import real_layers
from codegen.quantize.requested_forms import codings, requested_forms
from codegen.quantize.weight_form import WeightForm
from tests.quantize.test_closed_loop import make_network


@pytest.fixture
def network() -> Graph:
    graph = make_network()
    named = (replace(n, loc=Loc("f", f"net/{n.output}/Conv")) for n in graph.nodes)
    return graph.with_nodes(list(named), types=graph.types)


def asked(graph: Graph, bits: Bits) -> dict[str, WeightForm]:
    return requested_forms(graph, real_layers(graph), bits)


def test_layers_are_named_by_node_or_result(network: Graph) -> None:
    forms = asked(network, Bits(4, layers={"net/y0/Conv": 8, "y2": 1}))
    assert forms == {"y0": WeightForm(), "y1": WeightForm(4), "y2": WeightForm(1)}
    assert asked(network, Bits(auto=True, layers={"y1": 2})) == {"y1": WeightForm(2)}


def test_unknown_layers_are_told_at_once_with_names_like_theirs(network: Graph) -> None:
    with pytest.raises(UnknownName) as caught:
        asked(network, Bits(layers={"net/y1/Con": 4, "mean": 4, "y0": 4}))
    first, second = caught.value.problems
    assert "'net/y1/Con'" in first.message and "net/y1/Conv" in first.hint
    assert "'mean'" in second.message and "there is" in second.hint


def test_prescribed_weights_have_no_other_bits(network: Graph) -> None:
    with pytest.raises(BadOption, match="integers in the file"):
        requested_forms(network, {}, Bits(4))
    assert requested_forms(network, {}, Bits()) == {}


def test_weights_are_coded_where_they_fit(network: Graph) -> None:
    four = np.resize(np.arange(-8, 8, dtype=np.int8), 64)
    data = {"w0": four.reshape(4, 1, 1, 16), "w1": np.full((4, 1, 1, 16), 99, np.int8)}
    types = {
        name: TensorType(array.shape, DType.INT8, Quant((1.0,) * 4, 0, 0))
        for name, array in data.items()
    }
    data["w2"], types["w2"] = four, types["w0"]
    graph = replace(network, types={**network.types, **types}, constants=data)
    forms = {"y0": WeightForm(4), "y1": WeightForm(4), "y2": WeightForm()}
    assert codings(graph, forms) == {"y0": Coding("bits", 4)}


def test_options_make_one_form_of_each_layer(network: Graph) -> None:
    layers = real_layers(network)
    density, codebook = PerLayer(0.5, {"y1": 1.0}), PerLayer(None, {"net/y2/Conv": 5})
    forms = requested_forms(network, layers, Bits(layers={"y0": 4}), density, codebook)
    assert forms == {
        "y0": WeightForm(4, density=0.5),
        "y1": WeightForm(),
        "y2": WeightForm(codebook=5, density=0.5),
    }
    assert requested_forms(network, layers, Bits(auto=True), codebook=codebook) == {
        "y2": WeightForm(codebook=5)
    }
    with pytest.raises(UnknownName, match="--density: no layer"):
        requested_forms(network, layers, Bits(), PerLayer(None, {"mean": 0.5}))
    with pytest.raises(BadOption, match="--codebook: no layer may"):
        requested_forms(network, {}, Bits(), codebook=PerLayer(6))
