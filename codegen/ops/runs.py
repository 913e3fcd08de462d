"""What an index has in common: runs of neighbors, and even distances."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from codegen.ir.op import Op, Signature
from codegen.ir.types import Array
from codegen.ops.layout import Transpose
from codegen.ops.take import FILL

LOOPS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Neighbors of equal number: run i is `length` elements from unit * starts[i] on.

    A start of -1 is a run of the fill value.
    """

    length: int
    unit: int
    starts: Array


@dataclass(frozen=True, slots=True)
class Loops:
    """Runs of `run` elements at even distances: sizes and strides of loops, outermost first."""

    first: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    run: int


def index_of(op: Op, signature: Signature) -> Array:
    """Return which element of the operand each of the result is, flat."""
    if isinstance(op, Transpose):
        x = signature.inputs[0]
        return np.arange(x.elements).reshape(x.shape).transpose(op.perm).ravel()
    index = signature.constants[1]
    assert index is not None
    return index.astype(np.int64).ravel()


def runs_of(index: Array) -> Runs:
    """Return the longest runs of which all of an index is made.

    >>> found = runs_of(np.array([4, 5, 0, 1, -1, -1]))
    >>> found.length, found.unit, found.starts.tolist()
    (2, 2, [2, 0, -1])
    """
    is_fill = index == FILL
    follows = np.where(is_fill[1:], is_fill[:-1], (np.diff(index) == 1) & ~is_fill[:-1])
    ends = np.flatnonzero(~follows) + 1
    length = math.gcd(index.size, *ends.tolist())
    starts = index[::length]
    unit = math.gcd(length, *starts[starts != FILL].tolist())
    return Runs(length, unit, np.where(starts == FILL, FILL, starts // unit))


def strided_loops(index: Array) -> Loops | None:
    """Return the loops that read an index; None where there are none, or too many.

    >>> strided_loops(np.array([1, 2, 5, 6, 9, 10]))
    Loops(first=1, sizes=(1, 1, 1, 3), strides=(0, 0, 0, 4), run=2)
    """
    if np.any(index == FILL):
        return None
    run = runs_of(index).length
    rest = index[::run]
    loops: list[tuple[int, int]] = []
    while rest.size > 1:
        stride = int(rest[1] - rest[0])
        steps = np.diff(rest) == stride
        size = rest.size if steps.all() else int(np.argmin(steps)) + 1
        if rest.size % size or len(loops) == LOOPS:
            return None
        blocks = rest.reshape(-1, size)
        if not np.array_equal(blocks, blocks[:, :1] + stride * np.arange(size)):
            return None
        loops.insert(0, (size, stride))
        rest = blocks[:, 0]
    loops = [(1, 0)] * (LOOPS - len(loops)) + loops
    sizes, strides = zip(*loops, strict=True)
    return Loops(int(rest[0]), sizes, strides, run)


def least_unsigned(places: Array) -> Array:
    """Return places in the smallest unsigned type that holds them."""
    return places.astype(np.min_scalar_type(int(places.max())))
