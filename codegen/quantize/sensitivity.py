"""Sensitivity: what each form of each layer's weights costs: bytes, and noise at the outputs.

Each form of each layer is tried alone in the network of 8 bits, computed from that layer on.
What the outputs are off then is its noise; noises of several layers add, as far as they are
independent. An output that is a Softmax is looked at before it: near 0 and 1 it hides errors
that decide other samples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from codegen.ir.coding import CALL_BYTES, DECODING_CYCLES, Coding, stored_bytes
from codegen.ir.evaluate import evaluate as evaluate_graph
from codegen.ir.graph import Graph, Node
from codegen.ir.types import Array
from codegen.ops import Conv2d, Dense, Softmax
from codegen.quantize.closed_loop import RealLayer, round_layer, shift_bias
from codegen.quantize.effort import measured_integers, sample_count
from codegen.quantize.forward import evaluate
from codegen.quantize.ranges import Evidence, Progress
from codegen.quantize.weight_form import WeightForm

CYCLES_PER_MAC = 1.3
"""About what a network takes with a byte each, all in all."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A form of a layer's weights: bytes of the constants that hold them, and relative noise.

    `noise` is the part of the outputs' power that their error has by this form alone; `slowdown`
    what decoding takes, as part of about what the network takes with a byte each; `coding` how the
    weights are stored.
    """

    form: WeightForm
    size_bytes: int
    noise: float
    slowdown: float = 0.0
    coding: Coding | None = None

    @property
    def flash_bytes(self) -> int:
        """What it takes with the calls that read it, beyond those of a byte each."""
        return self.size_bytes + (CALL_BYTES if self.coding else 0)


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The candidates of each layer, and the noise of the network with the first of all."""

    candidates: Mapping[str, tuple[Candidate, ...]]
    noise: float


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """What the float network makes of samples, where noise is looked at.

    `logits` are those that a Softmax reads: what they have in common changes nothing.
    """

    names: tuple[str, ...]
    inputs: tuple[Array, ...]
    reals: Mapping[str, Array]
    logits: frozenset[str] = frozenset()

    def noise(self, graph: Graph, values: Mapping[str, Array]) -> float:
        """Return the error's part of the power, the mean over the outputs."""
        return self.distance({name: real(graph, name, values[name]) for name in self.names})

    def distance(
        self, found: Mapping[str, Array], base: Mapping[str, Array] | None = None
    ) -> float:
        """Return the power of the difference from `base`, or the reals, as part of the reals'."""
        parts = [
            self.power(name, found[name] - (base or self.reals)[name])
            / max(self.power(name, self.reals[name]), np.finfo(float).tiny)
            for name in self.names
        ]
        return float(np.mean(parts))

    def power(self, name: str, reals: Array) -> float:
        """Return the sum of squares; of logits, that of what they are from their mean."""
        if name in self.logits:
            reals = reals - reals.mean(axis=-1, keepdims=True)
        return float(np.square(reals).sum())


def decibels(noise: float) -> float:
    """Return the ratio of signal to relative noise in dB."""
    return -10 * math.log10(noise) if noise > 0 else math.inf


def noise_of(ratio_db: float) -> float:
    """Return the relative noise of a ratio in dB."""
    return 10 ** (-ratio_db / 10)


def observe(network: Graph, evidence: Evidence, effort: float = 0.0) -> Outputs:
    """Return what the float network makes of few samples; the fewer, the more each takes."""
    count = min(sample_count(network, effort), len(evidence.inputs[0]))
    places = np.linspace(0, len(evidence.inputs[0]) - 1, count).round().astype(int)
    inputs = tuple(array[places] for array in evidence.inputs)
    shown = {name: before_softmax(network, name) for name in network.outputs}
    names = tuple(dict.fromkeys(shown.values()))
    found = evaluate_graph(network, inputs, names)
    logits = frozenset(shown.values()) - frozenset(network.outputs)
    return Outputs(names, inputs, {name: found[name] for name in names}, logits)


def before_softmax(graph: Graph, name: str) -> str:
    """Return what an output is a Softmax of, moved or as it is, else the output."""
    producers = graph.producers()
    node = producers.get(name)
    while node is not None and node.op.keeps_quant and len(node.inputs) == 1:
        node = producers.get(node.inputs[0])
    return node.inputs[0] if node is not None and isinstance(node.op, Softmax) else name


