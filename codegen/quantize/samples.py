"""Samples: inputs of a network, checked, in the layout of the ONNX file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Self

import numpy as np

from codegen.errors import BadCalibrationData, Problem
from codegen.ir.graph import Graph
from codegen.ir.types import Array, DType
from codegen.quantize.probe import held_as

LAYOUT_HINT = "samples have the layout of the ONNX file's input, batch first"
CHUNK = 64
"""Samples of one array that are checked and converted together; bounds the memory."""

Sample = tuple[Array, ...]
"""A batch of one for each input."""
Part = tuple[tuple[str, Array], ...]
"""For each input an array, of one sample or a batch, with the place that it is from."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Real values for each of the graph's inputs, float32 (N, *shape of the ONNX tensor).

    Integers that stand for themselves have their own element type.
    `source` says where they are from, for the report.
    """

    arrays: tuple[Array, ...]
    source: str
    synthetic: bool = False

    @property
    def count(self) -> int:
        return len(self.arrays[0])

    def __iter__(self) -> Iterator[Sample]:
        return map(self.one, range(self.count))

    def one(self, index: int) -> Sample:
        """Return the sample at `index` as a batch of one."""
        return tuple(array[index : index + 1] for array in self.arrays)

    def stream(self) -> Stream:
        """Return the same to be read one by one."""
        return Stream(iter(self), self.source, self.count, self.synthetic)

    @classmethod
    def join(cls, samples: Sequence[Sample], source: str, synthetic: bool = False) -> Self:
        """Return samples as arrays of all; there is at least one."""
        columns = zip(*samples, strict=True)
        return cls(tuple(np.concatenate(column) for column in columns), source, synthetic)


@dataclass(frozen=True, slots=True)
class Stream:
    """Samples that can be read once, one after the other, so that they need not fit in memory.

    `count` is their number where it is known before they are read. Reading raises
    BadCalibrationData or UnreadableFile. Otherwise as `Samples`.
    """

    samples: Iterator[Sample]
    source: str
    count: int | None = None
    synthetic: bool = False

    def __iter__(self) -> Iterator[Sample]:
        return self.samples

    def collect(self) -> Samples:
        """Return all samples in memory."""
        return Samples.join(list(self.samples), self.source, self.synthetic)

    def peek(self, limit: int) -> tuple[Samples, Stream]:
        """Return the first `limit` samples or all, and a stream of these and the others."""
        first = list(islice(self.samples, limit))
        held = Samples.join(first, self.source, self.synthetic)
        return held, replace(self, samples=chain(first, self.samples))


def graph_inputs(graph: Graph, samples: Samples) -> tuple[Array, ...]:
    """Return the samples as the graph takes them: (N, *shape), quantized if it is fixed-point."""
    found = []
    for name, array in zip(graph.inputs, samples.arrays, strict=True):
        value = graph.types[name]
        real = graph.origin(name).apply(array, value.shape)
        if value.quant is not None and value.dtype is not DType.FLOAT32 and real.dtype.kind == "f":
            real = value.quant.quantize(real, value.dtype)
        found.append(real)
    return tuple(found)


def onnx_shape(graph: Graph, name: str) -> tuple[int, ...]:
    """Return the shape, without batch, of the ONNX tensor that an input shows."""
    shape, perm = graph.types[name].shape, graph.origin(name).perm
    return tuple(shape[perm.index(axis)] for axis in range(len(perm))) if perm else shape


def input_names(graph: Graph, name: str) -> tuple[str, ...]:
    """Return the names an array for that input may have, the ONNX tensor's first."""
    return tuple(dict.fromkeys((graph.origin(name).tensor, name)))


def pick_inputs(arrays: Mapping[str, Array], graph: Graph, where: str) -> Part:
    """Return the array of each input from arrays by name; a single one needs no name."""
    names = [input_names(graph, name) for name in graph.inputs]
    if len(arrays) == 1 and len(names) == 1:
        return tuple((f"{where}: {key}", array) for key, array in arrays.items())
    keys = [next((name for name in options if name in arrays), None) for options in names]
    missing = [options[0] for options, key in zip(names, keys, strict=True) if key is None]
    if missing:
        raise BadCalibrationData(
            f"no array for input {', '.join(missing)}; there are {', '.join(arrays) or 'none'}",
            where=where,
            hint="name each array as the ONNX input it is for",
        )
    return tuple((f"{where}: {key}", arrays[key]) for key in keys if key is not None)


def count_samples(array: Array, graph: Graph) -> int:
    """Return how many samples of the first input an array holds, if its shape is right."""
    is_one = array.shape == onnx_shape(graph, graph.inputs[0])
    return 1 if is_one else len(array) if array.ndim else 0


def check_shape(array: Array, graph: Graph, name: str, where: str) -> Array | Problem:
    """Return the array of an input with a batch dimension, or what is wrong with its shape."""
    expected = onnx_shape(graph, name)
    if array.shape == expected:
        return array[None]
    if array.ndim == 0 or array.shape[1:] != expected:
        tensor, wanted = graph.origin(name).tensor, ", ".join(("N", *map(str, expected)))
        return Problem(
            f"input {tensor!r} expects shape ({wanted}), got {array.shape}", where, LAYOUT_HINT
        )
    return array


def check_values(
    array: Array, graph: Graph, name: str, where: str, first: int = 0
) -> Array | Problem:
    """Return samples of an input as reals, or what is wrong with them.

    `first` is the place of the first of them in what the user gave.
    """
    tensor, kind = graph.origin(name).tensor, graph.types[name]
    if kind.is_plain:
        return check_integers(array, kind.dtype, tensor, where)
    prescribed = kind.quant
    if prescribed is not None and array.dtype == np.int16 and prescribed.element is DType.INT16:
        return prescribed.dequantize(array).astype(np.float32)
    if prescribed is not None and array.dtype in (np.int8, np.uint8):
        return prescribed.dequantize(held_as(prescribed.element, array)).astype(np.float32)
    if array.dtype.kind != "f" and array.dtype != np.uint8:
        kinds = "floats, uint8 or int8" if prescribed is not None else "floats or uint8"
        return Problem(f"input {tensor!r} takes {kinds}, got {array.dtype}", where)
    return check_finite(array, tensor, where, first)


def check_integers(array: Array, dtype: DType, tensor: str, where: str) -> Array | Problem:
    """Return the array in an element type, or what it holds that is none of its integers."""
    if array.dtype.kind not in "biu":
        return Problem(f"input {tensor!r} takes {dtype.value}, got {array.dtype}", where)
    if array.size and not dtype.min <= int(array.min()) <= int(array.max()) <= dtype.max:
        found = f"{int(array.min())} to {int(array.max())}"
        return Problem(f"input {tensor!r} takes {dtype.value}, got values from {found}", where)
    return array.astype(dtype.numpy)


def check_finite(array: Array, tensor: str, where: str, first: int) -> Array | Problem:
    """Return the array as float32, or the place of its first value that is not finite."""
    with np.errstate(over="ignore"):
        reals = array.astype(np.float32)
    bad = np.argwhere(~np.isfinite(reals))
    if len(bad):
        index = tuple(int(i) for i in bad[0])
        place = (first + index[0], *index[1:])
        message = f"input {tensor!r} holds {array[index]} at {place}, of {len(bad)} such"
        return Problem(message, where)
    return reals
