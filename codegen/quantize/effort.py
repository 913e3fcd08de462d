"""Effort: how many samples and forms are measured, so that a large network takes minutes as well.

Running a network on a sample takes its multiply-accumulates, and about as much again for bringing
each element of a result to its format. Where forms would take too long, samples are fewer first;
then layers of few weights, which save few bytes in any form, are tried in few.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from codegen.ir.graph import Graph
from codegen.quantize.closed_loop import RealLayer
from codegen.quantize.weight_form import INT8, WeightForm

Forms = dict[str, tuple[WeightForm, ...]]
SAMPLES = 32
"""Most samples on which noise is measured."""
LEAST_SAMPLES = 4
ELEMENT_MACS = 400
"""Multiply-accumulates that take as long as an element of a result."""
MOST_MACS = 400e9
"""About what all measurements may take: a minute or two on one core."""
SIMPLE = (INT8, WeightForm(4))
"""The integers that layers of few weights are tried in."""


def efforts(graph: Graph) -> dict[str, float]:
    """Return what it takes to run a network from each node on, on one sample, by its result."""
    found: dict[str, float] = {}
    total = 0.0
    for node in reversed(graph.nodes):
        total += node.op.macs(graph.signature(node))
        total += ELEMENT_MACS * graph.types[node.output].elements
        found[node.output] = total
    return found


def sample_count(graph: Graph, effort: float) -> int:
    """Return on how many samples to measure what takes that effort for each, and the network's."""
    whole = max(efforts(graph).values(), default=0.0)
    return min(max(LEAST_SAMPLES, int(MOST_MACS / max(1.0, whole + effort))), SAMPLES)


def measured_integers(forms: Iterable[WeightForm]) -> dict[WeightForm, None]:
    """Return the forms that differ in their integers, which are to be measured."""
    return dict.fromkeys(form.plain for form in forms if form.plain != INT8)


def forms_effort(graph: Graph, forms: Mapping[str, Sequence[WeightForm]]) -> float:
    """Return what it takes to try layers in these forms on one sample."""
    after = efforts(graph)
    return sum(after[name] * len(measured_integers(tried)) for name, tried in forms.items())


def tried_forms(
    graph: Graph, layers: Mapping[str, RealLayer], offered: Sequence[WeightForm]
) -> Forms:
    """Return the forms that each layer is tried in: those offered, of small layers maybe few."""
    few = tuple(form for form in offered if form.plain in SIMPLE)
    forms: Forms = {name: tuple(offered) for name in layers}
    for name in sorted(layers, key=lambda name: layers[name].weights.size):
        if LEAST_SAMPLES * forms_effort(graph, forms) <= MOST_MACS:
            break
        forms[name] = few
    return forms