def real(graph: Graph, name: str, array: Array) -> Array:
    """Return the reals that a value's integers stand for."""
    quant = graph.types[name].quant
    return array if quant is None else quant.dequantize(array)


def run_on(graph: Graph, outputs: Outputs, keep: Sequence[str] = ()) -> dict[str, Array]:
    """Return values of the fixed-point graph for the samples."""
    inputs = [
        array
        if (quant := graph.types[name].quant) is None
        else quant.quantize(array, graph.types[name].dtype)
        for name, array in zip(graph.inputs, outputs.inputs, strict=True)
    ]
    return evaluate_graph(graph, inputs, (*outputs.names, *keep))


def measure(
    graph: Graph,
    layers: Mapping[str, RealLayer],
    forms: Mapping[str, Sequence[WeightForm]],
    evidence: Evidence,
    outputs: Outputs,
    progress: Progress | None = None,
) -> Sensitivity:
    """Return what each of `forms` costs, tried alone in the fixed-point `graph`.

    `layers` have the forms that they have in the graph.
    """
    every = (*graph.inputs, *(node.output for node in graph.nodes))
    values = run_on(graph, outputs, every)
    base = {name: real(graph, name, values[name]) for name in outputs.names}
    network_cycles = max(1.0, CYCLES_PER_MAC * graph.macs)
    readers = graph.consumers()
    found: dict[str, tuple[Candidate, ...]] = {}
    nodes = [n for n in graph.nodes if n.output in layers and isinstance(n.op, Conv2d | Dense)]
    offered = {
        node.output: forms.get(node.output, ()) if len(readers[node.inputs[1]]) == 1 else ()
        for node in nodes
    }
    total = sum(len(measured_integers(each)) for each in offered.values())
    done = 0
    for node in nodes:
        now = layers[node.output].form
        data = graph.constants[node.inputs[1]]
        tried = [candidate(data, now, 0.0, network_cycles) or Candidate(now, data.size, 0.0)]
        known = {now: (data, 0.0)}
        for form in offered[node.output]:
            if form.plain not in known:
                if progress is not None:
                    progress(done, total)
                done += 1
                layer = replace(layers[node.output], form=form.plain)
                changed = try_form(graph, node, layer, values, evidence)
                noise = outputs.distance(outcome(changed, node, values, outputs.names), base)
                known[form.plain] = changed.constants[node.inputs[1]], noise
            integers, noise = known[form.plain]
            made = candidate(integers, form, noise, network_cycles)
            tried += [] if made is None else [made]
        found[node.output] = tuple(tried)
    return Sensitivity(found, outputs.noise(graph, values))


def try_form(
    graph: Graph, node: Node, layer: RealLayer, values: Mapping[str, Array], evidence: Evidence
) -> Graph:
    """Return the graph with the layer's weights in its form, repaired."""
    changed = round_layer(graph, node, layer, values[node.inputs[0]])
    if node.output not in evidence.means:
        return changed
    result = evaluate(changed, node, values)
    return shift_bias(changed, node, result, evidence.means[node.output])


def outcome(
    graph: Graph, node: Node, values: Mapping[str, Array], names: Sequence[str]
) -> dict[str, Array]:
    """Return the reals of the named values where the graph differs from this node on."""
    after = rerun(graph, {node.output: evaluate(graph, node, values)}, values, names)
    return {name: real(graph, name, after[name]) for name in names}


def candidate(
    data: Array, form: WeightForm, noise: float, network_cycles: float
) -> Candidate | None:
    """Return weights stored as the form suggests; None where that saves nothing."""
    coding = form.coding_of(data)
    if coding is None:
        return None if form.coding else Candidate(form, int(data.size), noise)
    size = stored_bytes(data, coding)
    if size == data.size:
        return None
    cycles = DECODING_CYCLES[coding.kind] * data.size
    return Candidate(form, size, noise, cycles / network_cycles, coding)


def rerun(
    graph: Graph, changed: Mapping[str, Array], values: Mapping[str, Array], names: Sequence[str]
) -> Mapping[str, Array]:
    """Return the named values where all that follows from the values changed is computed anew."""
    known = {**values, **changed}
    stale = set(changed)
    for node in graph.nodes:
        if stale & set(node.inputs) and node.output not in changed:
            stale.add(node.output)
            known[node.output] = evaluate(graph, node, known)
    return {name: known[name] for name in names}
