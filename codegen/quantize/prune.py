"""Prune: make weights zero whose loss the others can make up for, and let them do so.

What a layer loses with a weight, when all others are adjusted, is the weight's square over the
diagonal of the inverse of what its operands correlate by (Hassibi and Stork 1993, "Second order
derivatives for network pruning: Optimal Brain Surgeon"). The weights of least loss go, over all
filters of a layer and, where one density is given for the network, over all layers, each loss as
part of what its layer makes. Those that stay, and the bias, are fitted to what the float network
makes of samples: layer by layer, on operands as the pruned layers before it make them, so that each
repairs what those lost. Without samples, losses are the squares of the weights, and those that stay
remain as they are: pruning by magnitude.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from codegen.ir.graph import Graph, Node
from codegen.ir.types import Array
from codegen.quantize.forward import advance
from codegen.quantize.ranges import Progress
from codegen.quantize.round_weights import DAMPING, patches_of

DOUBT = 0.2
"""How little is built on few patches: this share of the mean square for each of a filter's weights
that comes on a patch is added to each square."""
ROUNDS = 4
"""Steps in which a layer is pruned, each with losses as the one before left them."""
WORK = 1e9
"""Multiplications beyond which a layer is pruned in one step."""
TINY = 1e-30


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """What weights of a layer, the bias behind them, are fitted to; least squares by their sums.

    `squares` (G, K + 1, K + 1) are sums of products of operands and 1, `wanted` (G, M, K + 1) those
    with the results, `start` (G, M, K + 1) the weights from which the fit leaves only as far as
    samples tell it to.
    """

    squares: Array
    wanted: Array
    start: Array

    @property
    def energy(self) -> float:
        """The sum of the squares of the results about their means."""
        sums = self.start @ self.squares
        total = (sums * self.start).sum(axis=2)
        means = np.square(sums[:, :, -1]) / self.squares[:, None, -1, -1]
        return float((total - means).sum())

    def losses(self) -> Array:
        """Return what the layer loses with each weight (G, M, K), from all that are left."""
        inverse = np.linalg.inv(self.squares)
        spread = np.diagonal(inverse, axis1=1, axis2=2)[:, None, :-1]
        found: Array = np.square(self.start[:, :, :-1]) / spread
        return found

    def losses_of(self, weights: Array) -> Array:
        """Return what the layer loses with each of the weights that are left, (G, M, K)."""
        found = np.zeros(weights.shape)
        for group, filter_, left in places(weights != 0):
            inverse = np.linalg.inv(self.squares[group][np.ix_(left, left)])
            found[group, filter_, left] = weights[group, filter_, left] ** 2 / inverse.diagonal()
        return found[:, :, :-1]

    def solve(self, kept: Array) -> Array:
        """Return the weights that fit best of which only those in `kept` are not zero."""
        found = np.zeros(self.start.shape)
        for group, filter_, left in places(kept):
            squares = self.squares[group][np.ix_(left, left)]
            found[group, filter_, left] = np.linalg.solve(
                squares, self.wanted[group, filter_, left]
            )
        return found


def places(kept: Array) -> Iterator[tuple[int, int, Array]]:
    """Yield group, filter, and the places of what is kept of it."""
    for group, filter_ in np.ndindex(*kept.shape[:2]):
        yield group, filter_, np.flatnonzero(kept[group, filter_])


def make_fit(weights: Array, bias: Array, exact: Array, operands: Array) -> Fit:
    """Return what weights (G, M, K) and bias (G, M) are fitted to.

    Results are what they make of the operands `exact` (G, P, K); they are to be made of `operands`.
    """
    start = np.concatenate([weights, bias[..., None]], axis=2).astype(np.float64)
    squares = cross(operands, operands)
    size = weights.shape[2]
    share = DAMPING + DOUBT * size / operands.shape[1]
    mean = np.trace(squares[:, :-1, :-1], axis1=1, axis2=2) / size
    held = (share * mean + 1e-9)[:, None]
    diagonal = np.arange(size + 1)
    squares[:, diagonal, diagonal] += held
    wanted = start @ cross(exact, operands) + held[..., None] * start
    return Fit(squares, wanted, start)


def cross(first: Array, second: Array) -> Array:
    """Return the sums over all patches (G, P, K) of the products of elements and 1 behind them."""
    groups, count, size = first.shape
    sums = np.empty((groups, size + 1, size + 1))
    sums[:, :-1, :-1] = first.swapaxes(1, 2) @ second
    sums[:, :-1, -1] = first.sum(axis=1, dtype=np.float64)
    sums[:, -1, :-1] = second.sum(axis=1, dtype=np.float64)
    sums[:, -1, -1] = count
    return sums


def prune(
    graph: Graph,
    densities: Mapping[str, float],
    inputs: tuple[Array, ...] = (),
    progress: Progress | None = None,
) -> Graph:
    """Return the float graph, of whose weights only parts are not zero, as `densities` say.

    Layers are named by their results. `inputs` are samples as the graph takes them, (N, *shape).
    `progress` is called with the nodes done and their number.
    """
    layers = [node for node in graph.nodes if densities.get(node.output, 1.0) < 1]
    if not inputs:
        for node in layers:
            weights = graph.constants[node.inputs[1]]
            kept = greatest(np.square(weights), densities[node.output])
            graph = with_weights(graph, node, weights * kept, graph.constants[node.inputs[2]])
        return graph
    pruned, names = graph, {node.output for node in layers}
    exact = dict(zip(graph.inputs, inputs, strict=True))
    found = dict(exact)
    last = graph.last_readers()
    for index, node in enumerate(graph.nodes):
        if node.output in names:
            operands = patches(graph, node, exact), patches(graph, node, found)
            made = fit_sparse(*layer_of(graph, node), *operands, densities[node.output])
            pruned = with_weights(pruned, node, *made)
        advance(graph, node, exact, last)
        advance(pruned, node, found, last)
        if progress is not None:
            progress(index + 1, len(graph.nodes))
    return pruned


def spread(
    graph: Graph, density: float, names: Collection[str], inputs: tuple[Array, ...] = ()
) -> dict[str, float]:
    """Return a density for each of the layers so that `density` of all their weights are left.

    The weights that go are those of least loss, each as part of what its layer makes.
    """
    losses: dict[str, Array] = {}
    values = dict(zip(graph.inputs, inputs, strict=True)) if inputs else {}
    last = graph.last_readers()
    for node in graph.nodes:
        if node.output in names and not inputs:
            squares = np.square(graph.constants[node.inputs[1]], dtype=np.float64)
            losses[node.output] = squares / max(float(squares.sum()), TINY)
        elif node.output in names:
            operands = patches(graph, node, values)
            fit = fit_of(*layer_of(graph, node), operands, operands)
            losses[node.output] = fit.losses() / max(fit.energy, TINY)
        if inputs:
            advance(graph, node, values, last)
    kept = greatest(np.concatenate([found.reshape(-1) for found in losses.values()]), density)
    ends = np.cumsum([found.size for found in losses.values()])
    parts = np.split(kept, ends[:-1])
    return {name: float(part.mean()) for name, part in zip(losses, parts, strict=True)}


def patches(graph: Graph, node: Node, values: Mapping[str, Array]) -> Array:
    """Return what a layer's weights are multiplied by where these are the values, (G, P, K)."""
    return patches_of(node, graph.types[node.inputs[1]].shape, values[node.inputs[0]], 0)


