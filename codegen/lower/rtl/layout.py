"""What all commands are made of: where pixels lie, how numbers follow the loops, parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from codegen.ir.engine import Command, Shape, Walk
from codegen.ir.fixed_point import Int64s
from codegen.ir.op import Op, Signature
from codegen.ir.types import Array, TensorType
from codegen.lower.bind.binding import Binding, Data

HISTORY = 2
"""How many columns ago a slide still knows what it read."""
HISTORY_ROWS = 16
"""In so many rows of a window."""
WHOLE = 32
"""A rescale drops so many bits: the multiplier 1 << WHOLE keeps a number as it is."""
MULTIPLIER_BITS = 34
LEAST = -128
BYTE_MAGNITUDE = 128


@dataclass(frozen=True, slots=True)
class Pixels:
    """A value as commands see it: rows of pixels of channels, pixels `pitch` bytes apart."""

    rows: int
    width: int
    channels: int
    pitch: int

    @property
    def row_pitch(self) -> int:
        """Bytes from a row to the next."""
        return self.width * self.pitch

    @property
    def row_bytes(self) -> int:
        """Bytes from the first of a row to its last."""
        return (self.width - 1) * self.pitch + self.channels

    @property
    def is_dense(self) -> bool:
        """Nothing lies between its pixels."""
        return self.pitch == self.channels


def pixels_of(kind: TensorType, pitch: int) -> Pixels:
    """Return a value of a type whose pixels are `pitch` bytes apart."""
    return Pixels(kind.rows, kind.width, kind.channels, pitch)


@dataclass(frozen=True, slots=True)
class Node:
    """What a binding is made from: an operator, where its operands and its result lie, an engine.

    The addresses of its commands count from the first bytes of an operand, the result, the layer's
    weights, rows of parameters and tables.
    """

    op: Op
    signature: Signature
    operands: tuple[Pixels, ...]
    result: Pixels
    shape: Shape

    @property
    def param_rows(self) -> int:
        """Rows of parameters for a full block of results of a convolution."""
        return -(-self.shape.pe // self.shape.lanes)


@dataclass(frozen=True, slots=True)
class Part:
    """A command, and the operand that its `address` counts from; in an ADD `weight` counts from
    the one after it.
    """

    command: Command
    operand: int = 0


def walk(
    start: int = 0,
    *,
    beat: int = 0,
    column: int = 0,
    row: int = 0,
    x: int = 0,
    y: int = 0,
    block: int = 0,
    group: int = 0,
) -> Walk:
    """Return the number with these strides."""
    return Walk(start, (beat, column, row, x, y, block, group))


def blocks_of(count: int, most: int) -> tuple[int, int]:
    """Return in how many blocks of `most` a number of channels goes, and how many the last has."""
    blocks = -(-count // most)
    return blocks, count - (blocks - 1) * most


def parameters(biases: Int64s, multipliers: Sequence[int] | Int64s, shape: Shape) -> Data:
    """Return rows of a bias and a multiplier for each lane: (rows, lanes, 2).

    Both are (blocks, channels); ValueError where a multiplier has too many bits.
    """
    pairs = np.stack([np.asarray(biases), np.asarray(multipliers)], axis=-1).astype(np.int64)
    most = int(pairs[..., 1].max())
    if most >> MULTIPLIER_BITS:
        ratio, limit = most / 2**WHOLE, 1 << MULTIPLIER_BITS - WHOLE
        raise ValueError(f"the engine scales sums by less than {limit}, not by {ratio:.3g}")
    blocks, channels, _ = pairs.shape
    missing = -channels % shape.lanes
    filled = np.pad(pairs, ((0, 0), (0, missing), (0, 0)), mode="edge")
    rows = filled.reshape(blocks * (channels + missing) // shape.lanes, shape.lanes, 2)
    return Data("parameters", "int64_t", rows, "bias and multiplier of each lane")


def uniform(bias: int, multiplier: int, shape: Shape) -> Data:
    """Return the row of parameters that all channels have."""
    row = np.ones((1, shape.lanes), np.int64)
    return parameters(row * bias, row * multiplier, shape)


def words(weights: Array, shape: Shape) -> Data:
    """Return weights (..., rows of sums, bytes) as words of the engine, zeros where there is none.

    The leading dimensions are in the order in which words are read.
    """
    *_, sums, count = weights.shape
    missing = ((0, 0),) * (weights.ndim - 2) + ((0, shape.pe - sums), (0, shape.simd - count))
    packed = np.pad(weights, missing).reshape(-1, shape.pe, shape.simd).astype(np.int8)
    return Data("weights", "int8_t", packed, f"[{len(packed)} words][{shape.pe}][{shape.simd}]")


def make_binding(
    node: Node,
    stem: str,
    parts: Sequence[Part],
    data: Sequence[Data],
    bound: int = BYTE_MAGNITUDE,
) -> Binding:
    """Return the binding that holds a node's commands; no sum exceeds `bound` in magnitude."""
    return Binding(
        stem,
        f"{node.op.name} on the shared engine",
        {"parts": tuple(parts), "roles": tuple(each.role for each in data), "bound": bound},
        tuple(data),
    )


def offset_of(zero_point: int) -> int:
    """Return what brings a zero point and the half that rounds into a sum before the shift."""
    return (zero_point << WHOLE) + (1 << (WHOLE - 1))


def needs_single(result_stride: int, shape: Shape) -> bool:
    """Two lanes' results may lie in words that are an even number apart, so in one bank."""
    for lanes in range(1, shape.lanes):
        apart = lanes * result_stride
        words_apart = {apart // shape.simd, -(-apart // shape.simd)}
        if any(n and n % 2 == 0 for n in words_apart):
            return True
    return False
