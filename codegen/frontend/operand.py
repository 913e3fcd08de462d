"""What an ONNX node reads: a constant, or a value of the graph seen through a permutation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codegen.ir.types import Array

NHWC = (1, 2, 0)
"""The permutation from a channels-first image, batch aside, to a channels-last one."""


class Unsupported(Exception):
    """A node that has no equivalent in the IR: the reason, and what the user can do."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


def is_batched(shape: tuple[int, ...]) -> bool:
    """The first dimension of an ONNX tensor is that of the batch."""
    return len(shape) > 1 and shape[0] == 1


@dataclass(frozen=True, slots=True)
class View:
    """An ONNX tensor as a value: value = tensor.transpose(perm), the batch dimension aside.

    `batched` tensors have two dimensions or more, the first of size 1. Others have no dimension
    for the batch: all count.
    """

    tensor: str
    value: str
    perm: tuple[int, ...]
    batched: bool = True

    @property
    def rank(self) -> int:
        """The number of dimensions of the ONNX tensor."""
        return len(self.perm) + self.batched

    def transposed(self, tensor: str, perm: tuple[int, ...]) -> View:
        """View the same value as `tensor`, this tensor transposed by `perm`."""
        found = tuple(perm.index(axis) for axis in self.perm)
        return View(tensor, self.value, found, self.batched)


@dataclass(frozen=True, slots=True, eq=False)
class Const:
    """An ONNX constant under its initializer's name.

    Where `scales` is given, `data` holds integers and the constant is
    (data - zero_points) * scales, per tensor or along `axis`.
    """

    name: str
    data: Array
    scales: Array | None = None
    zero_points: Array | None = None
    axis: int | None = None

    @property
    def is_quantized(self) -> bool:
        return self.scales is not None

    def real(self) -> Array:
        """Return the constant itself: float64 where it was quantized, else as it is stored."""
        if self.scales is None:
            return self.data
        reals: Array = self.centered() * self._along(self.scales.astype(np.float64))
        return reals

    def centered(self) -> Array:
        """Return what is stored, less the zero points."""
        if self.zero_points is None:
            return self.data
        return self.data.astype(np.int64) - self._along(self.zero_points.astype(np.int64))

    def _along(self, numbers: Array) -> Array:
        """Give numbers the dimensions of the data."""
        shape = [1] * self.data.ndim
        if self.axis is not None:
            shape[self.axis] = -1
        return numbers.reshape(shape)


@dataclass(frozen=True, slots=True)
class Unknown:
    """The result of a node that was refused and whose shape is not known."""


Operand = Const | View | Unknown | None
"""None stands for an optional input that is absent."""
