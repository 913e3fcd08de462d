"""Synthetic samples, for a network that comes without data: images with structure, and signals."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from codegen.ir.graph import Graph
from codegen.ir.types import Array, TensorType
from codegen.quantize.samples import Samples

SPAN = (-1.0, 1.0)
"""The real values that synthetic inputs cover unless told otherwise."""
COUNTS = (0.0, 1.0)
"""The integers that synthetic inputs cover unless told otherwise: most are choices or indices."""
CONTRASTS = (1.0, 0.6, 0.3, 0.85)


def synthetic_samples(
    graph: Graph, count: int, seed: int = 0, spans: Mapping[str, tuple[float, float]] | None = None
) -> Samples:
    """Return `count` made-up samples, always the same: noise of every scale, gradients, edges.

    They cover `spans`, by the name of the ONNX input; an input left out covers what its prescribed
    format covers, or else [-1, 1]; bytes that stand for themselves all they
    hold, other integers 0 and 1. Whoever uses them tells the user: ranges measured with them
    are those of no real data.
    """
    arrays = []
    for position, name in enumerate(graph.inputs):
        shape, origin = graph.types[name].shape, graph.origin(name)
        span = (spans or {}).get(origin.tensor) or default_span(graph, name)
        rng = np.random.default_rng((seed, position))
        batch = np.stack([make_sample(rng, shape, span, index) for index in range(count)])
        if origin.perm:
            inverse = np.argsort(origin.perm)
            batch = batch.transpose(0, *(int(axis) + 1 for axis in inverse))
        arrays.append(np.ascontiguousarray(as_real_or_integer(batch, graph.types[name])))
    return Samples(tuple(arrays), f"{count} synthetic samples", synthetic=True)


def as_real_or_integer(batch: Array, kind: TensorType) -> Array:
    """Return reals as float32, or as the nearest integers of a value that holds such."""
    if not kind.is_plain:
        return batch.astype(np.float32)
    return np.clip(np.rint(batch), kind.dtype.min, kind.dtype.max).astype(kind.dtype.numpy)


def default_span(graph: Graph, name: str) -> tuple[float, float]:
    """Return the reals that the input's prescribed format covers, or `SPAN`."""
    kind = graph.types[name]
    quant = kind.quant
    if kind.is_plain:
        return (kind.dtype.min, kind.dtype.max) if kind.dtype.size_bytes == 1 else COUNTS
    if quant is None:
        return SPAN
    low, high = quant.dequantize(np.array([quant.element.min, quant.element.max]))
    return float(low), float(high)


def make_sample(
    rng: np.random.Generator, shape: tuple[int, ...], span: tuple[float, float], index: int
) -> Array:
    """Return one value of `shape` (an image, a map or a vector) within `span`."""
    rows, columns = (shape[0], shape[1]) if len(shape) > 1 else (1, math.prod(shape))
    channels = math.prod(shape[2:])
    shared = make_plane(rng, rows, columns)
    planes = [0.7 * shared + 0.3 * make_plane(rng, rows, columns) for _ in range(min(channels, 8))]
    image = np.stack([planes[c % len(planes)] for c in range(channels)], axis=-1)
    image = (image - image.min()) / max(float(np.ptp(image)), 1e-6)
    contrast = CONTRASTS[index % len(CONTRASTS)]
    low, high = span
    shift = rng.random() * (1 - contrast)
    sample: Array = low + (high - low) * (shift + contrast * image)
    return sample.reshape(shape)


def make_plane(rng: np.random.Generator, rows: int, columns: int) -> Array:
    """Return (rows, columns): a gradient, an edge, and noise of every scale, the coarse strongest.

    The falling spectrum is that of photographs.
    """
    y = np.linspace(-1, 1, rows)[:, None]
    x = np.linspace(-1, 1, columns)[None, :]
    turn = rng.random() * 2 * math.pi
    along = math.cos(turn) * x + math.sin(turn) * y
    plane = along * rng.random() + np.where(along > rng.random() - 0.5, 0.8, 0.0)
    cells = 2
    while cells < 2 * max(rows, columns):
        noise = rng.standard_normal((min(cells, rows), min(cells, columns)))
        plane = plane + stretch(stretch(noise, rows, 0), columns, 1) * (1.4 / math.sqrt(cells))
        cells *= 2
    return plane


def stretch(x: Array, size: int, axis: int) -> Array:
    """Interpolate linearly to `size` values along an axis."""
    position = np.linspace(0, x.shape[axis] - 1, size)
    before = np.floor(position).astype(int)
    after = np.minimum(before + 1, x.shape[axis] - 1)
    weight = (position - before).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    stretched: Array = x.take(before, axis) * (1 - weight) + x.take(after, axis) * weight
    return stretched
