"""Random numbers that are the same on every machine: from the raw bits of PCG64.

NumPy keeps those stable from release to release, and its distributions not.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

CHUNK = 2**22
"""Numbers made at a time, to bound the memory that large layers take."""


def draw_normal(bits: np.random.PCG64, shape: tuple[int, ...], deviation: float) -> Floats:
    """Return sums of four uniform numbers: nearly normal, and never beyond 3.5 deviations."""
    normal = np.empty(math.prod(shape), np.float32)
    for first in range(0, normal.size, CHUNK):
        count = min(CHUNK, normal.size - first)
        words = bits.random_raw(count).view(np.uint16).reshape(count, 4)
        sums = words.sum(axis=1, dtype=np.int64) * 2 - 4 * 0xFFFF
        normal[first : first + count] = sums * (deviation * math.sqrt(3) / 0x20000)
    return normal.reshape(shape)


def draw_uniform(bits: np.random.PCG64, count: int) -> Floats:
    """Return numbers in [-0.5, 0.5]."""
    words = bits.random_raw(count) >> np.uint64(40)
    uniform: Floats = words.astype(np.float64) / (2**24 - 1) - 0.5
    return uniform


def draw_images(bits: np.random.PCG64, shape: tuple[int, int, int, int], peak: int) -> Floats:
    """Return a batch (N, H, W, C) of integers from -peak to peak, with structure at every size.

    Each image is a sum of blocks of 2, 4, 8 ... pixels, the larger the stronger.
    """
    batch, height, width, channels = shape
    total = np.zeros(shape)
    size = 2
    while size < 2 * max(height, width):
        cells = (batch, -(-height // size), -(-width // size), channels)
        words = bits.random_raw(math.prod(cells)) >> np.uint64(56)
        blocks = words.reshape(cells).astype(np.float64) - 128
        total += blocks.repeat(size, axis=1).repeat(size, axis=2)[:, :height, :width] * size
        size *= 2
    peaks = np.abs(total).max(axis=(1, 2, 3), keepdims=True)
    images: Floats = np.rint(total / peaks * peak).astype(np.float32)
    return images
