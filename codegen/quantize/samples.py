"""Samples: inputs of a network from the user's files, checked, in the layout of the ONNX file."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codegen.errors import BadCalibrationData, Problem, UnreadableFile
from codegen.ir.graph import Graph
from codegen.ir.types import Array, DType, Origin
from codegen.quantize.probe import held_as

LAYOUT_HINT = "samples have the layout of the ONNX file's input, batch first"


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

    def one(self, index: int) -> tuple[Array, ...]:
        """Return the sample at `index` as a batch of one."""
        return tuple(array[index : index + 1] for array in self.arrays)


def load_samples(path: Path, graph: Graph, apart: Collection[str] = ()) -> Samples:
    """Read samples from an .npz (arrays named as the ONNX inputs, or one array) or .npy files.

    Arrays of an .npz whose names are in `apart` are no inputs.
    A folder's .npy files, in the order of their names, hold a sample or a batch each. Floats and
    uint8 images are real values as they stand. For an input of prescribed format 8-bit integers
    are quantized values, uint8 and int8 ones 128 apart, and int16 where the format is of that
    type. Raises UnreadableFile or BadCalibrationData.
    """
    parts = read_folder(path, graph) if path.is_dir() else read_file(path, graph, apart)
    arrays: list[Array] = []
    problems: list[Problem] = []
    for name, found in zip(graph.inputs, parts, strict=True):
        checked = [check_array(array, graph, name, where) for where, array in found]
        problems += [item for item in checked if isinstance(item, Problem)]
        good = [item for item in checked if not isinstance(item, Problem)]
        arrays.append(np.concatenate(good) if good else np.zeros(0, np.float32))
    if problems:
        raise BadCalibrationData.collect(problems)
    counts = [len(array) for array in arrays]
    if len(set(counts)) != 1:
        raise BadCalibrationData(f"inputs have {counts} samples each", where=str(path))
    if not counts[0]:
        raise BadCalibrationData("holds no samples", where=str(path))
    return Samples(tuple(arrays), path.name)


def graph_inputs(graph: Graph, samples: Samples) -> tuple[Array, ...]:
    """Return the samples as the graph takes them: (N, *shape), quantized if it is fixed-point."""
    found = []
    for name, array in zip(graph.inputs, samples.arrays, strict=True):
        value = graph.types[name]
        real = origin_of(graph, name).apply(array, value.shape)
        if value.quant is not None and value.dtype is not DType.FLOAT32 and real.dtype.kind == "f":
            real = value.quant.quantize(real, value.dtype)
        found.append(real)
    return tuple(found)


def origin_of(graph: Graph, name: str) -> Origin:
    """Return the ONNX tensor that an input shows; a value without origin is its own."""
    return graph.origins.get(name, Origin(name))


def onnx_shape(graph: Graph, name: str) -> tuple[int, ...]:
    """Return the shape, without batch, of the ONNX tensor that an input shows."""
    shape, perm = graph.types[name].shape, origin_of(graph, name).perm
    return tuple(shape[perm.index(axis)] for axis in range(len(perm))) if perm else shape


Found = tuple[tuple[str, Array], ...]
"""Arrays for one input, each with the place it is from."""


def read_file(path: Path, graph: Graph, apart: Collection[str]) -> Sequence[Found]:
    """Return what an .npz or .npy file holds for each input."""
    if path.suffix == ".npy" and len(graph.inputs) == 1:
        return [((str(path), load(path)[""]),)]
    if path.suffix != ".npz":
        raise UnreadableFile("samples are an .npz file or a folder of .npy files", where=str(path))
    arrays = {key: array for key, array in load(path).items() if key not in apart}
    names = [input_names(graph, name) for name in graph.inputs]
    if len(arrays) == 1 and len(names) == 1:
        return [tuple((f"{path}: {key}", array) for key, array in arrays.items())]
    keys = [next((name for name in options if name in arrays), None) for options in names]
    missing = [options[0] for options, key in zip(names, keys, strict=True) if key is None]
    if missing:
        raise BadCalibrationData(
            f"no array for input {', '.join(missing)}; there are {', '.join(arrays) or 'none'}",
            where=str(path),
            hint="name each array as the ONNX input it is for",
        )
    return [((f"{path}: {key}", arrays[key]),) for key in keys if key is not None]


def read_folder(path: Path, graph: Graph) -> Sequence[Found]:
    """Return the arrays of a folder's .npy files in the order of their names."""
    if len(graph.inputs) != 1:
        raise BadCalibrationData(
            f"a folder serves networks of one input; this has {len(graph.inputs)}",
            where=str(path),
            hint="put the samples into one .npz, an array for each input",
        )
    files = sorted(path.glob("*.npy"))
    if not files:
        raise BadCalibrationData("the folder holds no .npy files", where=str(path))
    return [tuple((str(file), load(file)[""]) for file in files)]


def load(path: Path) -> Mapping[str, Array]:
    """Return the arrays of an .npz by name; that of an .npy under the name ""."""
    try:
        loaded = np.load(path, allow_pickle=False)
        if path.suffix == ".npy":
            return {"": np.asarray(loaded)}
        with loaded:
            return dict(loaded)
    except (OSError, ValueError, EOFError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise UnreadableFile(f"cannot be read: {error}", where=str(path)) from error


def input_names(graph: Graph, name: str) -> tuple[str, ...]:
    """Return the names an array for that input may have, the ONNX tensor's first."""
    return tuple(dict.fromkeys((origin_of(graph, name).tensor, name)))


def check_array(array: Array, graph: Graph, name: str, where: str) -> Array | Problem:
    """Return the array as reals with a batch dimension, or what is wrong with it."""
    expected = onnx_shape(graph, name)
    tensor = origin_of(graph, name).tensor
    if array.shape == expected:
        array = array[None]
    if array.ndim == 0 or array.shape[1:] != expected:
        wanted = ", ".join(("N", *map(str, expected)))
        return Problem(
            f"input {tensor!r} expects shape ({wanted}), got {array.shape}", where, LAYOUT_HINT
        )
    kind = graph.types[name]
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
    return check_finite(array, tensor, where)


def check_integers(array: Array, dtype: DType, tensor: str, where: str) -> Array | Problem:
    """Return the array in an element type, or what it holds that is none of its integers."""
    if array.dtype.kind not in "biu":
        return Problem(f"input {tensor!r} takes {dtype.value}, got {array.dtype}", where)
    if array.size and not dtype.min <= int(array.min()) <= int(array.max()) <= dtype.max:
        found = f"{int(array.min())} to {int(array.max())}"
        return Problem(f"input {tensor!r} takes {dtype.value}, got values from {found}", where)
    return array.astype(dtype.numpy)


def check_finite(array: Array, tensor: str, where: str) -> Array | Problem:
    """Return the array as float32, or the place of its first value that is not finite."""
    with np.errstate(over="ignore"):
        reals = array.astype(np.float32)
    bad = np.argwhere(~np.isfinite(reals))
    if len(bad):
        index = tuple(int(i) for i in bad[0])
        value = array[index]
        return Problem(f"input {tensor!r} holds {value} at {index}, of {len(bad)} such", where)
    return reals
