"""Resize: another height and width, by the nearest value or bilinear. Source: ONNX operator Resize.

x is (H, W, C). All of ONNX's coordinate modes are one line an axis, in integers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from codegen.ir.fixed_point import INT32_MAX, Int64s
from codegen.ir.op import Op, Signature, Window
from codegen.ir.types import Array, TensorType

Line = tuple[int, int, int]
"""Output position i reads operand position (i * step + offset) / divisor; the three integers."""


@dataclass(frozen=True, slots=True)
class Resize(Op):
    """Read each axis along a line, within the operand.

    `linear` blends the two neighbors of a position; otherwise the position is rounded down. Other
    roundings are other offsets. `rows` and `columns` are the lines, `size` is (height, width).
    """

    name: ClassVar[str] = "resize"
    keeps_quant: ClassVar[bool] = True

    size: tuple[int, int] = (1, 1)
    rows: Line = (1, 0, 1)
    columns: Line = (1, 0, 1)
    linear: bool = False

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if len(x.shape) != 3:
            raise ValueError(f"expects an image, got {x}")
        for count, line, inside in zip(self.size, (self.rows, self.columns), x.shape, strict=False):
            step, offset, divisor = line
            reach = max(abs(offset), abs(step) * count + abs(offset), inside * divisor)
            if count < 1 or divisor < 1 or reach > INT32_MAX:
                raise ValueError(f"{count} positions ({step} * i + {offset}) / {divisor}")
        if self.linear and self.shares > INT32_MAX // 256:
            raise ValueError(f"weights in 1/{self.shares} are too fine for 32 bits")
        return TensorType((*self.size, x.shape[2]))

    def windows(self, signature: Signature) -> tuple[Window, ...]:
        step, offset, divisor = self.rows
        return (Window(2 if self.linear else 1, step, 1, -offset, divisor, clipped=True),)

    @property
    def shares(self) -> int:
        """What the weights of a pixel's neighbors add up to."""
        return self.rows[2] * self.columns[2]

    def takes_int16(self) -> bool:
        return not self.linear or self.shares <= INT32_MAX // 2**16

    def evaluate(self, *arrays: Array) -> Array:
        if not self.linear:
            return self.nearest(arrays[0])
        y: Array = self.blend(arrays[0].astype(np.float64)) / self.shares
        return y

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        if not self.linear:
            return self.nearest(arrays[0])
        total = self.blend(arrays[0].astype(np.int64))
        y: Array = (total + self.shares // 2) // self.shares
        return y.astype(arrays[0].dtype)

    def nearest(self, x: Array) -> Array:
        """Pick the value below each position."""
        ys, _, _ = neighbors(self.rows, self.size[0], x.shape[1])
        xs, _, _ = neighbors(self.columns, self.size[1], x.shape[2])
        found: Array = x[:, ys[:, None], xs]
        return found

    def blend(self, x: Array) -> Array:
        """Sum the four neighbors times their weights, `shares` times the result."""
        for axis, line in ((1, self.rows), (2, self.columns)):
            low, high, above = neighbors(line, self.size[axis - 1], x.shape[axis])
            weights = above.reshape([-1 if i == axis else 1 for i in range(4)])
            x = x.take(low, axis) * (line[2] - weights) + x.take(high, axis) * weights
        return x


def neighbors(line: Line, count: int, size: int) -> tuple[Int64s, Int64s, Int64s]:
    """Return the indices below and above each of `count` positions, and the latter's weight.

    Positions beyond an axis of `size` are at its ends; weights are in 1 / divisor.
    """
    step, offset, divisor = line
    position = np.clip(np.arange(count) * step + offset, 0, (size - 1) * divisor)
    low = position // divisor
    return low, np.minimum(low + 1, size - 1), position % divisor


def reduced(step: int, offset: int, divisor: int) -> Line:
    """Return a line in lowest terms.

    >>> reduced(8, -8, 16)
    (1, -1, 2)
    """
    common = math.gcd(step, offset, divisor)
    return step // common, offset // common, divisor // common
