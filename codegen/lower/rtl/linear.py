"""Convolutions and dense layers as commands."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from codegen.ir.engine import Command, Kind
from codegen.ir.engine_cycles import loop_cycles
from codegen.ir.fixed_point import Rescale, accumulator_range
from codegen.ir.types import Array
from codegen.lower.bind.binding import Binding, Data
from codegen.lower.rtl.layout import (
    HISTORY,
    HISTORY_ROWS,
    Node,
    Part,
    Pixels,
    blocks_of,
    make_binding,
    needs_single,
    offset_of,
    parameters,
    walk,
    words,
)
from codegen.ops import Conv2d, Dense
from codegen.ops.linear import LinearParams
from codegen.ops.pool import Pool


def bind_conv2d(node: Node) -> Binding:
    """Depthwise convolutions channel by channel, others as sums over bytes that are neighbors."""
    assert isinstance(node.op, Conv2d)
    p = node.op.params(node.signature)
    filters, kh, kw, _ = p.weights.shape
    name = f"conv2d_{kh}x{kw}_c{node.operands[0].channels}_f{filters}"
    if node.op.is_depthwise(node.signature):
        command, packed = depthwise(node, p.weights[..., 0])
        data: tuple[Data, ...] = (words(packed, node.shape), channel_parameters(node, p))
        command = _rescaled(command, p.rescale, p.input_zero_point)
    else:
        command, data = _sums(node, node.op, p)
    return make_binding(node, name, [Part(command)], data, _bound(p))


def bind_dense(node: Node) -> Binding:
    """The convolution of one pixel."""
    assert isinstance(node.op, Dense)
    p = node.op.params(node.signature)
    filters, depth = p.weights.shape
    p = replace(p, weights=p.weights.reshape(filters, 1, 1, depth))
    command, data = _sums(node, Conv2d(), p)
    return make_binding(node, f"dense_{depth}_{filters}", [Part(command)], data, _bound(p))


def _bound(p: LinearParams) -> int:
    """Return what no sum exceeds in magnitude, with or without its bias."""
    ends = accumulator_range(p.weights, np.zeros(len(p.bias), np.int64))
    return max(*(int(np.abs(end).max()) for end in ends), -p.least, p.greatest)


def _sums(node: Node, op: Conv2d, p: LinearParams) -> tuple[Command, tuple[Data, ...]]:
    """A window is read as a run of bytes for each of its rows where they are neighbors, else as a
    run for each of its pixels.
    """
    (x,), y, shape = node.operands, node.result, node.shape
    filters, kh, kw, depth = p.weights.shape
    runs = p.weights
    if op.group == 1 and op.dilations[1] == 1 and x.is_dense:
        runs = p.weights.reshape(filters, kh, 1, kw * depth)
    columns, run = runs.shape[2:]
    beats, tail = blocks_of(run, shape.simd)
    group_filters = filters // op.group
    blocks, last = blocks_of(group_filters, shape.pe)
    block_words = kh * columns * beats
    filter_step = op.group if op.interleave else 1
    (sy, sx), (dy, dx), (top, left) = op.strides, op.dilations, op.pads[:2]
    command = Command(
        Kind.MAC,
        counts=(beats, columns, kh, y.width, y.rows, blocks, op.group),
        address=walk(
            -left * x.pitch - top * x.row_pitch,
            beat=shape.simd,
            column=dx * x.pitch,
            row=dy * x.row_pitch,
            x=sx * x.pitch,
            y=sy * x.row_pitch,
            group=depth,
        ),
        column=walk(
            -left * x.pitch, beat=shape.simd, column=dx * x.pitch, x=sx * x.pitch, group=depth
        ),
        row=walk(-top, row=dy, y=sy),
        weight=walk(
            beat=1,
            column=beats,
            row=columns * beats,
            block=block_words,
            group=blocks * block_words,
        ),
        row_bytes=x.row_bytes,
        rows=x.rows,
        tail=tail,
        results=shape.pe if blocks > 1 else last,
        last_results=last,
        param_step=node.param_rows,
        output=walk(
            x=y.pitch,
            y=y.row_pitch,
            block=shape.pe * filter_step,
            group=1 if op.interleave else group_filters,
        ),
        result_stride=filter_step,
        single=needs_single(filter_step, shape),
    )
    packed = pack(runs, op.group, shape.pe, shape.simd)
    data = (words(packed, shape), filter_parameters(node, p, op.group))
    return _rescaled(command, p.rescale, p.input_zero_point), data


def pack(runs: Array, groups: int, pe: int, simd: int) -> Array:
    """Take (filters, rows, columns, bytes) to (groups, blocks, rows, columns, beats, pe, simd)."""
    filters, rows, columns, run = runs.shape
    missing = -(filters // groups) % pe, -run % simd
    grouped = runs.reshape(groups, filters // groups, rows, columns, run)
    filled = np.pad(grouped, ((0, 0), (0, missing[0]), (0, 0), (0, 0), (0, missing[1])))
    split = filled.reshape(groups, -1, pe, rows, columns, (run + missing[1]) // simd, simd)
    return split.transpose(0, 1, 3, 4, 5, 2, 6)


def filter_parameters(node: Node, p: LinearParams, groups: int) -> Data:
    """Return the parameters of filters, those of each group a multiple of `pe`."""
    return _in_blocks(node, p, groups, node.shape.pe)


def channel_parameters(node: Node, p: LinearParams) -> Data:
    """Return the parameters of channels, `simd` to a block."""
    return _in_blocks(node, p, 1, node.shape.simd)


def _in_blocks(node: Node, p: LinearParams, groups: int, size: int) -> Data:
    multipliers = np.resize(np.asarray(p.rescale.multipliers, np.int64), p.bias.shape)
    both = np.stack([p.bias.astype(np.int64), multipliers << p.rescale.shift])
    parts = both.reshape(2, groups, -1)
    filled = np.pad(parts, ((0, 0), (0, 0), (0, -parts.shape[2] % size)), mode="edge")
    biases, factors = filled.reshape(2, -1, size)
    return parameters(biases, factors, node.shape)


def _rescaled(command: Command, rescale: Rescale, pad: int) -> Command:
    return replace(
        command,
        pad=pad,
        offset=offset_of(rescale.zero_point),
        low=rescale.low,
        high=rescale.high,
    )


def depthwise(node: Node, weights: Array) -> tuple[Command, Array]:
    """Return the command of sums channel by channel, and weights (channels, rows, columns) packed.

    It slides along rows where that takes fewer cycles: each column is then read once.
    """
    assert isinstance(node.op, Conv2d)
    op, size = node.op, node.shape.simd
    channels, kh, kw = weights.shape
    still = channel_windows(node, op, (kh, kw), op.dilations)
    blocks = still.counts[5]
    filled = np.pad(weights, ((0, -channels % size), (0, 0), (0, 0))).reshape(blocks, size, kh, kw)
    still = replace(still, weight=walk(column=1, row=kw, block=kh * kw))
    packed = filled.transpose(0, 2, 3, 1)[..., None]
    sliding = slide(node, still, op)
    if sliding is None or loop_cycles(node.shape, sliding) >= loop_cycles(node.shape, still):
        return still, packed
    by_age = filled[..., ::-1].transpose(0, 2, 1, 3)
    return replace(sliding, weight=walk(beat=1, block=kh)), by_age


def channel_windows(
    node: Node, op: Conv2d | Pool, kernel: tuple[int, int], dilations: tuple[int, int] = (1, 1)
) -> Command:
    """Return the command that reads a window tap by tap, `simd` channels at a time."""
    x, y, size = node.operands[0], node.result, node.shape.simd
    blocks, last = blocks_of(x.channels, size)
    (sy, sx), (dy, dx), (top, left) = op.strides, dilations, op.pads[:2]
    return Command(
        Kind.MAC,
        counts=(1, kernel[1], kernel[0], y.width, y.rows, blocks, 1),
        address=walk(
            -left * x.pitch - top * x.row_pitch,
            column=dx * x.pitch,
            row=dy * x.row_pitch,
            x=sx * x.pitch,
            y=sy * x.row_pitch,
            block=size,
        ),
        column=walk(-left * x.pitch, column=dx * x.pitch, x=sx * x.pitch, block=size),
        row=walk(-top, row=dy, y=sy),
        row_bytes=x.row_bytes,
        rows=x.rows,
        tail=size,
        depthwise=True,
        results=size if blocks > 1 else last,
        last_results=last,
        param_step=-(-size // node.shape.lanes),
        output=walk(x=y.pitch, y=y.row_pitch, block=size),
    )


def slide(node: Node, still: Command, op: Conv2d | Pool) -> Command | None:
    """Return the command that reads each column of the windows' rows once; None where none can."""
    _, kw, kh, columns, *outer = still.counts
    dilations = op.dilations if isinstance(op, Conv2d) else (1, 1)
    if kw - 1 > HISTORY or kh > HISTORY_ROWS or dilations[1] > 1:
        return None
    x: Pixels = node.operands[0]
    (sy, sx), dy = op.strides, dilations[0]
    size = node.shape.simd
    return replace(
        still,
        counts=(kh, 1, 1, (columns - 1) * sx + kw, *outer),
        address=walk(
            still.address.start,
            beat=dy * x.row_pitch,
            x=x.pitch,
            y=sy * x.row_pitch,
            block=size,
        ),
        column=walk(still.column.start, x=x.pitch, block=size),
        row=walk(still.row.start, beat=dy, y=sy),
        slide=True,
        prime=kw - 1,
        phase=sx - 1,
    )
