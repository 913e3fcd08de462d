"""Choose forms: for each layer the form of its weights, by what all of them cost together.

The least noise within a number of bytes, or the fewest bytes within a noise, is found exactly for
noises that add (`knapsack`); then the network so quantized is measured as a whole, and where the
sum was off, forms are chosen again by what it should have been.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from codegen.ir.graph import Graph
from codegen.quantize.knapsack import choose
from codegen.quantize.sensitivity import Candidate, Outputs, Sensitivity, run_on
from codegen.quantize.weight_form import WeightForm

ROUNDS = 4
"""Plans that are measured, at most, to keep a noise."""
CLOSE = 0.9
"""A plan whose noise is this part of what is allowed, or more, is good enough."""


@dataclass(frozen=True, slots=True)
class FormGoal:
    """What forms of weights have to keep: bytes of all, or the ratio of signal to noise."""

    size_bytes: int | None = None
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
    def expected_noise(self) -> float:
        return self.sensitivity.noise + sum(c.noise for c in self.chosen.values())


def pick(
    sensitivity: Sensitivity, goal: FormGoal, optimism: float = 1.0
) -> dict[str, Candidate] | None:
    """Return the best candidate of each layer; None where the goal cannot be kept.

    `optimism` is by what factor noises are more than those measured alone.
    """
    layers = list(sensitivity.candidates.values())
    sizes = [[float(c.size_bytes) for c in layer] for layer in layers]
    noises = [[c.noise for c in layer] for layer in layers]
    if goal.size_bytes is not None:
        places = choose(noises, sizes, goal.size_bytes)
    else:
        assert goal.noise is not None
        places = choose(sizes, noises, (goal.noise - sensitivity.noise) / optimism)
    if places is None:
        return None
    chosen = (layer[place] for layer, place in zip(layers, places, strict=True))
    return dict(zip(sensitivity.candidates, chosen, strict=True))


def plan_forms(
    sensitivity: Sensitivity,
    outputs: Outputs,
    goal: FormGoal,
    quantized: Callable[[Mapping[str, WeightForm]], Graph],
) -> tuple[FormPlan, Graph] | None:
    """Return the plan that keeps the goal, and the network so quantized; None where none does."""
    optimism = 1.0
    best: tuple[FormPlan, Graph] | None = None
    for _ in range(ROUNDS):
        chosen = pick(sensitivity, goal, optimism)
        if chosen is None:
            return best
        graph = quantized({name: candidate.form for name, candidate in chosen.items()})
        plan = FormPlan(sensitivity, chosen, outputs.noise(graph, run_on(graph, outputs)))
        if goal.noise is None:
            return plan, graph
        keeps = plan.noise <= goal.noise
        if keeps and (best is None or plan.size_bytes < best[0].size_bytes):
            best = plan, graph
        if CLOSE * goal.noise <= plan.noise <= goal.noise:
            break
        added = plan.expected_noise - sensitivity.noise
        if added <= 0:
            break
        optimism = max((plan.noise - sensitivity.noise) / added, 1e-3)
    return best
