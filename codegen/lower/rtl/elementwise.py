"""Sums, tables, copies and what is done to groups of bytes, as commands."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from codegen.ir.engine import Command, Kind
from codegen.ir.types import DType
from codegen.lower.bind.binding import Binding, Data
from codegen.lower.rtl.layout import (
    WHOLE,
    Node,
    Part,
    Pixels,
    blocks_of,
    make_binding,
    parameters,
    uniform,
    walk,
    words,
)
from codegen.ops import Add, Concat, FlipSign, SelectIndices, Softmax
from codegen.ops.add import AddParams
from codegen.ops.unary import Unary, least

INT32_BYTES = 4


def bind_add(node: Node) -> Binding:
    """Two products for each byte."""
    op, shape = node.op, node.shape
    assert isinstance(op, Add)
    p: AddParams = op.params(node.signature)
    up = WHOLE - p.shift
    a, b = node.operands
    command = elementwise(node, a, node.result)
    other = elementwise(node, b, node.result)
    if command.counts != other.counts:
        command, other = (_by_pixel(node, x, node.result) for x in (a, b))
    command = replace(
        command,
        kind=Kind.ADD,
        counts=(2, *command.counts[1:]),
        weight=other.address,
        depthwise=False,
        offset=p.offset << up,
        low=p.low,
        high=p.high,
    )
    multipliers = np.ones((1, shape.lanes), np.int64)
    multipliers[0, :2] = p.multipliers[0] << up, p.multipliers[1] << up
    data = parameters(np.zeros_like(multipliers), multipliers, shape)
    return make_binding(node, f"add_{_size(node.result)}", [Part(command)], [data])


def bind_table(node: Node) -> Binding:
    """A look-up for each byte."""
    op, x = node.op, node.signature.inputs[0]
    bits = np.arange(-128, 128)
    if isinstance(op, FlipSign):
        table = (bits & 0xFF ^ 0x80).astype(np.uint8).view(np.int8)
    else:
        assert isinstance(op, Unary)
        made = op.params(node.signature)
        assert isinstance(made, np.ndarray)
        values = bits & 0xFF if x.dtype is DType.UINT8 else bits
        table = made[values - least(x)].view(np.int8)
    command = replace(elementwise(node, node.operands[0], node.result), table=0)
    data = (*_as_it_is(node), Data("table", "int8_t", table, f"{op.name} of each byte, from -128"))
    return make_binding(node, f"table_{_size(node.result)}", [Part(command)], data)


def bind_copy(node: Node) -> Binding:
    """The bytes as they are."""
    command = elementwise(node, node.operands[0], node.result)
    return make_binding(node, f"copy_{_size(node.result)}", [Part(command)], _as_it_is(node))


def bind_concat(node: Node) -> Binding:
    """A copy of each operand, as rows of what lies together in the result."""
    op, y = node.op, node.signature.output
    assert isinstance(op, Concat)
    outer, inner = math.prod(y.shape[: op.axis]), math.prod(y.shape[op.axis + 1 :])
    whole = y.shape[op.axis] * inner
    parts, place = [], 0
    for index, (kind, x) in enumerate(zip(node.signature.inputs, node.operands, strict=True)):
        if not (x.is_dense and node.result.is_dense):
            raise ValueError("the engine joins only values whose pixels are neighbors")
        run = kind.shape[op.axis] * inner
        command = elementwise(node, Pixels(1, outer, run, run), Pixels(1, outer, run, whole))
        command = replace(command, output=replace(command.output, start=place))
        parts.append(Part(command, index))
        place += run
    return make_binding(node, f"concat_{_size(node.result)}", parts, _as_it_is(node))


def elementwise(node: Node, x: Pixels, y: Pixels) -> Command:
    """Return the command that passes bytes on: word by word where nothing lies between pixels.

    So a result may take its operand's place: each word is read once, before it is written.
    """
    if x.is_dense and y.is_dense:
        count = y.rows * y.width * y.channels
        x, y = Pixels(1, 1, count, count), Pixels(1, 1, count, count)
    return _by_pixel(node, x, y)


def _by_pixel(node: Node, x: Pixels, y: Pixels) -> Command:
    size = node.shape.simd
    blocks, last = blocks_of(y.channels, size)
    return Command(
        Kind.MAC,
        counts=(1, 1, 1, y.width, y.rows, blocks, 1),
        address=walk(x=x.pitch, y=x.row_pitch, block=size),
        column=walk(x=x.pitch, block=size),
        row=walk(y=1),
        row_bytes=x.row_bytes,
        rows=x.rows,
        tail=size,
        depthwise=True,
        results=size if blocks > 1 else last,
        last_results=last,
        output=walk(x=y.pitch, y=y.row_pitch, block=size),
    )


def _as_it_is(node: Node) -> tuple[Data, ...]:
    """Return the weights and the row of parameters that change nothing."""
    size = node.shape.simd
    one = np.zeros((1, size, size), np.int8)
    one[..., 0] = 1
    return words(one, node.shape), uniform(0, 1 << WHOLE, node.shape)


def bind_softmax(node: Node) -> Binding:
    """Group by group."""
    op = node.op
    assert isinstance(op, Softmax)
    p = op.params(node.signature)
    x, y = node.operands[0], node.result
    command = Command(
        Kind.SOFTMAX,
        counts=(1, 1, 1, x.rows * x.width, 1, 1, 1),
        address=walk(x=x.pitch),
        row_bytes=x.channels,
        pad=p.zero_point,
        phase=p.shift,
        output=walk(x=y.pitch),
        offset=p.multiplier,
        table=0,
    )
    table = p.exponentials.fine.astype(np.int64)
    data = Data("exponentials", "int64_t", table, "of distances from the greatest")
    return make_binding(node, f"softmax_{_size(y)}", [Part(command)], [data])


def bind_argmax(node: Node) -> Binding:
    """Group by group."""
    assert isinstance(node.op, SelectIndices)
    outer, count, _ = node.signature.inputs[0].shape
    command = Command(
        Kind.ARGMAX,
        counts=(1, 1, 1, outer, 1, 1, 1),
        address=walk(x=count),
        row_bytes=count,
        output=walk(x=INT32_BYTES),
    )
    return make_binding(node, f"argmax_{outer}x{count}", [Part(command)], [])


def _size(y: Pixels) -> str:
    return f"{y.rows}x{y.width}x{y.channels}"
