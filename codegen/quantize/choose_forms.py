"""Choose forms: for each layer the form of its weights, by what all of them cost together.

The least noise within a number of bytes, or the fewest bytes within a noise, is found exactly for
noises that add (`knapsack`); then the network so quantized is measured as a whole, and where the
sum was off, forms are chosen again by what it should have been.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from codegen.ir.coding import DECODER_BYTES, Coding
from codegen.ir.graph import Graph
from codegen.quantize.effort import forms_effort, tried_forms
from codegen.quantize.knapsack import choose
from codegen.quantize.quantize import real_layers
from codegen.quantize.ranges import Evidence, Progress
from codegen.quantize.sensitivity import (
    Candidate,
    Outputs,
    Sensitivity,
    measure,
    observe,
    run_on,
)
from codegen.quantize.weight_form import WeightForm

Quantized = Callable[[Mapping[str, WeightForm]], Graph]
"""The network with layers in these forms, others in those that they were given, or of 8 bits."""
ROUNDS = 4
"""Plans that are measured, at most, to keep a noise."""
CLOSE = 0.9
"""A plan whose noise is this part of what is allowed, or more, is good enough."""
LEAST_SHARE = 0.1
"""Noises are not taken to be less than this part of what they are alone."""


@dataclass(frozen=True, slots=True)
class FormGoal:
    """What forms of weights have to keep: bytes of flash that all take, or relative noise."""

    flash_bytes: int | None = None
    noise: float | None = None


@dataclass(frozen=True, slots=True)
class FormPlan:
    """A form for each layer, with all that were considered; noises are parts of the power.

    `expected_noise` is the sum of those of layers, `noise` that of the whole network.
    """

    sensitivity: Sensitivity
    chosen: Mapping[str, Candidate]
    noise: float

    @property
    def forms(self) -> dict[str, WeightForm]:
        return {name: candidate.form for name, candidate in self.chosen.items()}

    @property
    def size_bytes(self) -> int:
        return sum(candidate.size_bytes for candidate in self.chosen.values())

    @property
    def flash_bytes(self) -> int:
        """What the weights take, and the code that reads them beyond that of a byte each."""
        codings = {candidate.coding for candidate in self.chosen.values()}
        return decoder_bytes(codings) + sum(c.flash_bytes for c in self.chosen.values())

    @property
    def expected_noise(self) -> float:
        return self.sensitivity.noise + sum(c.noise for c in self.chosen.values())


def pick(sensitivity: Sensitivity, goal: FormGoal) -> dict[str, Candidate] | None:
    """Return the best candidate of each layer; None where the goal cannot be kept.

    A goal's noise is what those of layers may add up to. Time counts as much: a plan is no better
    that takes twice as long for half the noise, or half the bytes.
    """
    layers = list(sensitivity.candidates.values())
    base = sensitivity.noise
    if goal.flash_bytes is None:
        base = sum(layer[0].flash_bytes for layer in layers)
    best: tuple[float, list[Candidate]] | None = None
    for codings in subsets(layers):
        found = pick_among(layers, goal, codings, max(base, np.finfo(float).tiny))
        if found is not None and (best is None or found[0] < best[0]):
            best = found
    return None if best is None else dict(zip(sensitivity.candidates, best[1], strict=True))


def subsets(layers: Sequence[Sequence[Candidate]]) -> Iterator[frozenset[Coding]]:
    """Yield the sets of codings that a plan may use: each needs its decoder."""
    codings = sorted({c.coding for layer in layers for c in layer if c.coding}, key=str)
    for count in range(len(codings) + 1):
        yield from map(frozenset, combinations(codings, count))


def pick_among(
    layers: Sequence[Sequence[Candidate]], goal: FormGoal, codings: frozenset[Coding], unit: float
) -> tuple[float, list[Candidate]] | None:
    """Return the best candidates stored in these codings or a byte each, and what they lose.

    Losses are parts of `unit`: noise where bytes are limited, else bytes; and time.
    """
    allowed = [[c for c in layer if c.coding is None or c.coding in codings] for layer in layers]
    if not all(allowed):
        return None
    sizes = [[float(c.flash_bytes) for c in layer] for layer in allowed]
    noises = [[c.noise for c in layer] for layer in allowed]
    decoders = decoder_bytes(codings)
    if goal.flash_bytes is not None:
        lost = costs(allowed, noises, unit)
        places = choose(lost, sizes, goal.flash_bytes - decoders)
        fixed = 0.0
    else:
        assert goal.noise is not None
        lost = costs(allowed, sizes, unit)
        places = choose(lost, noises, goal.noise)
        fixed = decoders / unit
    if places is None:
        return None
    total = fixed + sum(layer[place] for layer, place in zip(lost, places, strict=True))
    return total, [layer[place] for layer, place in zip(allowed, places, strict=True)]


def decoder_bytes(codings: Iterable[Coding | None]) -> int:
    """Return about what the code takes that reads these codings."""
    return sum(DECODER_BYTES[coding.kind] for coding in codings if coding is not None)


def costs(
    layers: Sequence[Sequence[Candidate]], losses: Sequence[Sequence[float]], unit: float
) -> list[list[float]]:
    """Return what candidates lose, as part of `unit`, and with it what they are slower."""
    return [
        [loss / unit + candidate.slowdown for candidate, loss in zip(layer, lost, strict=True)]
        for layer, lost in zip(layers, losses, strict=True)
    ]


@dataclass(frozen=True, slots=True, eq=False)
class FormSearch:
    """What was measured of one network, and how it is quantized in other forms."""

    sensitivity: Sensitivity
    outputs: Outputs
    quantized: Quantized

    def plan(self, goal: FormGoal) -> tuple[FormPlan, Graph] | None:
        """Return the plan that keeps the goal, and the network so; None where none does."""
        if goal.noise is not None:
            return self.within_noise(goal.noise)
        chosen = pick(self.sensitivity, goal)
        return None if chosen is None else self.measured(chosen)

    def measured(self, chosen: Mapping[str, Candidate]) -> tuple[FormPlan, Graph]:
        """Return a plan with its noise, and the network so."""
        graph = self.quantized({name: candidate.form for name, candidate in chosen.items()})
        noise = self.outputs.noise(graph, run_on(graph, self.outputs))
        return FormPlan(self.sensitivity, chosen, noise), graph

    def within_noise(self, limit: float) -> tuple[FormPlan, Graph] | None:
        """Return the plan of fewest bytes that was found to keep a noise.

        What layers may add up to is corrected by what the last plan had, between sums that kept
        the limit and sums that did not.
        """
        base = self.sensitivity.noise
        allowed, kept, exceeded = limit - base, 0.0, math.inf
        best: tuple[FormPlan, Graph] | None = None
        last: Mapping[str, Candidate] | None = None
        for _ in range(ROUNDS):
            chosen = pick(self.sensitivity, FormGoal(noise=allowed))
            if chosen is None or chosen == last:
                break
            last = chosen
            plan, graph = self.measured(chosen)
            keeps = plan.noise <= limit
            if keeps and (best is None or plan.flash_bytes < best[0].flash_bytes):
                best = plan, graph
            kept, exceeded = (allowed, exceeded) if keeps else (kept, allowed)
            added = plan.expected_noise - base
            if added <= 0 or CLOSE * limit <= plan.noise <= limit:
                break
            allowed = added * (limit - base) / max(plan.noise - base, LEAST_SHARE * added)
            if not kept < allowed < exceeded:
                allowed = math.sqrt(kept * exceeded) if kept else exceeded / 2
        return best


def search_forms(
    network: Graph,
    fixed: Graph,
    evidence: Evidence,
    given: Mapping[str, WeightForm],
    offered: Sequence[WeightForm],
    quantized: Quantized,
    progress: Progress | None = None,
) -> FormSearch:
    """Measure a float network's layers in the forms offered, but for those that are given one.

    `fixed` is the network as it is quantized where nothing is chosen.
    """
    layers = real_layers(network, given)
    own = {name: layer for name, layer in layers.items() if name not in given}
    forms = tried_forms(network, own, offered)
    outputs = observe(network, evidence, forms_effort(network, forms))
    sensitivity = measure(fixed, layers, forms, evidence, outputs, progress)
    return FormSearch(sensitivity, outputs, quantized)
