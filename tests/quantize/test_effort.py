"""What is measured of a network is bounded: samples are fewer, then forms of small layers."""

from __future__ import annotations

import pytest

from codegen.ir.graph import Graph
from codegen.quantize import effort
from codegen.quantize.effort import (
    LEAST_SAMPLES,
    SAMPLES,
    efforts,
    forms_effort,
    measured_integers,
    sample_count,
    tried_forms,
)
from codegen.quantize.flash import OFFERED
from codegen.quantize.quantize import real_layers
from codegen.quantize.weight_form import WeightForm
from tests.quantize.test_closed_loop import make_network


@pytest.fixture(scope="module")
def network() -> Graph:
    return make_network()


def test_running_from_a_node_on_takes_all_that_follow(network: Graph) -> None:
    found = list(efforts(network).values())
    assert found == sorted(found) and len(found) == len(network.nodes)
    assert found[-1] > network.macs > 0


def test_a_huffman_code_is_no_measurement_of_its_own() -> None:
    forms = [WeightForm(), WeightForm(huffman=True), WeightForm(4), WeightForm(4, huffman=True)]
    assert list(measured_integers(forms)) == [WeightForm(4)]


@pytest.mark.parametrize("room", [1e12, 0.6, 0.0])
def test_samples_are_fewer_then_forms_of_the_smallest_layers(
    network: Graph, monkeypatch: pytest.MonkeyPatch, room: float
) -> None:
    """`room` is the part of the effort that all forms of all layers take on the fewest samples."""
    layers = real_layers(network)
    whole = forms_effort(network, dict.fromkeys(layers, OFFERED))
    monkeypatch.setattr(effort, "MOST_MACS", room * LEAST_SAMPLES * whole)
    forms = tried_forms(network, layers, OFFERED)
    assert forms.keys() == layers.keys()
    counts = [len(forms[name]) for name in sorted(layers, key=lambda n: layers[n].weights.size)]
    assert counts == sorted(counts)
    found = forms_effort(network, forms)
    assert LEAST_SAMPLES * found <= effort.MOST_MACS or set(counts) == {min(counts)}
    assert (room > 1) == (found == whole) and (room > 0) == (max(counts) == len(OFFERED))
    expected = SAMPLES if room > 1 else LEAST_SAMPLES
    assert sample_count(network, found) == expected
