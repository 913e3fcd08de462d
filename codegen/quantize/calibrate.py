"""Calibrate: measure the range of every value by running the user's model on samples."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import onnx

from codegen.errors import BadCalibrationData
from codegen.ir.evaluate import evaluate_node
from codegen.ir.graph import Graph, Node
from codegen.ir.types import Array, DType
from codegen.ops import Concat, Conv2d, Dense, Softmax
from codegen.ops.softmax import MASKED
from codegen.quantize.clipping import Clip
from codegen.quantize.histogram import Histogram
from codegen.quantize.masks import logits, unmasked
from codegen.quantize.probe import as_reals, open_probe
from codegen.quantize.ranges import Channels, Evidence, Progress, Range, Ranges
from codegen.quantize.samples import Sample, Samples, Stream, graph_inputs

EVIDENCE_SAMPLES = 64
"""The samples kept to check the integers with: enough for a mean, few enough for memory."""


def calibrate(
    model: onnx.ModelProto,
    graph: Graph,
    samples: Samples | Stream,
    progress: Progress | None = None,
    clip: Clip | None = None,
) -> Ranges:
    """Return the range of every value of `graph` that needs one: its extremes over all samples.

    `clip` chooses a narrower one. Leaving outliers out makes finer steps, and lowers the mean error
    a little; yet it is outliers that decide classes, and with corrected biases more top-1 results
    stay when they are kept. Scores, whose greatest decides, are never clipped: outputs, and what
    a Softmax reads.

    The samples are read once, and memory does not grow with their number. onnxruntime runs the
    ONNX model that `graph` was imported from, a sample at a time, with the tensors of
    `graph.origins` exposed; values that show no tensor are computed from those that do.
    `progress` is called with the samples done and their number. Raises InvalidModel, and
    BadCalibrationData where a sample drives the network to NaN or infinity.
    """
    wanted = unformatted(graph)
    source = find_source(graph, wanted)
    probe = open_probe(model, [graph.origin(name).tensor for name in source.shown])
    quants = [graph.types[name].quant for name in graph.inputs]
    scores = logits(graph)
    clipped = frozenset(wanted) - scores - delivered(graph) if clip else frozenset()
    measured = Measured(wanted, clipped, scores)
    kept = Kept(linear_results(graph, wanted), stride_for(samples.count))
    for index, sample in enumerate(samples):
        values = source_values(graph, source, probe.run(sample, quants))
        measured.add(values)
        kept.add(index, sample, values)
        if progress is not None:
            progress(index + 1, samples.count)
    if measured.broken:
        raise BadCalibrationData(
            f"the samples drive the float network to NaN or infinity: {', '.join(measured.broken)}",
            where=samples.source,
            hint="compare the scaling of the samples with that of the training data",
        )
    bounds = {name: clip(found) for name, found in measured.histograms.items() if clip}
    channels = {name: found.whole() for name, found in measured.channels.items()}
    channels |= {name: channels[name].clipped(found) for name, found in bounds.items()}
    return Ranges(
        measured.bounds | bounds,
        samples.source,
        samples.synthetic,
        kept.evidence(graph),
        frozenset(measured.masked),
        channels,
        {name: measured.bounds[name] for name in bounds},
        index + 1,
    )


def evidence_inputs(graph: Graph, samples: Samples) -> tuple[Array, ...]:
    """Return some of the samples as the graph takes them, as many as evidence has at most."""
    kept = slice(None, None, stride_for(samples.count))
    few = Samples(tuple(array[kept] for array in samples.arrays), samples.source)
    return graph_inputs(graph, few)


@dataclass(slots=True)
class Kept:
    """Samples kept as evidence: every `stride`-th, fewer again whenever they become too many."""

    linear: tuple[str, ...]
    stride: int = 1
    samples: list[Sample] = field(default_factory=list)
    means: list[dict[str, Array]] = field(default_factory=list)

    def add(self, index: int, sample: Sample, values: Mapping[str, Array]) -> None:
        """Keep a sample and the channel means of its values, if it is its turn."""
        if index % self.stride:
            return
        if len(self.samples) == EVIDENCE_SAMPLES:
            self.samples, self.means = self.samples[::2], self.means[::2]
            self.stride *= 2
            if index % self.stride:
                return
        self.samples.append(sample)
        rows = {name: values[name].reshape(-1, values[name].shape[-1]) for name in self.linear}
        self.means.append({name: x.mean(axis=0, dtype=np.float64) for name, x in rows.items()})

    def evidence(self, graph: Graph) -> Evidence:
        """Return the samples as the graph takes them, and means over all of them."""
        inputs = graph_inputs(graph, Samples.join(self.samples, ""))
        means = {name: np.mean([one[name] for one in self.means], axis=0) for name in self.linear}
        return Evidence(inputs, means)


def stride_for(count: int | None) -> int:
    """Return of how many samples one is kept.

    >>> stride_for(None), stride_for(64), stride_for(300)
    (1, 1, 5)
    """
    return 1 if count is None else max(1, -(-count // EVIDENCE_SAMPLES))


@dataclass(slots=True)
class Measured:
    """What was seen of the values so far; `broken` took NaN or infinity.

    Of `clipped` there are histograms; of `logits` masked elements are left out; `masked` had some.
    """

    wanted: tuple[str, ...]
    clipped: frozenset[str] = frozenset()
    logits: frozenset[str] = frozenset()
    bounds: dict[str, Range] = field(default_factory=dict)
    channels: dict[str, ChannelTotals] = field(default_factory=dict)
    histograms: dict[str, Histogram] = field(default_factory=dict)
    broken: dict[str, None] = field(default_factory=dict)
    masked: set[str] = field(default_factory=set)

    def add(self, values: Mapping[str, Array]) -> None:
        """Widen the bounds by one sample's values, and count those to be clipped."""
        for name in self.wanted:
            low, high = self.extremes(name, values[name])
            if not math.isfinite(low + high):
                self.broken[name] = None
            known = self.bounds.get(name, (low, high))
            self.bounds[name] = min(known[0], low), max(known[1], high)
            if not values[name].size or name in self.logits:
                continue
            self.channels.setdefault(name, ChannelTotals()).add(values[name])
            if name in self.clipped and name not in self.broken:
                self.histograms.setdefault(name, Histogram()).add(values[name])

    def extremes(self, name: str, x: Array) -> Range:
        """Return the least and the greatest element that counts."""
        if name in self.logits and float(x.min()) <= MASKED:
            self.masked.add(name)
            x = unmasked(x)
        return (float(x.min()), float(x.max())) if x.size else (0.0, 0.0)


