"""Streams: samples from what the user names, checked while they are read, one part at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from codegen.errors import BadCalibrationData, Problem
from codegen.ir.graph import Graph
from codegen.options import ImageForm
from codegen.quantize.sample_files import array_parts, folder_parts
from codegen.quantize.sample_functions import function_parts, is_function
from codegen.quantize.sample_images import find_images, image_parts
from codegen.quantize.samples import (
    CHUNK,
    Part,
    Sample,
    Samples,
    Stream,
    check_shape,
    check_values,
)

MOST_PROBLEMS = 20
"""After so many problems no more is read."""


def open_stream(
    path: Path, graph: Graph, images: ImageForm | None = None, apart: Collection[str] = ()
) -> Stream:
    """Open samples: .npz, .npy, a folder of .npy or of images, or `module:function`.

    Arrays of an .npz are named as the ONNX inputs, or there is one; those in `apart` are no
    inputs. A folder's files count in the order of their names; an .npy holds a sample or a
    batch, an image is brought to the size of the input as `images` says. A function returns or
    yields samples or batches: arrays, or a tuple or dictionary of them for several inputs.

    Floats and uint8 images are real values as they stand. For an input of prescribed format 8-bit
    integers are quantized values, uint8 and int8 ones 128 apart, and int16 where the format is of
    that type. Raises UnreadableFile or BadCalibrationData, now or while samples are read.
    """
    parts, count, source = open_parts(path, graph, images or ImageForm(), apart)
    return Stream(read_samples(parts, graph, str(path)), source, count)


def load_samples(
    path: Path, graph: Graph, images: ImageForm | None = None, apart: Collection[str] = ()
) -> Samples:
    """Return all samples that `open_stream` opens."""
    return open_stream(path, graph, images, apart).collect()


def open_parts(
    path: Path, graph: Graph, images: ImageForm, apart: Collection[str]
) -> tuple[Iterable[Part | Problem], int | None, str]:
    """Return what the path holds, how many samples that is, if known, and its name."""
    if is_function(path):
        return function_parts(str(path), graph), None, str(path)
    if not path.is_dir():
        part, count = array_parts(path, graph, apart)
        return (part,), count, path.resolve().name
    if len(graph.inputs) != 1:
        raise BadCalibrationData(
            f"a folder serves networks of one input; this has {len(graph.inputs)}",
            where=str(path),
            hint="put the samples into one .npz, an array for each input",
        )
    files = find_images(path)
    if files:
        return image_parts(files, graph, images), len(files), path.resolve().name
    return *folder_parts(path, graph), path.resolve().name


def read_samples(parts: Iterable[Part | Problem], graph: Graph, source: str) -> Iterator[Sample]:
    """Yield the samples of all parts; raises BadCalibrationData with the problems of several.

    After a problem nothing more is yielded, but what else is wrong is looked for.
    """
    problems: list[Problem] = []
    is_empty = True
    for part in parts:
        for found in (part,) if isinstance(part, Problem) else check_part(part, graph, source):
            if isinstance(found, Problem):
                problems.append(found)
            elif not problems:
                is_empty = False
                yield found
        if len(problems) >= MOST_PROBLEMS:
            break
    if problems:
        raise BadCalibrationData.collect(problems)
    if is_empty:
        raise BadCalibrationData("holds no samples", where=source)


def check_part(part: Part, graph: Graph, source: str) -> Iterator[Sample | Problem]:
    """Yield the samples of one part, or what is wrong with it."""
    shaped = [
        check_shape(array, graph, name, where)
        for name, (where, array) in zip(graph.inputs, part, strict=True)
    ]
    problems = [item for item in shaped if isinstance(item, Problem)]
    arrays = [item for item in shaped if not isinstance(item, Problem)]
    counts = [len(array) for array in arrays]
    if not problems and len(set(counts)) != 1:
        problems = [Problem(f"inputs have {counts} samples each", source)]
    if problems:
        yield from problems
        return
    places = [where for where, _ in part]
    for first in range(0, counts[0], CHUNK):
        checked = [
            check_values(array[first : first + CHUNK], graph, name, where, first)
            for array, name, where in zip(arrays, graph.inputs, places, strict=True)
        ]
        problems = [item for item in checked if isinstance(item, Problem)]
        if problems:
            yield from problems
            return
        yield from Samples(tuple(item for item in checked if not isinstance(item, Problem)), source)
