"""Forms chosen by measured noise: goals are kept, and what is measured is what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.quantize import Ranges, calibrate, quantize
from codegen.quantize.choose_forms import FormGoal, FormSearch, pick, search_forms
from codegen.quantize.equalize import equalize
from codegen.quantize.flash import OFFERED
from codegen.quantize.sensitivity import decibels
from codegen.quantize.trade import describe_trade
from codegen.quantize.weight_form import WeightForm
from tests.quantize import real_models as real
from tests.quantize.test_closed_loop import X, channel_means, make_network, ranges

LAYERS = ("y0", "y1", "y2")


def search(graph: Graph, found: Ranges, given: Mapping[str, WeightForm]) -> FormSearch:
    assert found.evidence is not None

    def quantized(forms: Mapping[str, WeightForm]) -> Graph:
        return quantize(graph, found, forms={**given, **forms})

    return search_forms(graph, quantized({}), found.evidence, given, OFFERED, quantized)


def search_small(given: Mapping[str, WeightForm]) -> FormSearch:
    """Measure three convolutions, of which the last makes the output."""
    graph = make_network()
    graph = replace(graph, outputs=("y2",), nodes=graph.nodes[:3])
    reals = evaluate(graph, [X], ["x", *LAYERS])
    return search(graph, ranges(reals, channel_means(reals)), given)


@pytest.fixture(scope="module")
def small() -> FormSearch:
    return search_small({})


def test_fewer_bits_are_fewer_bytes_and_more_noise(small: FormSearch) -> None:
    """Four bits are not offered where the code that reads them would take what they save."""
    plain = {
        name: [c for c in layer if not (c.form.codebook or c.form.huffman)]
        for name, layer in small.sensitivity.candidates.items()
    }
    bits = {name: [c.form.bits for c in layer] for name, layer in plain.items()}
    assert bits == {"y0": [8, 2, 1], "y1": [8, 4, 2, 1], "y2": [8, 4, 2, 1]}
    for layer in plain.values():
        sizes, noises = ([getattr(c, key) for c in layer] for key in ("size_bytes", "noise"))
        assert sizes == sorted(sizes, reverse=True) and noises == sorted(noises)
        assert noises[0] == 0 < noises[1]


def test_a_huffman_code_changes_bytes_and_time_alone(small: FormSearch) -> None:
    for layer in small.sensitivity.candidates.values():
        coded = [c for c in layer if c.form.huffman]
        assert coded
        for candidate in coded:
            plain = [c for c in layer if c.form == candidate.form.plain]
            assert all(c.noise == candidate.noise for c in plain)
            assert all(c.slowdown < candidate.slowdown for c in plain)


def test_time_counts_where_noise_and_bytes_are_alike(small: FormSearch) -> None:
    name = LAYERS[0]
    layer = small.sensitivity.candidates[name][0]
    slow = replace(layer, slowdown=0.5)
    sensitivity = replace(small.sensitivity, candidates={name: (slow, layer)})
    chosen = pick(sensitivity, FormGoal(flash_bytes=layer.flash_bytes))
    assert chosen == {name: layer}


def test_noise_alone_is_that_of_the_network_with_one_layer_so(small: FormSearch) -> None:
    """Layers after it are repaired again, so it is about the same, or less."""
    base = small.sensitivity.noise
    for name in LAYERS:
        candidate = small.sensitivity.candidates[name][-1]
        plan, _ = small.measured({name: candidate})
        assert 0.1 < (plan.noise - base) / candidate.noise < 3


def test_bytes_are_kept_and_more_bytes_make_less_noise(small: FormSearch) -> None:
    whole = sum(layer[0].flash_bytes for layer in small.sensitivity.candidates.values())
    noises = []
    for share in (0.4, 0.5, 0.8, 1.0):
        found = small.plan(FormGoal(flash_bytes=int(share * whole)))
        assert found is not None and found[0].flash_bytes <= share * whole
        noises.append(found[0].expected_noise)
    assert noises == sorted(noises, reverse=True)
    assert small.plan(FormGoal(flash_bytes=whole // 20)) is None


@pytest.mark.parametrize("wanted", [15.0, 25.0])
def test_a_ratio_is_kept_with_few_bytes(small: FormSearch, wanted: float) -> None:
    found = small.plan(FormGoal(noise=10 ** (-wanted / 10)))
    assert found is not None
    plan, graph = found
    assert decibels(plan.noise) >= wanted
    whole = sum(layer[0].flash_bytes for layer in small.sensitivity.candidates.values())
    assert plan.size_bytes < 0.7 * whole
    trade = describe_trade(plan, graph)
    assert trade.first_bytes == whole and len(trade.layers) == 3
    gains = [promotion.gain_db for promotion in trade.promotions]
    assert gains and gains == sorted(gains) and gains[0] > 0
    assert small.plan(FormGoal(noise=10**-9)) is None


def test_layers_that_are_given_a_form_keep_it() -> None:
    found = search_small({"y1": WeightForm(2)})
    assert [c.form.bits for c in found.sensitivity.candidates["y1"]] == [2]
    plan = found.plan(FormGoal(flash_bytes=10**6))
    assert plan is not None
    assert [plan[0].forms[name].bits for name in LAYERS] == [8, 2, 8]


@pytest.mark.parametrize(
    "name",
    [
        "mlperf_tiny_kws_dscnn_f32",
        pytest.param("mlperf_tiny_ic_resnet8_f32", marks=pytest.mark.slow),
    ],
)
def test_sixty_percent_of_the_bytes_lose_less_than_a_point_and_a_half(
    shared_models: Path, name: str
) -> None:
    model, graph = real.open_network(shared_models, name)
    equal, found = equalize(graph, calibrate(model, graph, real.calibration(shared_models, name)))
    forms = search(equal, found, {})
    whole = sum(layer[0].size_bytes for layer in forms.sensitivity.candidates.values())
    plan = forms.plan(FormGoal(flash_bytes=int(0.6 * whole)))
    assert plan is not None and plan[0].size_bytes <= 0.6 * whole
    labels = real.labels(shared_models, name)
    expected = np.load(shared_models / "ref" / f"{name}.npz")["onnxruntime_output"]
    scores = real.run_fixed(plan[1], real.evaluation(shared_models, name))
    right = [
        (y.reshape(len(labels), -1).argmax(axis=1) == labels).mean() for y in (scores, expected)
    ]
    assert right[0] >= right[1] - 0.015