def layer_of(graph: Graph, node: Node) -> tuple[Array, Array]:
    """Return the weights and the bias of a layer."""
    return graph.constants[node.inputs[1]], graph.constants[node.inputs[2]]


def fit_of(weights: Array, bias: Array, exact: Array, operands: Array) -> Fit:
    """Return what a layer is fitted to that makes of `operands` what it should of `exact`."""
    groups = len(operands)
    grouped = weights.reshape(groups, len(weights) // groups, -1)
    return make_fit(grouped, bias.reshape(groups, -1), exact, operands)


def fit_sparse(
    weights: Array, bias: Array, exact: Array, operands: Array, density: float
) -> tuple[Array, Array]:
    """Return weights, of which `density` are not zero, and bias that fit best.

    They make of operands (G, P, K) what those given make of the operands `exact`.
    """
    found = prune_layer(fit_of(weights, bias, exact, operands), density)
    return found[:, :, :-1].reshape(weights.shape), found[:, :, -1].reshape(-1)


def prune_layer(fit: Fit, density: float) -> Array:
    """Return weights and bias (G, M, K + 1), `density` of the weights not zero, that fit best."""
    weights, losses = fit.start, fit.losses()
    kept = np.ones(weights.shape, bool)
    is_small = losses.size * losses.shape[2] ** 2 <= WORK
    rounds = ROUNDS if is_small else 1
    for done in range(1, rounds + 1):
        if done > 1:
            losses = fit.losses_of(weights)
        kept[:, :, :-1] &= greatest(losses, density ** (done / rounds))
        weights = fit.solve(kept)
    return weights


def greatest(numbers: Array, part: float) -> Array:
    """Return which numbers are the greatest, `part` of all: rounded up; of equals the first.

    >>> greatest(np.array([3, 1, 3, 2]), 0.5).tolist()
    [True, False, True, False]
    """
    count = part_of(part, numbers.size)
    found = np.zeros(numbers.size, bool)
    found[np.argsort(-numbers.reshape(-1), kind="stable")[:count]] = True
    return found.reshape(numbers.shape)


def part_of(part: float, count: int) -> int:
    """Return how many a part of them is, rounded up."""
    return math.ceil(round(part * count, 6))


def with_weights(graph: Graph, node: Node, weights: Array, bias: Array) -> Graph:
    """Return the graph with other weights and bias of a layer."""
    changed = dict(
        zip(node.inputs[1:], (x.astype(np.float32) for x in (weights, bias)), strict=True)
    )
    return replace(graph, constants={**graph.constants, **changed})
