"""GridSample: values at places that are computed. Source: ONNX operator GridSample.

x is (H, W, C); the grid (h, w, 2) holds x and y from -1 to 1; y is (h, w, C). It computes in floats
alone: places of a few steps of 8 bits are no integers of an image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from codegen.ir.op import Op, Signature, Window
from codegen.ir.types import Array, TensorType

Padding = Literal["zeros", "border", "reflection"]


@dataclass(frozen=True, slots=True)
class GridSample(Op):
    """A blend of the four pixels around each place, or the nearest one: halves go to even ones.

    `corners`: -1 and 1 are the middles of the outer pixels, not their outer edges.
    """

    name: ClassVar[str] = "grid_sample"
    only_in_float: ClassVar[bool] = True

    linear: bool = True
    padding: Padding = "zeros"
    corners: bool = False

    def infer(self, *inputs: TensorType) -> TensorType:
        x, grid = inputs
        if len(x.shape) != 3 or len(grid.shape) != 3 or grid.shape[2] != 2:
            raise ValueError(f"expects an image and places in it, got {x} and {grid}")
        return TensorType((*grid.shape[:2], x.shape[2]))

    def windows(self, signature: Signature) -> tuple[Window, ...]:
        image = Window(signature.inputs[0].rows, 0)
        return (image, Window()) if signature.constants[1] is None else (image,)

    def evaluate(self, *arrays: Array) -> Array:
        x, grid = (array.astype(np.float64) for array in arrays)
        return self.sample(x, grid)

    def params(self, signature: Signature) -> None:
        """Raise ValueError: there are none."""
        raise ValueError("computes places, which are no integers")

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        raise TypeError("grid_sample has no integer form")

    def sample(self, x: Array, grid: Array) -> Array:
        """Compute in the element type of the operands."""
        grid = np.broadcast_to(grid, (len(x), *grid.shape[-3:]))
        _, height, width, _ = x.shape
        columns, rows = self.places(grid[..., 0], width), self.places(grid[..., 1], height)
        left, top = np.floor(columns), np.floor(rows)
        right_share, lower_share = columns - left, rows - top
        left_share, upper_share = 1 - right_share, 1 - lower_share
        batch = np.arange(len(x))[:, None, None]
        total = np.zeros((*grid.shape[:3], x.shape[3]), x.dtype)
        for y, y_share in ((top, upper_share), (top + 1, lower_share)):
            for column, x_share in ((left, left_share), (left + 1, right_share)):
                inside = (y >= 0) & (y < height) & (column >= 0) & (column < width)
                share = np.where(inside, y_share * x_share, 0).astype(x.dtype)
                i, j = (np.where(inside, place, 0).astype(np.int64) for place in (y, column))
                total = total + share[..., None] * x[batch, i, j]
        return total

    def places(self, grid: Array, size: int) -> Array:
        """Return which pixel of an axis each place is; one outside has no pixel on either side."""
        number = grid.dtype.type
        half = number(0.5)
        if self.corners:
            place = (grid + 1) * number((size - 1) / 2)
        else:
            place = (grid + 1) * number(size / 2) - half
        if self.padding == "reflection":
            low = number(0 if self.corners else -0.5)
            length = number(max(size - 1 if self.corners else size, 1))
            period = length * 2
            apart = place - low
            apart = apart - np.floor(apart / period) * period
            place = low + np.where(apart > length, period - apart, apart)
        if not self.linear:
            place = np.rint(place)
        ends = (-1, size) if self.padding == "zeros" else (0, size - 1)
        found: Array = np.clip(place, *map(number, ends))
        return found
