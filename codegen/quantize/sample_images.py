"""Sample images: files of a folder, brought to the size, layout and scale of the input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np

from codegen.errors import BadCalibrationData, BadOption, MissingTool, Problem
from codegen.ir.graph import Graph
from codegen.ir.types import Array
from codegen.options import ImageForm
from codegen.quantize.samples import Part, onnx_shape

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
MODES = {1: "L", 3: "RGB"}
"""What Pillow calls images of so many channels."""
WIDE_MODES = ("I", "F")
"""The first letters of Pillow's names of pixels with more than 8 bits a channel."""


def find_images(folder: Path) -> tuple[Path, ...]:
    """Return the images of a folder and those within it, in the order of their paths."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return tuple(sorted(path for path in found if path.is_file()))


def image_parts(files: Sequence[Path], graph: Graph, form: ImageForm) -> Iterator[Part | Problem]:
    """Return an iterator over images as samples of the only input, read one by one.

    An image is turned as its camera noted, scaled such that it covers the input, and cut to
    its size, as much on either side: the input has the middle. Colors become gray
    where the input has one channel. Raises BadCalibrationData where no image fits the input,
    BadOption where means or deviations do not, MissingTool without Pillow.
    """
    shape = onnx_shape(graph, graph.inputs[0])
    layout = form.layout or find_layout(shape)
    channels = (shape[0] if layout == "nchw" else shape[-1]) if len(shape) == 3 else 0
    if channels not in MODES:
        raise BadCalibrationData(
            f"images have 1 or 3 channels; input {graph.origin(graph.inputs[0]).tensor!r} of"
            f" shape ({', '.join(map(str, ('N', *shape)))}) takes no images in layout {layout}",
            where=str(files[0].parent),
            hint="--layout nchw|nhwc says where the channels are",
        )
    for option, numbers in (("--mean", form.mean), ("--std", form.std)):
        if len(numbers) not in (0, 1, channels):
            raise BadOption(f"{option} has {len(numbers)} numbers for {channels} channels")
    rows, columns = shape[1:] if layout == "nchw" else shape[:2]
    pillow = import_pillow(files[0].parent)
    return (read_image(pillow, file, (columns, rows), channels, layout, form) for file in files)


def find_layout(shape: tuple[int, ...]) -> str:
    """Return where an input has its channels: the end that is as long as an image has channels.

    >>> find_layout((3, 32, 32)), find_layout((32, 32, 1)), find_layout((32, 32))
    ('nchw', 'nhwc', 'nchw')
    """
    return "nhwc" if shape[0] not in MODES and shape[-1] in MODES else "nchw"


def import_pillow(folder: Path) -> ModuleType:
    try:
        import PIL.Image
        import PIL.ImageOps
    except ImportError as error:
        raise MissingTool(
            "reading images needs the Python package 'pillow'",
            where=str(folder),
            hint="pip install 'codegen-mcu[images]'",
        ) from error
    return PIL


def read_image(
    pillow: ModuleType,
    file: Path,
    size: tuple[int, int],
    channels: int,
    layout: str,
    form: ImageForm,
) -> Part | Problem:
    """Return an image as a sample, or what is wrong with it; `size` is columns and rows."""
    try:
        with pillow.Image.open(file) as opened:
            if opened.mode.startswith(WIDE_MODES):
                return Problem(
                    f"pixels are {opened.mode}, of more than 8 bits a channel",
                    str(file),
                    "convert it, or give reals as .npy",
                )
            turned = pillow.ImageOps.exif_transpose(opened).convert(MODES[channels])
            fitted = pillow.ImageOps.fit(turned, size, pillow.Image.Resampling.BILINEAR)
    except Exception as error:
        return Problem(f"this image cannot be read: {error}", str(file))
    pixels = scale_pixels(np.asarray(fitted).reshape(*fitted.size[::-1], channels), form)
    return ((str(file), pixels.transpose(2, 0, 1) if layout == "nchw" else pixels),)


def scale_pixels(pixels: Array, form: ImageForm) -> Array:
    """Return pixels less the mean, over the deviation; as they are where neither is given.

    Pixels count from 0 to 255, but from 0 to 1 where no mean and no deviation is above 1.

    >>> scale_pixels(np.array([0, 255]), ImageForm(mean=(0.5,), std=(0.5,))).tolist()
    [-1.0, 1.0]
    >>> scale_pixels(np.array([0, 255]), ImageForm(mean=(127.5,))).tolist()
    [-127.5, 127.5]
    """
    if not form.mean and not form.std:
        return pixels
    mean, std = form.mean or (0.0,), form.std or (1.0,)
    unit = 255.0 if max(*mean, *std) <= 1 else 1.0
    scaled: Array = (pixels / unit - np.array(mean)) / np.array(std)
    return scaled.astype(np.float32)
