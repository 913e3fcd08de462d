"""Blend: weighted sums along two neighboring axes. Source: ONNX operator Resize.

x is (outer, H, W, inner). Each place of the result's axes has taps: indices and weights in shares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from codegen.ir.fixed_point import INT32_MAX, Rescale, make_rescale
from codegen.ir.op import Op, Signature, Window
from codegen.ir.types import Array, TensorType

FINE_SHARES = 2**24
"""Into how many parts weights of the float network are divided at most."""
MOST_SHARES = 2**11
"""Into how many parts weights of the kernel are: finer ones would leave 32 bits."""


@dataclass(frozen=True, slots=True)
class BlendParams:
    """Weights of rows and columns, what all zero points add up to, and the rescale."""

    weights: tuple[Array, Array]
    offset: int
    rescale: Rescale


@dataclass(frozen=True, slots=True)
class Blend(Op):
    """y[i, j] = sum of rows[i, a] * columns[j, b] * x[places] / (shares of both axes).

    Operands: x; for each axis the places (m, taps) and their weights, which add up to its shares.
    """

    name: ClassVar[str] = "blend"

    shares: tuple[int, int] = (1, 1)

    def infer(self, *inputs: TensorType) -> TensorType:
        x, rows, _, columns, _ = inputs
        if len(x.shape) != 4:
            raise ValueError(f"expects four dimensions, got {x}")
        return TensorType((x.shape[0], rows.shape[0], columns.shape[0], x.shape[3]))

    def windows(self, signature: Signature) -> tuple[Window, ...]:
        return (Window(signature.inputs[0].rows, 0),)

    def macs(self, signature: Signature) -> int:
        taps = signature.inputs[1].shape[1] * signature.inputs[3].shape[1]
        return signature.output.elements * taps

    def evaluate(self, *arrays: Array) -> Array:
        x, *taps = arrays
        return sums(x.astype(np.float64), taps) / float(self.shares[0] * self.shares[1])

    def params(self, signature: Signature) -> BlendParams:
        """Derive the rescale; ValueError where sums do not fit 32 bits."""
        x, y = signature.inputs[0].quant, signature.output.quant
        assert x is not None and y is not None
        rows, columns = signature.constants[2], signature.constants[4]
        assert rows is not None and columns is not None
        most, bound = 2 * MOST_SHARES, INT32_MAX + 1
        while bound > INT32_MAX:
            most //= 2
            coarse = coarsen(rows, self.shares[0], most), coarsen(columns, self.shares[1], most)
            bound = 255 * reach(coarse[0]) * reach(coarse[1])
        total = int(coarse[0][0].sum() * coarse[1][0].sum())
        rescale = make_rescale([x.scale / (y.scale * total)], bound, y, signature.output.dtype)
        return BlendParams(coarse, x.zero_point * total, rescale)

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        p = self.params(signature)
        x, rows, _, columns, _ = arrays
        taps = [rows, p.weights[0], columns, p.weights[1]]
        total = sums(x.astype(np.int64), taps) - p.offset
        return p.rescale.apply(total, signature.output.dtype)


def reach(weights: Array) -> int:
    """Return the greatest sum of the magnitudes of a place's weights."""
    return int(np.abs(weights).sum(axis=1).max())


def coarsen(weights: Array, shares: int, most: int) -> Array:
    """Return weights in `most` shares, or in as many as they are where these are fewer.

    What rounding leaves goes to the greatest weight, so that all still add up to one.

    >>> coarsen(np.array([[5, 6], [11, 0]]), shares=11, most=4).tolist()
    [[2, 2], [4, 0]]
    """
    wide = weights.astype(np.int64)
    if shares <= most:
        return wide
    coarse = (2 * wide * most + shares) // (2 * shares)
    coarse[np.arange(len(coarse)), wide.argmax(axis=1)] += most - coarse.sum(axis=1)
    return coarse


def sums(x: Array, taps: list[Array]) -> Array:
    """Return the weighted sums of (N, outer, H, W, inner) in the type of x."""
    for axis, (places, weights) in ((2, taps[:2]), (3, taps[2:])):
        taken = x.take(places.astype(np.int64), axis)
        shape = [1] * taken.ndim
        shape[axis : axis + 2] = weights.shape
        x = (taken * weights.astype(x.dtype).reshape(shape)).sum(axis=axis + 1)
    return x
