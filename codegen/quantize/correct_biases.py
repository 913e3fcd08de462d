"""Correct biases: let each layer's mean result be that of the float network.

Rounding moves means: that of weights moves a channel as far as its inputs are not centred, that
of activations moves what a Relu cuts off. Pools and later layers add such errors up, while those
that differ from element to element average out. A bias that is shifted by the measured error
undoes them at no cost. Source: Nagel et al. 2019, "Data-Free Quantization Through Weight
Equalization and Bias Correction", arXiv 1906.04721, section 4.2 (empirical form).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from codegen.ir.evaluate import evaluate_node
from codegen.ir.fixed_point import INT32_MAX
from codegen.ir.graph import Graph, Node
from codegen.ir.types import Array
from codegen.quantize.ranges import Evidence, Progress

CHUNK = 8
"""Samples evaluated together; bounds the memory of accumulators."""


def correct_biases(graph: Graph, evidence: Evidence, progress: Progress | None = None) -> Graph:
    """Return the fixed-point graph with biases shifted towards `evidence.means`.

    A shift is the error of the mean; where a Relu passes only a part of it on, the rest remains.
    Layers follow each other, so each corrects what the ones before it left. A shift that 32 bits
    cannot hold, or of a bias that another layer reads too, is left out. `progress` is called with
    the nodes done and their number.
    """
    readers = graph.consumers()
    values: dict[str, Array] = {}
    for name, real in zip(graph.inputs, evidence.inputs, strict=True):
        quant = graph.types[name].quant
        assert quant is not None, f"{name} has no format"
        values[name] = quant.quantize(real, graph.types[name].dtype)
    last = {name: node for node in graph.nodes for name in node.inputs}
    for index, node in enumerate(graph.nodes):
        result = evaluate(graph, node, values)
        if node.output in evidence.means and len(readers[node.inputs[2]]) == 1:
            graph = shift_bias(graph, node, result, evidence.means[node.output])
            result = evaluate(graph, node, values)
        values[node.output] = result
        for name in set(node.inputs):
            if last[name] is node:
                values.pop(name, None)
        if progress is not None:
            progress(index + 1, len(graph.nodes))
    return graph


def evaluate(graph: Graph, node: Node, values: Mapping[str, Array]) -> Array:
    """Run one node on all samples, a chunk at a time."""
    operands = {name: values[name] for name in graph.activations(node)}
    count = len(next(iter(operands.values())))
    parts = [
        evaluate_node(graph, node, {name: x[i : i + CHUNK] for name, x in operands.items()})
        for i in range(0, count, CHUNK)
    ]
    return np.concatenate(parts)


def shift_bias(graph: Graph, node: Node, result: Array, means: Array) -> Graph:
    """Return the graph with the layer's bias less by what its results are too large."""
    name = node.inputs[2]
    quant, steps = graph.types[node.output].quant, graph.types[name].quant
    assert quant is not None and steps is not None
    found = result.reshape(-1, result.shape[-1]).mean(axis=0, dtype=np.float64)
    excess = (found - quant.zero_point) * quant.scale - means
    bias = graph.constants[name] - np.rint(excess / np.asarray(steps.scales))
    if np.abs(bias).max() > INT32_MAX:
        return graph
    shifted = replace(graph, constants={**graph.constants, name: bias.astype(np.int32)})
    try:
        node.op.params(shifted.signature(node))  # type: ignore[attr-defined]
    except ValueError:
        return graph
    return shifted
