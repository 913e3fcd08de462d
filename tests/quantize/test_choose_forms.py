"""Forms chosen by measured noise: goals are kept, and what is measured is what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codegen.ir.coding import Coding, coded_bytes
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.text import parse_graph
from codegen.options import Options
from codegen.quantize import Ranges, calibrate, quantize
from codegen.quantize.choose_forms import FormGoal, FormPlan, FormSearch, pick, search_forms
from codegen.quantize.equalize import equalize
from codegen.quantize.flash import OFFERED, offered_forms
from codegen.quantize.ranges import Evidence
from codegen.quantize.requested_forms import codings
from codegen.quantize.sensitivity import Candidate, decibels, noise_of
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
        name: [c for c in layer if c.form == WeightForm(c.form.bits)]
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


@pytest.mark.parametrize(
    "goal",
    [
        *(FormGoal(flash_bytes=count) for count in (1000, 1300, 1700, 2100)),
        *(FormGoal(noise=noise_of(ratio)) for ratio in (36, 40, 44, 48)),
    ],
)
def test_sparse_forms_make_no_plan_worse(small: FormSearch, goal: FormGoal) -> None:
    """What is lost by a plan, noise or bytes and time, is no more than without them."""
    sensitivity = small.sensitivity
    dense = {
        name: tuple(c for c in layer if c.form.density == 1)
        for name, layer in sensitivity.candidates.items()
    }
    assert any(len(dense[name]) < len(sensitivity.candidates[name]) for name in dense)
    whole = sum(layer[0].flash_bytes for layer in dense.values())

    def lost(chosen: Mapping[str, Candidate]) -> float:
        plan = FormPlan(sensitivity, chosen, 0.0)
        if goal.noise is not None:
            assert plan.expected_noise - sensitivity.noise <= goal.noise
            part = plan.flash_bytes / whole
        else:
            assert goal.flash_bytes is not None and plan.flash_bytes <= goal.flash_bytes
            part = (plan.expected_noise - sensitivity.noise) / sensitivity.noise
        return part + sum(c.slowdown for c in chosen.values())

    without = pick(replace(sensitivity, candidates=dense), goal)
    found = pick(sensitivity, goal)
    assert without is not None and found is not None
    assert lost(found) <= lost(without) * (1 + 1e-9)


def mostly_zero(graph: Graph, name: str, scale: float) -> Graph:
    """Multiply 70 % of the weights of a layer by that."""
    weights = graph.constants[name]
    small = np.random.default_rng(3).random(weights.shape) < 0.7
    changed = np.where(small, weights * np.float32(scale), weights)
    return replace(graph, constants={**graph.constants, name: changed})


def search_sparse(scale: float) -> FormSearch:
    """Measure a wide layer of which 70 % of the weights are small, and a narrow one behind it."""
    rng = np.random.default_rng(5)
    shapes = {"v": (64, 3, 3, 8), "a": (64,), "w": (4, 1, 1, 64), "b": (4,)}
    graph = parse_graph(
        """
        graph net(x: float32[8,8,8]) -> z
          const v: float32[64,3,3,8]
          const a: float32[64]
          const w: float32[4,1,1,64]
          const b: float32[4]
          y = conv2d(x, v, a) clamp=(0.0, inf) pads=(1, 1, 1, 1) : float32[8,8,64]
          z = conv2d(y, w, b) : float32[8,8,4]
        """,
        {key: rng.normal(size=shape).astype(np.float32) for key, shape in shapes.items()},
    )
    graph = mostly_zero(graph, "v", scale)
    inputs = rng.normal(size=(16, 8, 8, 8)).astype(np.float32)
    reals = evaluate(graph, [inputs], ["x", "y", "z"])
    means = {name: reals[name].mean(axis=(0, 1, 2)) for name in ("y", "z")}
    return search(graph, replace(ranges(reals), evidence=Evidence((inputs,), means)), {})


@pytest.mark.parametrize(("scale", "words"), [(0.0, ""), (0.02, ", 30 % dense")])
def test_a_layer_of_many_zeros_takes_a_form_that_codes_them(scale: float, words: str) -> None:
    """Small weights are made zero for it, and the others make up for them; zeros stay so."""
    found = search_sparse(scale).plan(FormGoal(noise=noise_of(25)))
    assert found is not None
    plan, graph = found
    chosen = plan.chosen["y"]
    assert str(chosen.form) == f"codebook of 32{words}"
    weights = graph.constants[graph.producers()["y"].inputs[1]]
    assert (weights != 0).mean() <= 0.31
    assert codings(graph, plan.forms)["y"] == chosen.coding == Coding("huffman")
    assert coded_bytes(weights, chosen.coding) == chosen.size_bytes < 0.4 * weights.size
    assert describe_trade(plan, graph).layers[0].form == str(chosen.form)


def test_layers_are_pruned_only_where_their_weights_are_rounded() -> None:
    options = Options("net.onnx", "cortex-m4")
    sparse = {form for form in offered_forms(options) if form.density < 1}
    assert sparse and offered_forms(options) == OFFERED
    assert set(offered_forms(replace(options, repair=("bias",)))) == set(OFFERED) - sparse
    assert offered_forms(replace(options, scheme="pow2")) == (WeightForm(huffman=True),)


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
