"""The trade: what the chosen forms of weights cost and save, and what better ones would."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from codegen.ir.graph import Graph
from codegen.ir.report import FormTrial, LayerTrade, Promotion, Trade
from codegen.quantize.choose_forms import FormPlan
from codegen.quantize.sensitivity import Candidate, decibels

PROMOTIONS = 4
"""Promotions that are told, at most: each with those before it."""
LEAST_NOISE = 1e-12
"""Noise of outputs that are exact; keeps ratios finite."""


def describe_trade(plan: FormPlan, graph: Graph) -> Trade:
    """Return a plan as the report tells it; layers have the names of their ONNX nodes."""
    producers = graph.producers()
    names = {name: producers[name].loc.node or name for name in plan.chosen}
    candidates = plan.sensitivity.candidates
    return Trade(
        layers=tuple(
            LayerTrade(
                names[name],
                str(chosen.form),
                chosen.size_bytes,
                tuple(map(trial, candidates[name])),
            )
            for name, chosen in plan.chosen.items()
        ),
        weights_bytes=plan.size_bytes,
        first_bytes=sum(layer[0].size_bytes for layer in candidates.values()),
        sqnr_db=ratio(plan.noise),
        expected_db=ratio(plan.expected_noise),
        first_db=ratio(plan.sensitivity.noise),
        promotions=tuple(promotions(plan, names)),
    )


def ratio(noise: float) -> float:
    """Return signal to noise in dB, finite and to a hundredth."""
    return round(decibels(max(noise, LEAST_NOISE)), 2)


def trial(candidate: Candidate) -> FormTrial:
    """Return a candidate with its own noise."""
    alone = ratio(candidate.noise) if candidate.noise else None
    return FormTrial(str(candidate.form), candidate.size_bytes, alone)


def promotions(plan: FormPlan, names: Mapping[str, str]) -> Iterator[Promotion]:
    """Yield what layers in better forms would gain: the best one, it and the next best, and so on.

    A layer's own noise counts by the part that such noises have in what was measured.
    """
    added = plan.expected_noise - plan.sensitivity.noise
    share = max(plan.noise - plan.sensitivity.noise, 0.0) / added if added > 0 else 0.0
    now, size = dict(plan.chosen), 0
    promoted: dict[str, None] = {}
    noise = max(plan.noise, LEAST_NOISE)
    for _ in range(PROMOTIONS):
        found = best_step(plan, now)
        if found is None or share == 0:
            return
        name, better = found
        size += better.size_bytes - now[name].size_bytes
        noise = max(noise - share * (now[name].noise - better.noise), LEAST_NOISE)
        now[name] = better
        promoted[names[name]] = None
        gain = 10 * math.log10(max(plan.noise, LEAST_NOISE) / noise)
        yield Promotion(tuple(promoted), round(gain, 2), size)


def best_step(plan: FormPlan, now: Mapping[str, Candidate]) -> tuple[str, Candidate] | None:
    """Return the layer and form that take most noise away for each byte more."""
    steps = [
        (name, other)
        for name, candidate in now.items()
        for other in plan.sensitivity.candidates[name]
        if other.noise < candidate.noise
    ]

    def worth(step: tuple[str, Candidate]) -> float:
        before = now[step[0]]
        return (before.noise - step[1].noise) / max(1, step[1].size_bytes - before.size_bytes)

    return max(steps, key=worth, default=None)
