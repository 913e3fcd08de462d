"""Give a zoo network other parameters: from .npz arrays or the initializers of an .onnx file."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper

from codegen.errors import BadOption, Problem, UnreadableFile
from codegen.zoo.draw import Floats


def load_weights(model: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    """Return `model` with every initializer replaced by the array of its name in the file.

    The file has to hold them all, finite and in their shapes, and no others. Raises
    UnreadableFile, or BadOption with every name that does not fit.
    """
    arrays = read_arrays(path)
    problems = tuple(find_problems(model, arrays, str(path)))
    if problems:
        raise BadOption.collect(problems)
    loaded = onnx.ModelProto()
    loaded.CopyFrom(model)
    for tensor in loaded.graph.initializer:
        data = np.ascontiguousarray(arrays[tensor.name], np.float32)
        tensor.CopyFrom(numpy_helper.from_array(data, tensor.name))
    return loaded


def read_arrays(path: Path) -> Mapping[str, Floats]:
    """Return the floating-point arrays in an .npz or .onnx file; UnreadableFile otherwise."""
    if path.suffix not in (".npz", ".onnx"):
        raise UnreadableFile("weights are an .npz or an .onnx file", where=str(path))
    try:
        if path.suffix == ".onnx":
            tensors = onnx.load(path).graph.initializer
            arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in tensors}
        else:
            with np.load(path, allow_pickle=False) as file:
                arrays = dict(file)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, DecodeError) as error:
        raise UnreadableFile(f"cannot be read: {error}", where=str(path)) from error
    return {name: array for name, array in arrays.items() if array.dtype.kind == "f"}


def find_problems(
    model: onnx.ModelProto, arrays: Mapping[str, Floats], where: str
) -> Iterable[Problem]:
    """Yield what keeps `arrays` from being the parameters of `model`."""
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    for name, shape in shapes.items():
        if name not in arrays:
            yield Problem(f"lacks the floating-point array {name!r} of shape {shape}", where)
        elif arrays[name].shape != shape:
            yield Problem(f"{name!r} has shape {arrays[name].shape}, expected {shape}", where)
        elif not np.isfinite(arrays[name]).all():
            yield Problem(f"{name!r} holds NaN or infinity", where)
    for name in arrays.keys() - shapes.keys():
        yield Problem(f"{name!r} is not a parameter of {model.graph.name}", where)
