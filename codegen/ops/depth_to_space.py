"""DepthToSpace: channels spread over blocks of pixels, cropped.

x is (H, W, groups * rows * columns * C), y (height, width, groups * C). Source: ONNX operator
DepthToSpace; also what a transposed convolution makes of its phases.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from codegen.ir.op import Op, Signature, Window
from codegen.ir.types import Array, TensorType


@dataclass(frozen=True, slots=True)
class DepthToSpace(Op):
    """A pixel becomes a block of `block` (rows, columns); the result begins at pixel `first`.

    The channels of an operand's pixel are those of the block's pixels, group by group: the first
    row from left to right, then the next.
    """

    name: ClassVar[str] = "depth_to_space"
    keeps_quant: ClassVar[bool] = True

    block: tuple[int, int] = (1, 1)
    first: tuple[int, int] = (0, 0)
    size: tuple[int, int] = (1, 1)
    groups: int = 1

    def infer(self, *inputs: TensorType) -> TensorType:
        shape = inputs[0].shape
        parts = self.block[0] * self.block[1] * self.groups
        if len(shape) != 3 or shape[2] % parts:
            raise ValueError(f"expects an image with {parts} parts of channels, got {inputs[0]}")
        for axis in (0, 1):
            end = self.first[axis] + self.size[axis]
            if not 0 <= self.first[axis] < end <= shape[axis] * self.block[axis]:
                raise ValueError(f"{self.size} pixels from {self.first} on leave {inputs[0]}")
        return TensorType((*self.size, shape[2] // (self.block[0] * self.block[1])))

    def windows(self, signature: Signature) -> tuple[Window, ...]:
        return (Window(pad=-self.first[0], divisor=self.block[0], clipped=True),)

    def evaluate(self, *arrays: Array) -> Array:
        n, height, width, channels = arrays[0].shape
        tall, wide = self.block
        depth = channels // (self.groups * tall * wide)
        apart = arrays[0].reshape(n, height, width, self.groups, tall, wide, depth)
        whole = apart.transpose(0, 1, 4, 2, 5, 3, 6)
        y: Array = whole.reshape(n, height * tall, width * wide, self.groups * depth)
        (top, left), (rows, columns) = self.first, self.size
        return y[:, top : top + rows, left : left + columns]

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        return self.evaluate(*arrays)
