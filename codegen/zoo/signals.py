"""What flows through a network while its weights are made: integers, exact in floats.

Every sum is small enough to be exact, so its order does not matter: the same numbers come out
whatever the machine, its threads and its linear algebra. All else is element by element, with
operations that IEEE 754 rounds in one way only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from codegen.zoo.draw import Floats
from codegen.zoo.layers import count_windows

LEVELS = 63
"""The greatest magnitude of an operand's integers, and of weights rounded to meet them."""
EXACT = 2**24
"""Sums of integers are exact in float32 below this."""


@dataclass(frozen=True, slots=True)
class Signal:
    """The real numbers `unit * steps`; steps are integers, laid out as in ONNX: (N, C, ...)."""

    steps: Floats
    unit: float

    @property
    def reals(self) -> Floats:
        """The numbers themselves, rounded to floats."""
        reals: Floats = self.steps * self.unit
        return reals


@dataclass(frozen=True, slots=True)
class Window:
    """Where the windows of a convolution or a pool lie; `pads` as in ONNX."""

    kernels: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilations: tuple[int, int] = (1, 1)
    ceil: bool = False

    def count(self, height: int, width: int) -> tuple[int, int]:
        """Return the windows down and across an image."""
        rows, columns = (
            count_windows(
                size,
                self.pads[axis],
                self.pads[axis + 2],
                (self.kernels[axis] - 1) * self.dilations[axis] + 1,
                self.strides[axis],
                self.ceil,
            )
            for axis, size in enumerate((height, width))
        )
        return rows, columns

    def taps(self, x: Floats, fill: float) -> Iterator[tuple[int, int, Floats]]:
        """Yield (row, column, elements of all windows there) of images (N, H, W, C)."""
        counts = self.count(*x.shape[1:3])
        spans = [(count - 1) * step for count, step in zip(counts, self.strides, strict=True)]
        pads = [(0, 0)]
        for axis, size in enumerate(x.shape[1:3]):
            extent = (self.kernels[axis] - 1) * self.dilations[axis] + 1
            before = self.pads[axis]
            pads.append((before, max(spans[axis] + extent - before - size, 0)))
        padded = np.pad(x, (*pads, (0, 0)), constant_values=fill)
        for row in range(self.kernels[0]):
            for column in range(self.kernels[1]):
                top, left = row * self.dilations[0], column * self.dilations[1]
                rows = slice(top, top + spans[0] + 1, self.strides[0])
                columns = slice(left, left + spans[1] + 1, self.strides[1])
                yield row, column, padded[:, rows, columns]


def level(reals: Floats) -> Signal:
    """Return reals rounded to integers up to LEVELS."""
    unit = float(np.abs(reals).max()) / LEVELS or 1.0
    return Signal(np.rint(reals / unit).astype(np.float32), unit)


def small(x: Signal) -> Signal:
    """Return `x` with integers up to LEVELS, as operands of exact sums have to be."""
    return x if np.abs(x.steps).max() <= LEVELS else level(x.reals)


def moments(steps: Floats) -> tuple[Floats, Floats]:
    """Return mean and variance of each channel (axis 1), from exact integer sums."""
    flat = channels_last(steps).reshape(-1, steps.shape[1]).astype(np.int64)
    means = flat.sum(axis=0) / len(flat)
    centred = flat - np.rint(means).astype(np.int64)
    offsets = centred.sum(axis=0) / len(flat)
    variances: Floats = (centred**2).sum(axis=0) / len(flat) - offsets**2
    return means, variances


def convolve(x: Floats, w: Floats, window: Window, group: int) -> Floats:
    """Convolve integers exactly: x (N, C, H, W), w (M, C / group, kh, kw)."""
    filters, depth = w.shape[:2]
    worst = math.prod(w.shape[1:]) * LEVELS**2
    dtype: type[np.floating[Any]] = np.float32 if worst < EXACT else np.float64
    x, w = channels_last(x).astype(dtype), w.astype(dtype)
    y = np.zeros((len(x), *window.count(*x.shape[1:3]), filters), dtype)
    each = filters // group
    for row, column, tap in window.taps(x, 0):
        taps = w[:, :, row, column]
        if depth == each == 1:
            y += tap * taps[:, 0]
            continue
        for index in range(group):
            outputs = slice(index * each, (index + 1) * each)
            inputs = slice(index * depth, (index + 1) * depth)
            y[..., outputs] += tap[..., inputs] @ taps[outputs].T
    return channels_first(y)


def pool_max(x: Signal, window: Window) -> Signal:
    """Take the greatest of each window."""
    found = None
    for _, _, tap in window.taps(channels_last(x.steps), float(x.steps.min())):
        found = tap if found is None else np.maximum(found, tap)
    assert found is not None
    return Signal(channels_first(found), x.unit)


def pool_average(x: Signal, window: Window) -> Signal:
    """Average what each window has within the image."""
    steps = channels_last(x.steps)
    sums = add_taps(steps, window)
    counts = add_taps(np.ones((1, *steps.shape[1:3], 1)), window)
    return level(channels_first(sums * x.unit / counts))


def add_taps(x: Floats, window: Window) -> Floats:
    """Return the sum of each window of images (N, H, W, C)."""
    taps = [tap for _, _, tap in window.taps(x, 0)]
    total = taps[0].copy()
    for tap in taps[1:]:
        total += tap
    return total


def pool_all(x: Signal) -> Signal:
    """Average each channel."""
    area = math.prod(x.steps.shape[2:])
    sums = x.steps.sum(axis=(2, 3), dtype=np.float64, keepdims=True)
    return Signal(sums, x.unit / area)


def respond(x: Signal, size: int, alpha: float, bias: float) -> Signal:
    """Normalize over `size` neighbouring channels, with the exponent 3/4.

    Two square roots make it, for a power is not the same on every machine.
    """
    before = (size - 1) // 2
    squares = np.pad(channels_last(x.reals) ** 2, (*3 * ((0, 0),), (before, size - 1 - before)))
    count = x.steps.shape[1]
    total = squares[..., :count]
    for shift in range(1, size):
        total = total + squares[..., shift : shift + count]
    root = np.sqrt(bias + alpha / size * total)
    return level(x.reals / channels_first(root * np.sqrt(root)))


def interpolate(x: Signal, height: int, width: int) -> Signal:
    """Resize images linearly, corner on corner."""
    reals = x.reals
    for axis, size in ((2, height), (3, width)):
        last = reals.shape[axis] - 1
        position = np.arange(size) * last / max(size - 1, 1)
        first = np.floor(position).astype(np.int64)
        share = (position - first).reshape((-1, *(3 - axis) * (1,)))
        after = reals.take(np.minimum(first + 1, last), axis)
        reals = reals.take(first, axis) * (1 - share) + after * share
    return level(reals)


def channels_last(x: Floats) -> Floats:
    """Return a view (N, ..., C) of (N, C, ...)."""
    return np.moveaxis(x, 1, -1)


def channels_first(x: Floats) -> Floats:
    """Return a view (N, C, ...) of (N, ..., C)."""
    return np.moveaxis(x, -1, 1)
