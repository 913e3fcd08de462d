"""Low rank: a dense layer or 1x1 convolution as two narrower ones, where that is less work.

The weights are taken apart by their singular values, the least of which are left out: the first
layer makes few sums, the second all results from these. What is left out is measured on what the
layer reads, so that directions in which samples hardly differ go first (Zhang et al. 2016,
"Accelerating Very Deep Convolutional Networks", arXiv 1505.06798, section 3.1); what it is in the
mean, the bias takes up. Without samples, all directions count alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from codegen.ir.graph import Graph, Node
from codegen.ir.rewrite import free_name
from codegen.ir.types import Array, TensorType
from codegen.ops import Conv2d, Dense
from codegen.quantize.forward import advance
from codegen.quantize.linear_layers import own_layers
from codegen.quantize.round_weights import damp, patches_of, products


def lower_rank(graph: Graph, sqnr_db: float, inputs: tuple[Array, ...] = ()) -> Graph:
    """Return the float graph, layers in two where their results keep that ratio of signal to noise.

    A layer stays whole unless two have fewer weights, and with them fewer multiply-accumulates.
    `inputs` are samples as the graph takes them, (N, *shape).
    """
    lowered, last, own = graph, graph.last_readers(), frozenset(own_layers(graph))
    values = dict(zip(graph.inputs, inputs, strict=True)) if inputs else {}
    for node in graph.nodes:
        if node.output in own and is_matrix(graph, node):
            weights = graph.constants[node.inputs[1]]
            operands = (
                patches_of(node, weights.shape, values[node.inputs[0]], 0) if inputs else None
            )
            factors = factorize(weights.reshape(len(weights), -1), operands, sqnr_db)
            if factors is not None:
                lowered = split(lowered, node, factors)
        if inputs:
            advance(graph, node, values, last)
    return lowered


def is_matrix(graph: Graph, node: Node) -> bool:
    """The layer multiplies each pixel, or all there is, by one matrix."""
    kernel = graph.types[node.inputs[1]].shape[1:-1]
    return set(kernel) <= {1} and getattr(node.op, "group", 1) == 1


@dataclass(frozen=True, slots=True, eq=False)
class Factors:
    """Weights of two layers, and what their results lack in the mean."""

    first: Array
    second: Array
    lost: Array


def factorize(weights: Array, operands: Array | None, sqnr_db: float) -> Factors | None:
    """Return the factors of weights (M, K) of least rank that keep the ratio; None for no gain.

    `operands` (1, P, K) are what they are multiplied by.
    """
    matrix = weights.astype(np.float64)
    mean, root = np.zeros(matrix.shape[1]), np.eye(matrix.shape[1])
    if operands is not None:
        mean = operands[0].mean(axis=0, dtype=np.float64)
        centred = operands - mean.astype(np.float32)
        root = np.linalg.cholesky(damp(products(centred) / operands.shape[1])[0])
    left, singular, right = np.linalg.svd(matrix @ root, full_matrices=False)
    energies = np.square(singular)
    lost = energies[::-1].cumsum()[::-1]
    rank = max(1, int((lost > energies.sum() * 10 ** (-sqnr_db / 10)).sum()))
    if rank * sum(matrix.shape) >= matrix.size:
        return None
    share = np.sqrt(singular[:rank])
    first = np.linalg.solve(root.T, right[:rank].T).T * share[:, None]
    second = left[:, :rank] * share
    return Factors(first, second, (matrix - second @ first) @ mean)


def split(graph: Graph, node: Node, factors: Factors) -> Graph:
    """Return the graph with two layers for one."""
    x, w, b = node.inputs
    shape = graph.types[w].shape
    rank = len(factors.first)
    middle = free_name(graph, f"{node.output}_narrow")
    made = {
        free_name(graph, f"{w}_first"): factors.first.reshape(rank, *shape[1:]),
        free_name(graph, f"{b}_first"): np.zeros(rank),
        free_name(graph, f"{w}_second"): factors.second.reshape(shape[0], *shape[1:-1], rank),
        free_name(graph, f"{b}_second"): graph.constants[b] + factors.lost,
    }
    names = tuple(made)
    op = node.op
    assert isinstance(op, Conv2d | Dense)
    wide = Conv2d(clamp=op.clamp) if isinstance(op, Conv2d) else op
    first = Node(replace(op, clamp=None), (x, *names[:2]), middle, node.loc)
    second = Node(wide, (middle, *names[2:]), node.output, node.loc)
    data = {name: array.astype(np.float32) for name, array in made.items()}
    types = {name: TensorType(array.shape) for name, array in data.items()}
    types[middle] = TensorType((*graph.types[node.output].shape[:-1], rank))
    at = graph.nodes.index(node)
    return graph.with_nodes(
        (*graph.nodes[:at], first, second, *graph.nodes[at + 1 :]),
        types={**graph.types, **types},
        constants={**graph.constants, **data},
    )
