"""The shared engine's meaning, executed: commands on a bytes arena in NumPy, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from codegen.ir.engine import WINDOW, Command, Kind, Memories, Shape, Walk
from codegen.ir.fixed_point import Int64s
from codegen.ir.types import Array

__all__ = ["Memories", "execute"]

TIE_BIT = 32
ARGMAX_BYTES = 4


def execute(
    shape: Shape, memories: Memories, commands: Sequence[Command], arena: Array, frame: Array
) -> Array:
    """Run one frame on `arena`, int8, which is changed; return all bytes that are sent.

    `frame` are the bytes of all inputs in order.
    """
    sent, taken = [], 0
    for command in commands:
        start, size = command.address.start, command.row_bytes
        if command.kind is Kind.RECEIVE:
            arena[start : start + size] = frame[taken : taken + size]
            taken += size
        elif command.kind is Kind.SEND:
            sent.append(arena[start : start + size].copy())
        elif command.kind is Kind.SOFTMAX:
            _softmax(memories, command, arena)
        elif command.kind is Kind.ARGMAX:
            _argmax(command, arena)
        else:
            _layer(shape, memories, command, arena)
    return np.concatenate(sent) if sent else np.zeros(0, np.int8)


def _walk(walk: Walk, counts: Sequence[int]) -> Int64s:
    """Return the number at each turn of all loops, the outermost first."""
    grid = np.asarray(walk.start, np.int64)
    for level in reversed(range(len(counts))):
        turns = np.arange(counts[level], dtype=np.int64) * walk.strides[level]
        grid = grid[..., None] + turns
    return grid


def _layer(shape: Shape, memories: Memories, command: Command, arena: Array) -> None:
    """Make all result sets, then write them: what a command writes it never reads later."""
    address, column, row, weight = (
        _walk(walk, command.counts)
        for walk in (command.address, command.column, command.row, command.weight)
    )
    output = _walk(command.output, command.counts)[..., 0, 0, 0]
    results = []
    for group in range(command.counts[6]):
        for block in range(command.counts[5]):
            here = (group, block)
            read = _read(shape, command, arena, address[here], column[here], row[here])
            if command.kind is Kind.ADD:
                other = _read(shape, command, arena, weight[here], column[here], row[here])
                sums = np.stack([read[..., 0, :], other[..., 1, :]])[..., 0, 0, :]
            elif command.kind is Kind.MAX:
                sums = read.max(axis=(2, 3, 4))
            else:
                sums = _multiply(command, read, memories.weights.astype(np.int64)[weight[here]])
            last = block == command.counts[5] - 1
            count = command.last_results if last else command.results
            turn = group * command.counts[5] + block
            y = _rescale(shape, memories, command, sums[..., :count], turn)
            places = output[here]
            if command.slide:
                places = output[here][:, : command.out_columns]
            results.append((places[..., None] + np.arange(count) * command.result_stride, y))
    for place, y in results:
        arena[place] = y


def _read(
    shape: Shape, command: Command, arena: Array, address: Int64s, column: Int64s, row: Int64s
) -> Int64s:
    """Return the bytes of all beats of a block, (y, x, row, column, beat, simd)."""
    i = np.arange(shape.simd)
    valid = (column[..., None] + i >= 0) & (column[..., None] + i < command.row_bytes)
    valid &= ((row >= 0) & (row < command.rows))[..., None]
    if not command.slide:
        valid[..., -1, :] &= i < command.tail
    places = np.where(valid, address[..., None] + i, 0)
    found: Int64s = np.where(valid, arena[places].astype(np.int64), command.pad)
    return found


def _multiply(command: Command, read: Int64s, words: Int64s) -> Int64s:
    """Return the sums of all result sets of a block, (y, x, pe)."""
    if not command.depthwise:
        sums: Int64s = np.einsum("yxrcbi,yxrcbpi->yxp", read, words, optimize=True)
        return sums
    simd = read.shape[-1]
    if not command.slide:
        return np.asarray((read * words[..., :simd, 0]).sum(axis=(2, 3, 4)))
    columns = range(command.prime, command.counts[WINDOW], command.phase + 1)
    made = [
        sum(
            (read[:, x - j] * words[:, x, ..., :simd, j]).sum(axis=(1, 2, 3))
            for j in range(command.prime + 1)
        )
        for x in columns
    ]
    return np.stack(made, axis=1)


def _rescale(shape: Shape, memories: Memories, command: Command, sums: Int64s, turn: int) -> Array:
    """Return the bytes of the result sets of a block; of ADD, `sums` are those of both operands."""
    if command.kind is Kind.ADD:
        m = memories.multipliers[command.param]
        wide = sums[0] * m[0] + sums[1] * m[1] + command.offset
    else:
        channels = np.arange(sums.shape[-1])
        rows = command.param + turn * command.param_step + channels // shape.lanes
        if not command.param_step:
            rows = np.full_like(channels, command.param)
        lanes = channels % shape.lanes
        m = memories.multipliers[rows, lanes]
        wide = (sums + memories.biases[rows, lanes]) * m
        tie = np.where((wide >> TIE_BIT) & 1, m, -m) if command.ties else 0
        wide = wide + tie + command.offset
    y: Array = np.clip(wide >> 32, command.low, command.high).astype(np.int8)
    if command.table >= 0:
        y = memories.tables[command.table][y.astype(np.int64) + 128]
    return y


def _groups(command: Command) -> list[tuple[int, int]]:
    """Return where each group is read, and where its results go."""
    return [
        (
            command.address.start + x * command.address.strides[WINDOW],
            command.output.start + x * command.output.strides[WINDOW],
        )
        for x in range(command.counts[WINDOW])
    ]


def _softmax(memories: Memories, command: Command, arena: Array) -> None:
    n, down = command.row_bytes, 32 - command.phase
    for start, place in _groups(command):
        x = arena[start : start + n].astype(np.int64)
        e = memories.exponentials[command.table][x.max() - x]
        divisor = max((int(e.sum()) * command.offset + (1 << (down - 1))) >> down, 1)
        y = command.pad + ((e << command.phase) + divisor // 2) // divisor
        arena[place : place + n] = np.clip(y, command.low, command.high).astype(np.int8)


def _argmax(command: Command, arena: Array) -> None:
    for start, place in _groups(command):
        index = int(arena[start : start + command.row_bytes].argmax())
        arena[place : place + ARGMAX_BYTES] = np.frombuffer(
            index.to_bytes(ARGMAX_BYTES, "little"), np.int8
        )
