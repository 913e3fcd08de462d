"""Shrink a fixed-point network without changing a bit of what it computes.

Channels that are one number for every input become part of the next bias, channels that equal
another are read there, and what no output needs is not computed. Interval analysis of the integers
proves each step: a filter without weights, or one that its clamp pins to an end, is a constant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from codegen.ir.coding import fits
from codegen.ir.graph import Graph, Node
from codegen.ir.report import Savings
from codegen.ir.rewrite import free_name
from codegen.ir.types import Array, Quant, TensorType
from codegen.ops import Conv2d, Dense, Reshape
from codegen.passes.shrink.facts import Facts, find_facts
from codegen.passes.shrink.keep import find_kept, fold, is_foldable

__all__ = ["savings", "shrink"]


def shrink(graph: Graph) -> Graph:
    """Return the graph without channels that no output needs; every output byte is the same.

    A layer whose remaining channels would be rescaled otherwise is left whole. What goes may make
    other filters equal: the analysis starts again until nothing is left to do.
    """
    facts, whole = find_facts(graph), set[str]()
    while True:
        kept = find_kept(graph, facts, whole)
        if all(channels.all() for channels in kept.values()):
            return graph
        narrow = _narrow(graph, facts, kept)
        changed = {node.output for node in graph.nodes if _rescales_anew(graph, narrow, node, kept)}
        if not changed:
            return shrink(narrow)
        whole |= changed


def savings(before: Graph, after: Graph) -> Savings:
    """Return what `shrink` took out of a graph."""
    channels, params = (measure(before) - measure(after) for measure in (_channels, _params))
    return Savings(channels, before.macs - after.macs, params)


def _channels(graph: Graph) -> int:
    return sum(graph.types[node.output].channels for node in graph.nodes)


def _params(graph: Graph) -> int:
    return sum(graph.types[name].elements for name in graph.constants)


def _narrow(graph: Graph, facts: Mapping[str, Facts], kept: Mapping[str, Array]) -> Graph:
    """Return the graph with only the kept channels of each value."""
    types, constants = dict(graph.types), dict(graph.constants)
    gone = {name for name, channels in kept.items() if not channels.all()}
    for name in gone:
        shape = graph.types[name].shape
        types[name] = replace(types[name], shape=(*shape[:-1], int(kept[name].sum())))
    nodes = []
    for node in graph.nodes:
        op, operands = node.op, node.inputs
        if isinstance(op, Conv2d | Dense) and not gone.isdisjoint((node.output, node.inputs[0])):
            weights, bias = _parameters(graph, node, facts, kept)
            names = tuple(free_name(graph, f"{node.output}_{role}") for role in ("weights", "bias"))
            for name, old, data in zip(names, operands[1:], (weights, bias), strict=True):
                constants[name] = data
                types[name] = _kept_type(graph.types[old], data, kept[node.output])
            operands = (operands[0], *names)
            if isinstance(op, Conv2d) and op.group > 1:
                op = replace(op, group=len(weights))
        if isinstance(op, Reshape):
            op = replace(op, shape=types[node.output].shape)
        nodes.append(replace(node, op=op, inputs=operands))
    origins = {name: origin for name, origin in graph.origins.items() if name not in gone}
    return replace(graph, types=types, constants=constants, origins=origins).with_nodes(nodes)


def _parameters(
    graph: Graph, node: Node, facts: Mapping[str, Facts], kept: Mapping[str, Array]
) -> tuple[Array, Array]:
    """Return the weights and biases of the kept filters over the kept channels."""
    x, filters = node.inputs[0], kept[node.output]
    weights, bias = (graph.constants[name] for name in node.inputs[1:])
    if not is_foldable(node):
        return weights[filters], bias[filters]
    folded = fold(graph, node, facts[x], filters)
    shape = (len(folded.weights), *weights.shape[1:-1], int(kept[x].sum()))
    narrowed = folded.weights[:, :, kept[x]].reshape(shape)
    return narrowed.astype(weights.dtype), folded.bias.astype(bias.dtype)


def _kept_type(kind: TensorType, data: Array, filters: Array) -> TensorType:
    """Return the type of a layer's constant for some of its filters."""
    quant = kind.quant
    if quant is not None and len(quant.scales) == len(filters):
        scales = tuple(s for s, stays in zip(quant.scales, filters, strict=True) if stays)
        quant = Quant(scales, quant.zero_point, quant.axis)
    coding = kind.coding if kind.coding and fits(data, kind.coding) else None
    return replace(kind, shape=data.shape, quant=quant, coding=coding)


def _rescales_anew(graph: Graph, narrow: Graph, node: Node, kept: Mapping[str, Array]) -> bool:
    """The multipliers of a narrowed layer are not those it had."""
    if not isinstance(node.op, Conv2d | Dense):
        return False
    after = next(other for other in narrow.nodes if other.output == node.output)
    filters = kept[node.output]
    old, new = (_multipliers(g, n) for g, n in ((graph, node), (narrow, after)))
    return old[1] != new[1] or not np.array_equal(old[0][filters], new[0])


def _multipliers(graph: Graph, node: Node) -> tuple[Array, int]:
    """Return the multiplier of each filter of a linear layer, and their shift."""
    op: Any = node.op
    rescale = op.params(graph.signature(node)).rescale
    return np.resize(
        np.array(rescale.multipliers), graph.types[node.output].channels
    ), rescale.shift
