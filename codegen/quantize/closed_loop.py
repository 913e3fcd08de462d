"""Closed loop: repair each layer with what the integers before it make of samples.

Weights are rounded together for the operands that the layer really gets (`round_weights`). Then
biases: rounding moves means, that of weights as far as a channel's inputs are not centred, that of
activations by what a Relu cuts off. Pools and later layers add such errors up, while those
that differ from element to element average out. A bias that is shifted by the measured error
undoes them at no cost. Source: Nagel et al. 2019, "Data-Free Quantization Through Weight
Equalization and Bias Correction", arXiv 1906.04721, section 4.2 (empirical form).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from codegen.ir.evaluate import forget
from codegen.ir.fixed_point import INT32_MAX
from codegen.ir.graph import Graph, Node
from codegen.ir.types import Array
from codegen.quantize.codebook import best_codebook
from codegen.quantize.fit_weights import fit_together, holding_scales
from codegen.quantize.forward import evaluate
from codegen.quantize.linear_layers import (
    filter_order,
    least_scale,
    quantize_bias,
    single,
    with_scales,
)
from codegen.quantize.prune import fit_sparse, part_of
from codegen.quantize.ranges import Evidence, Progress
from codegen.quantize.round_weights import (
    patches_of,
    pays_off,
    products,
    round_together,
)
from codegen.quantize.weight_form import INT8, WeightForm


@dataclass(frozen=True, slots=True, eq=False)
class RealLayer:
    """Weights and bias of a layer in reals, and what its integers may be."""

    weights: Array
    bias: Array
    form: WeightForm = INT8


def close_loop(
    graph: Graph,
    evidence: Evidence,
    layers: Mapping[str, RealLayer],
    progress: Progress | None = None,
) -> Graph:
    """Return the fixed-point graph with weights rounded anew and biases shifted.

    `layers` are those whose weights are to be rounded, by their results; biases are
    shifted towards `evidence.means`: a shift is the error of the mean; where a Relu passes only a
    part of it on, the rest remains. Layers follow each other, so each repairs what the ones
    before it left. What 32 bits cannot hold is left out, and what another layer reads too.
    `progress` is called with the nodes done and their number.
    """
    readers = graph.consumers()
    values: dict[str, Array] = {}
    for name, real in zip(graph.inputs, evidence.inputs, strict=True):
        quant = graph.types[name].quant
        assert quant is not None, f"{name} has no format"
        values[name] = quant.quantize(real, graph.types[name].dtype)
    last = graph.last_readers()
    for index, node in enumerate(graph.nodes):
        if node.output in layers and len(readers[node.inputs[1]]) == 1:
            graph = round_layer(graph, node, layers[node.output], values[node.inputs[0]])
        result = evaluate(graph, node, values)
        if node.output in evidence.means and len(readers[node.inputs[2]]) == 1:
            graph = shift_bias(graph, node, result, evidence.means[node.output])
            result = evaluate(graph, node, values)
        values[node.output] = result
        forget(node, values, last)
        if progress is not None:
            progress(index + 1, len(graph.nodes))
    return graph


def round_layer(graph: Graph, node: Node, layer: RealLayer, operand: Array) -> Graph:
    """Return the graph with the layer's weights rounded together, where that is nearer."""
    name = node.inputs[1]
    kind, x = graph.types[name], graph.types[node.inputs[0]].quant
    assert kind.quant is not None and x is not None
    patches = patches_of(node, layer.weights.shape, operand, x.zero_point)
    shape = (len(patches), len(layer.weights) // len(patches), -1)
    centred = patches.astype(np.float32) - np.float32(x.zero_point)
    levels = layer.form.levels
    scales = np.asarray(kind.quant.scales).reshape(*shape[:2], 1)
    if is_pruned := is_too_dense(layer):
        layer = pruned(layer, centred * np.float32(x.scale))
        scales = holding_scales(layer.weights.reshape(shape), levels)[..., None]
    reals = layer.weights.reshape(shape)
    exact = reals / scales
    if layer.form.codebook:
        counts = np.square(scales) * centred.var(axis=1, keepdims=True)
        levels = best_codebook(exact, 2**layer.form.codebook, counts)
    if layer.form.is_coarse or is_pruned:
        return fit_layer(graph, node, layer, levels, centred)
    nearest = graph.constants[name].reshape(shape)
    together = round_together(exact, centred, levels)
    if not pays_off(exact, nearest, together, centred):
        return graph
    return if_sound(graph, node, {name: together.reshape(kind.shape).astype(np.int8)})


def is_too_dense(layer: RealLayer) -> bool:
    """More of the weights are not zero than their form has."""
    weights = layer.weights
    return int(np.count_nonzero(weights)) > part_of(layer.form.density, weights.size)


def pruned(layer: RealLayer, operands: Array) -> RealLayer:
    """Return the layer with as many weights as its form has, fitted to operands (G, P, K)."""
    made = fit_sparse(layer.weights, layer.bias, operands, operands, layer.form.density)
    return RealLayer(*made, layer.form)


def fit_layer(graph: Graph, node: Node, layer: RealLayer, levels: Array, operands: Array) -> Graph:
    """Return the graph with weights of few levels, and scales, that fit the operands.

    `operands` (G, P, K) are in steps. What the error is in the mean, the bias takes up.
    """
    groups, _, size = operands.shape
    reals = layer.weights.reshape(groups, -1, size)
    x, y = graph.types[node.inputs[0]].quant, graph.types[node.output].quant
    assert x is not None and y is not None
    mean = operands.mean(axis=1, keepdims=True)
    squares = products(operands - mean) / operands.shape[1]
    fitted, integers = fit_together(reals, squares, levels, least_scale(x, y))
    scales = single(fitted)
    lost = (reals - integers * scales[..., None]) * mean
    bias = layer.bias + lost.sum(axis=2).reshape(-1) * x.scale
    weights = with_scales(integers.reshape(layer.weights.shape), scales.reshape(-1))
    made = (weights, quantize_bias(bias, weights, x))
    types = dict(graph.types)
    types.update(zip(node.inputs[1:], (constant.type for constant in made), strict=True))
    data = dict(zip(node.inputs[1:], (constant.data for constant in made), strict=True))
    return if_sound(replace(graph, types=types), node, data, graph)


def if_sound(
    graph: Graph, node: Node, data: Mapping[str, Array], otherwise: Graph | None = None
) -> Graph:
    """Return the graph with other constants; `otherwise` where a sum would not fit 32 bits."""
    changed = replace(graph, constants={**graph.constants, **data})
    try:
        node.op.params(changed.signature(node))  # type: ignore[attr-defined]
    except ValueError:
        return otherwise or graph
    return changed


def shift_bias(graph: Graph, node: Node, result: Array, means: Array) -> Graph:
    """Return the graph with the layer's bias less by what its results are too large."""
    name = node.inputs[2]
    quant, steps = graph.types[node.output].quant, graph.types[name].quant
    assert quant is not None and steps is not None
    found = result.reshape(-1, result.shape[-1]).mean(axis=0, dtype=np.float64)
    excess = filter_order(node, (found - quant.zero_point) * quant.scale - means)
    bias = graph.constants[name] - np.rint(excess / np.asarray(steps.scales))
    if np.abs(bias).max() > INT32_MAX:
        return graph
    return if_sound(graph, node, {name: bias.astype(np.int32)})
