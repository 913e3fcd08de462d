"""Pools as commands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby, product

import numpy as np

from codegen.ir.engine import Command, Kind
from codegen.ir.engine_cycles import loop_cycles
from codegen.ir.types import Array
from codegen.lower.bind.binding import Binding
from codegen.lower.rtl.layout import (
    BYTE_MAGNITUDE,
    LEAST,
    WHOLE,
    Node,
    Part,
    Pixels,
    make_binding,
    offset_of,
    parameters,
    uniform,
    walk,
    words,
)
from codegen.lower.rtl.linear import channel_windows, slide
from codegen.ops import AveragePool, MaxPool
from codegen.ops.pool import Pool

FINE = 4
"""What sums are multiplied with where ties are broken."""


def bind_max_pool(node: Node) -> Binding:
    """Greatest bytes; padding is less than all of them."""
    op = node.op
    assert isinstance(op, MaxPool)
    command = replace(
        channel_windows(node, op, op.kernel_shape),
        kind=Kind.MAX,
        depthwise=False,
        pad=LEAST,
        param_step=0,
    )
    return make_binding(
        node, _name("max_pool", op, node), [Part(command)], [uniform(0, 1 << WHOLE, node.shape)]
    )


def bind_average_pool(node: Node) -> Binding:
    """Sums channel by channel; a command for each region whose windows hold equally many values."""
    op, shape = node.op, node.shape
    assert isinstance(op, AveragePool)
    p = op.params(node.signature)
    quant = node.signature.inputs[0].quant
    assert quant is not None
    ties = op.ties_to_even(node.signature)
    fine = FINE if ties else 1
    kh, kw = op.kernel_shape
    counts = op.counts(node.signature.inputs[0].shape[:2])
    kinds = sorted({int(n) for n in counts.ravel()})
    multipliers = np.asarray([p.multipliers[n] << p.shift for n in kinds], np.int64)
    row = np.ones((1, shape.lanes), np.int64)
    data = (
        words(_taps(fine, min(kw, shape.simd), shape.simd), shape),
        parameters(
            -fine * kh * kw * quant.zero_point * np.repeat(row, len(kinds), axis=0),
            multipliers[:, None] * row,
            shape,
        ),
    )
    parts = []
    for region in _regions(counts):
        still = _within(channel_windows(_cut(node, region), op, op.kernel_shape), node, op, region)
        sliding = slide(node, still, op)
        command = still
        if sliding and loop_cycles(shape, sliding) < loop_cycles(shape, still):
            command = replace(sliding, weight=walk(1))
        command = replace(
            command,
            pad=quant.zero_point,
            param=kinds.index(int(counts[region.top, region.left])),
            param_step=0,
            offset=offset_of(p.zero_point),
            low=p.low,
            high=p.high,
            ties=ties,
        )
        parts.append(Part(command))
    bound = 2 * fine * kh * kw * BYTE_MAGNITUDE
    return make_binding(node, _name("average_pool", op, node), parts, data, bound)


def _taps(fine: int, columns: int, simd: int) -> Array:
    """Return two words: one value of the window for each sum, and those of some columns."""
    one, several = np.zeros((2, simd, simd), np.int8)
    one[:, 0], several[:, :columns] = fine, fine
    return np.stack([one, several])


@dataclass(frozen=True, slots=True)
class Region:
    """Result pixels whose windows hold equally many values."""

    top: int
    left: int
    rows: int
    width: int


def _regions(counts: Array) -> Iterator[Region]:
    """Yield rectangles that cover all results; rows, and columns, are alike in the same way."""
    rows = _runs([tuple(row) for row in counts.tolist()])
    columns = _runs([tuple(column) for column in counts.T.tolist()])
    for (top, height), (left, width) in product(rows, columns):
        yield Region(top, left, height, width)


def _runs(items: list[tuple[int, ...]]) -> list[tuple[int, int]]:
    """Return where each run of equal items begins, and its length."""
    found, start = [], 0
    for _, same in groupby(items):
        length = len(list(same))
        found.append((start, length))
        start += length
    return found


def _cut(node: Node, region: Region) -> Node:
    """Return the node that makes so many rows and columns of results."""
    y = node.result
    return replace(node, result=Pixels(region.rows, region.width, y.channels, y.pitch))


def _within(command: Command, node: Node, op: Pool, region: Region) -> Command:
    """Move a command to where a region's windows and results begin."""
    x, y, (sy, sx) = node.operands[0], node.result, op.strides
    down, right = region.top * sy, region.left * sx
    return replace(
        command,
        address=replace(
            command.address, start=command.address.start + down * x.row_pitch + right * x.pitch
        ),
        column=replace(command.column, start=command.column.start + right * x.pitch),
        row=replace(command.row, start=command.row.start + down),
        output=walk(
            region.top * y.row_pitch + region.left * y.pitch,
            x=y.pitch,
            y=y.row_pitch,
            block=node.shape.simd,
        ),
    )


def _name(stem: str, op: Pool, node: Node) -> str:
    kh, kw = op.kernel_shape
    return f"{stem}_{kh}x{kw}_c{node.operands[0].channels}"
