"""Compress: what is asked of weights before they are integers, and what it makes of the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from codegen.ir.coding import stored_bytes
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.report import CompressionStep
from codegen.ir.types import Array
from codegen.ops import Conv2d, Dense
from codegen.options import Options
from codegen.quantize.calibrate import evidence_inputs
from codegen.quantize.linear_layers import own_layers
from codegen.quantize.low_rank import lower_rank
from codegen.quantize.prune import prune, spread
from codegen.quantize.quantize import real_layers
from codegen.quantize.ranges import Evidence, Progress
from codegen.quantize.requested_forms import layer_names, requested_forms
from codegen.quantize.samples import Samples
from codegen.quantize.sensitivity import Outputs, decibels, observe, run_on
from codegen.quantize.weight_form import WeightForm


@dataclass(frozen=True, slots=True, eq=False)
class Compressed:
    """The float graph to be quantized, the forms of its weights, and what was done.

    `outputs` are what the original makes of samples; None where there are none.
    """

    graph: Graph
    forms: Mapping[str, WeightForm]
    steps: tuple[CompressionStep, ...]
    outputs: Outputs | None


def compress(
    graph: Graph,
    options: Options,
    samples: Samples,
    progress: Progress | None = None,
) -> Compressed:
    """Return the float graph with layers of low rank in two, and pruned, as the options ask.

    Without real samples, weights alone tell. Raises UnknownName and BadOption.
    """
    is_asked = options.low_rank_db is not None or options.density or options.codebook
    inputs = evidence_inputs(graph, samples) if is_asked and not samples.synthetic else ()
    outputs = observe(graph, Evidence(inputs, {})) if inputs else None
    steps: list[CompressionStep] = []
    changed = graph
    if options.low_rank_db is not None:
        changed = lower_rank(graph, options.low_rank_db, inputs)
        steps.append(float_step("low rank", graph, changed, outputs))
    forms = requested_forms(
        changed, real_layers(changed), options.bits, options.density, options.codebook
    )
    densities = spread_densities(changed, forms, options, inputs)
    if densities:
        pruned = prune(changed, densities, inputs, progress)
        steps.append(float_step("pruning", changed, pruned, outputs))
        changed = pruned
        forms = {n: replace(form, density=densities.get(n, 1.0)) for n, form in forms.items()}
    return Compressed(changed, forms, tuple(steps), outputs)


def spread_densities(
    graph: Graph, forms: Mapping[str, WeightForm], options: Options, inputs: tuple[Array, ...]
) -> dict[str, float]:
    """Return the densities of layers that are pruned: what is asked of all is spread over them.

    Weights that several layers read stay as they are.
    """
    layers = real_layers(graph)
    names = layer_names(graph, layers)
    own = {names[name]: part for name, part in options.density.layers.items()}
    able = [name for name in own_layers(graph) if name in forms]
    found = {name: own[name] for name in able if name in own}
    if options.density.every is not None:
        rest = [name for name in able if name not in own]
        found |= spread(graph, options.density.every, rest, inputs)
    return {name: part for name, part in found.items() if part < 1}


def float_step(name: str, before: Graph, after: Graph, outputs: Outputs | None) -> CompressionStep:
    """Return what a pass over the float network did; a weight that is not zero counts as a byte."""
    ratio = None
    if outputs is not None:
        ratio = decibels(outputs.distance(evaluate(after, outputs.inputs, outputs.names)))
    return CompressionStep(name, count_weights(before), count_weights(after), ratio)


def stored_step(before: Graph, fixed: Graph, outputs: Outputs | None) -> CompressionStep:
    """Return what integers of few values, and their coding, did."""
    size = sum(weights_bytes(fixed, name) for name in weight_names(fixed))
    ratio = None if outputs is None else decibels(outputs.noise(fixed, run_on(fixed, outputs)))
    return CompressionStep("integers, coded", count_weights(before), size, ratio)


def weights_bytes(graph: Graph, name: str) -> int:
    """Return what weights take: a byte each, unless their coding saves some."""
    data, coding = graph.constants[name], graph.types[name].coding
    return stored_bytes(data, coding) if coding else data.nbytes


def count_weights(graph: Graph) -> int:
    """Return the weights of all layers that are not zero."""
    return sum(int(np.count_nonzero(graph.constants[name])) for name in weight_names(graph))


def weight_names(graph: Graph) -> tuple[str, ...]:
    """Return the constants that are weights of convolutions and dense layers."""
    nodes = (node for node in graph.nodes if isinstance(node.op, Conv2d | Dense))
    names = dict.fromkeys(node.inputs[1] for node in nodes)
    return tuple(name for name in names if name in graph.constants)
