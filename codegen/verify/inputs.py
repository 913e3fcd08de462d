"""Inputs that bring errors to light, and what the reference makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count as count_up
from itertools import islice

import numpy as np

from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.types import Array, DType, TensorType
from codegen.progress import Progress, silent


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """Named inputs: for each of the graph's inputs an array (N, *shape) of its integer type."""

    labels: tuple[str, ...]
    arrays: tuple[Array, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, count: int) -> Inputs:
        """Return the first `count` of them, or all there are."""
        return self.select(0, count)

    def select(self, start: int, stop: int) -> Inputs:
        """Return those from `start` to before `stop`."""
        return Inputs(self.labels[start:stop], tuple(a[start:stop] for a in self.arrays))


def make_inputs(graph: Graph, samples: Sequence[Array], count: int, seed: int = 0) -> Inputs:
    """Return `count` inputs of a fixed-point graph, the most telling first.

    `samples` are arrays (N, *shape) of the graph's inputs, quantized. They alternate with random
    bytes, after a sample, random bytes, the extremes, and extremes in turn.
    """
    types = [graph.types[name] for name in graph.inputs]
    chosen = list(islice(_candidates(types, samples, np.random.default_rng(seed)), count))
    labels = tuple(label for label, _ in chosen)
    columns = zip(*(arrays for _, arrays in chosen), strict=True)
    return Inputs(labels, tuple(np.stack(column) for column in columns))


def run_reference(
    graph: Graph, inputs: Inputs, progress: Progress = silent, *, together: int = 1
) -> tuple[Array, ...]:
    """Return the reference's outputs (N, *shape), so many inputs computed together."""
    rows = []
    for index in range(0, len(inputs), together):
        progress("running the reference", index, len(inputs))
        values = evaluate(graph, inputs.select(index, index + together).arrays)
        rows.append([values[name] for name in graph.outputs])
    return tuple(np.concatenate(column) for column in zip(*rows, strict=True))


Labelled = tuple[str, list[Array]]


def _candidates(
    types: Sequence[TensorType], samples: Sequence[Array], rng: np.random.Generator
) -> Iterator[Labelled]:
    """Yield labelled inputs without end."""
    available = len(samples[0]) if samples else 0
    if available:
        yield "sample 0", [array[0] for array in samples]
    yield "random 0", [_random(t, rng) for t in types]
    yield "all least", [np.full(t.shape, t.dtype.min, t.dtype.numpy) for t in types]
    yield "all greatest", [np.full(t.shape, t.dtype.max, t.dtype.numpy) for t in types]
    yield "extremes in turn", [_alternating(t) for t in types]
    for index in count_up(1):
        if index < available:
            yield f"sample {index}", [array[index] for array in samples]
        yield f"random {index}", [_random(t, rng) for t in types]


def _random(value: TensorType, rng: np.random.Generator) -> Array:
    """Return each integer of the type equally often."""
    drawn = np.uint64 if value.dtype is DType.UINT64 else np.int64
    found = rng.integers(value.dtype.min, value.dtype.max, value.shape, drawn, endpoint=True)
    return found.astype(value.dtype.numpy)


def _alternating(value: TensorType) -> Array:
    """Return least and greatest value in turn, in the order of the bytes."""
    index = np.arange(value.elements).reshape(value.shape)
    least, greatest = np.array([value.dtype.min, value.dtype.max], value.dtype.numpy)
    alternating: Array = np.where(index % 2, greatest, least)
    return alternating
