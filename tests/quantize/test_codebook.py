"""Codebooks: the best few integers, exactly, and layers whose weights are no others."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from codegen.ir.types import Array
from codegen.quantize import calibrate, graph_inputs, quantize
from codegen.quantize.codebook import best_codebook
from codegen.quantize.linear_layers import own_layers
from codegen.quantize.prune import prune
from codegen.quantize.weight_form import WeightForm
from tests.quantize import real_models as real


def error(steps: Array, levels: Array, counts: Array) -> float:
    return float((counts * np.square(steps[:, None] - levels).min(axis=1)).sum())


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(3))
def test_no_other_integers_make_less_error(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    steps = np.rint(rng.normal(scale=4, size=30))
    counts = rng.uniform(0.1, 3, size=30)
    steps += (steps == 0) * 1e-9
    found = best_codebook(steps, size, counts)
    span = np.arange(steps.min(), steps.max() + 1)
    least = min(error(steps, np.array(trial), counts) for trial in combinations(span, size))
    assert len(found) <= size
    assert error(steps, found, counts) == pytest.approx(least)


def test_zero_has_an_entry_of_its_own_where_weights_are_pruned() -> None:
    steps = np.array([0.0, -3.0, -2.0, -2.0, 100.0, 101.0])
    assert best_codebook(steps, 3).tolist() == [-2, 0, 100]
    assert best_codebook(steps[1:], 2).tolist() == [-2, 100]


def test_few_values_are_all_kept() -> None:
    assert best_codebook(np.array([-127.0, 4.0, 4.2]), 4).tolist() == [-127, 4]


def test_256_entries_are_all_there_can_be() -> None:
    steps = np.arange(-127, 128, dtype=np.float64)
    assert best_codebook(steps, 256).tolist() == steps.tolist()


def test_pruned_weights_of_a_codebook_stay_zero_when_rounded_together(shared_models: Path) -> None:
    name = "mlperf_tiny_kws_dscnn_f32"
    model, graph = real.open_network(shared_models, name)
    samples = real.calibration(shared_models, name)
    few = replace(samples, arrays=tuple(array[:16] for array in samples.arrays))
    forms = {layer: WeightForm(codebook=3, density=0.8) for layer in own_layers(graph)}
    inputs = graph_inputs(graph, few)
    pruned = prune(graph, dict.fromkeys(forms, 0.8), inputs)
    fixed = quantize(pruned, calibrate(model, graph, few), forms=forms)
    for layer in forms:
        weights = fixed.producers()[layer].inputs[1]
        found = fixed.constants[weights]
        assert len(np.unique(found)) <= 8
        assert not found[pruned.constants[weights] == 0].any()
    expected = real.run_onnxruntime(model, graph, few)
    assert (real.run_fixed(fixed, few).argmax(-1) == expected.argmax(-1)).mean() >= 0.8
