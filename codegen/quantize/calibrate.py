"""Calibrate: measure the range of every value by running the user's model on samples."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import onnx

from codegen.errors import BadCalibrationData
from codegen.ir.evaluate import evaluate_node
from codegen.ir.graph import Graph, Node
from codegen.ir.types import Array, DType
from codegen.ops import Softmax
from codegen.quantize.histogram import Histogram
from codegen.quantize.probe import open_probe
from codegen.quantize.ranges import Range, Ranges
from codegen.quantize.samples import Samples

Progress = Callable[[int, int], None]


def calibrate(
    model: onnx.ModelProto, graph: Graph, samples: Samples, progress: Progress | None = None
) -> Ranges:
    """Return the range of every value of `graph` that needs one, measured over all samples.

    onnxruntime runs the ONNX model that `graph` was imported from, a sample at a time, with the
    tensors of `graph.origins` exposed; values that show no tensor are computed from those that
    do. `progress` is called with the samples done and their number. Raises InvalidModel, and
    BadCalibrationData where a sample drives the network to NaN or infinity.
    """
    wanted = unformatted(graph)
    source = find_source(graph, wanted)
    probe = open_probe(model, [graph.origins[name].tensor for name in source.shown])
    quants = [graph.types[name].quant for name in graph.inputs]
    histograms = {name: Histogram() for name in wanted}
    for index in range(samples.count):
        tensors = probe.run(samples.one(index), quants)
        values = source_values(graph, source, tensors)
        for name in wanted:
            histograms[name].add(values[name])
        if progress is not None:
            progress(index + 1, samples.count)
    bad = [
        name for name, found in histograms.items() if not abs(found.low) + abs(found.high) < 1e38
    ]
    if bad:
        raise BadCalibrationData(
            f"the samples drive the float network to NaN or infinity: {', '.join(bad)}",
            where=samples.source,
            hint="compare the scaling of the samples with that of the training data",
        )
    bounds = {name: choose_range(found) for name, found in histograms.items()}
    return Ranges(bounds, samples.source, samples.synthetic)


def choose_range(found: Histogram) -> Range:
    """Return the range to represent."""
    return found.low, found.high


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
        origin, value = graph.origins[name], graph.types[name]
        shown = origin.apply(tensors[origin.tensor], value.shape)
        if value.quant is not None and shown.dtype.kind != "f":
            shown = value.quant.dequantize(shown)
        values[name] = shown
    for node in source.nodes:
        values[node.output] = evaluate_node(graph, node, values)
    return values