@dataclass(slots=True)
class ChannelTotals:
    """What the channels of a value took so far; mean squares of samples, added up."""

    low: Array | float = math.inf
    high: Array | float = -math.inf
    squares: Array | float = 0.0
    samples: int = 0

    def add(self, x: Array) -> None:
        """Add a sample, (1, *shape)."""
        rows = x.reshape(-1, x.shape[-1] if x.ndim > 1 else 1)
        self.low = np.minimum(self.low, rows.min(axis=0))
        self.high = np.maximum(self.high, rows.max(axis=0))
        self.squares += np.square(rows, dtype=np.float64).mean(axis=0)
        self.samples += 1

    def whole(self) -> Channels:
        """Return least, greatest, and mean square over all samples."""
        return Channels(
            np.asarray(self.low), np.asarray(self.high), np.asarray(self.squares) / self.samples
        )


def linear_results(graph: Graph, wanted: Collection[str]) -> tuple[str, ...]:
    """Return those of the values that convolutions and dense layers make."""
    nodes = (node for node in graph.nodes if isinstance(node.op, Conv2d | Dense))
    return tuple(node.output for node in nodes if node.output in wanted)


def delivered(graph: Graph) -> frozenset[str]:
    """Return the outputs and the values that are moved or joined to become one."""
    found = set(graph.outputs)
    for node in reversed(graph.nodes):
        if node.output in found and (node.op.keeps_quant or isinstance(node.op, Concat)):
            found.update(node.inputs)
    return frozenset(found)


def unformatted(graph: Graph) -> tuple[str, ...]:
    """Return the values whose format neither the file nor their operator or operands fix."""
    computed = [node.output for node in graph.nodes if not fixes_format(node)]
    return tuple(
        name
        for name in (*graph.inputs, *computed)
        if graph.types[name].quant is None and graph.types[name].dtype is DType.FLOAT32
    )


def fixes_format(node: Node) -> bool:
    """The node's result has its operand's format, or always the same."""
    return node.op.keeps_quant or isinstance(node.op, Softmax)


@dataclass(frozen=True, slots=True)
class Source:
    """Where values are from: `shown` as ONNX tensors, the others computed by `nodes` in order."""

    shown: frozenset[str]
    nodes: tuple[Node, ...]


def find_source(graph: Graph, wanted: Collection[str]) -> Source:
    """Return the least work that gives all `wanted` values."""
    needed = set(wanted)
    shown: set[str] = set()
    nodes: list[Node] = []
    producers = graph.producers()
    for name in [*(node.output for node in reversed(graph.nodes)), *graph.inputs]:
        if name not in needed:
            continue
        if name in graph.origins or name in graph.inputs:
            shown.add(name)
        else:
            nodes.append(producers[name])
            needed.update(graph.activations(producers[name]))
    return Source(frozenset(shown), tuple(reversed(nodes)))


def source_values(
    graph: Graph, source: Source, tensors: Mapping[str, Array]
) -> Mapping[str, Array]:
    """Return the values that `source` gives for one run."""
    values: dict[str, Array] = {}
    for name in source.shown:
        origin, value = graph.origin(name), graph.types[name]
        values[name] = as_reals(value, origin.one(tensors[origin.tensor], value.shape))
    for node in source.nodes:
        values[node.output] = evaluate_node(graph, node, values)
    return values
