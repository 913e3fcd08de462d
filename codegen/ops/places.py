"""Where a pool found its greatest values, and putting values back there.

Source: the second result of the ONNX operator MaxPool, and MaxUnpool. Places count the elements of
the ONNX tensor (1, C, H, W) in its order; values are images (H, W, C).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from codegen.ir.op import Op, Signature, Window
from codegen.ir.types import Array, DType, Quant, TensorType
from codegen.ops.pool import Pool


@dataclass(frozen=True, slots=True)
class MaxPlaces(Pool):
    """The place of the first of the greatest values of each window, int32.

    With `by_column` elements are counted down each column before the next, not along rows.
    """

    name: ClassVar[str] = "max_places"
    takes_integers: ClassVar[bool] = True

    by_column: bool = False

    def infer(self, *inputs: TensorType) -> TensorType:
        # By the name of the class: slots make a new one, which super() does not know.
        return TensorType(Pool.infer(self, *inputs).shape, DType.INT32)

    def takes_int16(self) -> bool:
        return True

    def places(self, size: tuple[int, int, int]) -> Array:
        """Return the place of each element of an image (H, W, C)."""
        height, width, channels = size
        if self.by_column:
            return np.arange(height * width * channels).reshape(channels, width, height).T
        return (
            np.arange(height * width * channels).reshape(channels, height, width).transpose(1, 2, 0)
        )

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        taps = self.patches(x.astype(np.float64), -np.inf)
        first = taps.argmax(axis=0)[None]
        _, *size = x.shape
        places = self.patches(self.places((size[0], size[1], size[2]))[None], 0)
        spread = np.broadcast_to(places, taps.shape)
        found: Array = np.take_along_axis(spread, first, axis=0)[0].astype(np.int32)
        return found

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        return self.evaluate(*arrays)


@dataclass(frozen=True, slots=True)
class Unpool(Op):
    """Values at their places in an image `block` times as large, zero elsewhere.

    Operands: values and places, alike. A place is taken if it lies in the rows that belong to the
    value, and in its channel; the others are left out.
    """

    name: ClassVar[str] = "unpool"
    keeps_quant: ClassVar[bool] = True

    block: tuple[int, int] = (1, 1)

    def infer(self, *inputs: TensorType) -> TensorType:
        x, places = inputs
        if len(x.shape) != 3 or x.shape != places.shape or places.dtype is not DType.INT32:
            raise ValueError(f"puts {x} at {places}")
        height, width, channels = x.shape
        return TensorType((height * self.block[0], width * self.block[1], channels))

    def windows(self, signature: Signature) -> tuple[Window, ...]:
        return (Window(divisor=self.block[0], clipped=True),) * 2

    def evaluate(self, *arrays: Array) -> Array:
        return self.spread(arrays[0], arrays[1], 0)

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        return self.spread(arrays[0], arrays[1], self.zero(signature))

    def zero(self, signature: Signature) -> int:
        """Return what stands for zero."""
        return (signature.output.quant or Quant((1.0,))).zero_point

    def spread(self, x: Array, places: Array, zero: int) -> Array:
        """Return the image, (N, H, W, C)."""
        batch, height, width, channels = x.shape
        tall, wide = height * self.block[0], width * self.block[1]
        y = np.full((batch, tall, wide, channels), zero, x.dtype)
        index = np.indices(x.shape)
        n, h, c = (index[axis] for axis in (0, 1, 3))
        inside = places.astype(np.int64) - c * tall * wide
        row = inside // wide
        held = (inside >= 0) & (row // self.block[0] == h)
        y[n[held], row[held], inside[held] % wide, c[held]] = x[held]
        return y
