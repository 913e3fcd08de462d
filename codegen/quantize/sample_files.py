"""Sample files: what an .npz, an .npy, or a folder of .npy files holds for each input."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import numpy as np

from codegen.errors import BadCalibrationData, UnreadableFile
from codegen.ir.graph import Graph
from codegen.ir.types import Array
from codegen.quantize.samples import Part, count_samples, pick_inputs

KINDS_HINT = (
    "samples are an .npz, an .npy, a folder of .npy files or of images, or a function: module:name"
)


def array_parts(path: Path, graph: Graph, apart: Collection[str]) -> tuple[Part, int]:
    """Return the arrays of an .npz or .npy and the number of their samples."""
    if path.suffix == ".npy" and len(graph.inputs) == 1:
        part: Part = ((str(path), load(path)[""]),)
    elif path.suffix == ".npz":
        arrays = {key: array for key, array in load(path).items() if key not in apart}
        part = pick_inputs(arrays, graph, str(path))
    else:
        raise UnreadableFile("this is no file of samples", where=str(path), hint=KINDS_HINT)
    return part, count_samples(part[0][1], graph)


def folder_parts(path: Path, graph: Graph) -> tuple[Iterator[Part], int]:
    """Return the arrays of a folder's .npy files in the order of their names, read one by one."""
    files = sorted(path.glob("*.npy"))
    if not files:
        raise BadCalibrationData(
            "the folder holds no .npy files and no images", where=str(path), hint=KINDS_HINT
        )
    count = sum(count_samples(load(file)[""], graph) for file in files)
    return (((str(file), load(file)[""]),) for file in files), count


def load(path: Path) -> Mapping[str, Array]:
    """Return the arrays of an .npz by name; under the name "" that of an .npy, mapped."""
    try:
        if path.suffix == ".npy":
            return {"": np.load(path, mmap_mode="r", allow_pickle=False)}
        with np.load(path, allow_pickle=False) as loaded:
            return dict(loaded)
    except (OSError, ValueError, EOFError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise UnreadableFile(f"cannot be read: {error}", where=str(path)) from error
