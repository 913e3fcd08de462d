"""Layers and nests as finished C expressions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

from codegen.emit.layout import COLUMNS, comment_text
from codegen.ir.program import ARENA, Layer, Nest, Operand
from codegen.ir.schedule import Need


@dataclass(frozen=True, slots=True)
class OperandView:
    """An operand within a layer function: where it is, and how its row pointers are set."""

    name: str
    place: str
    window: int
    set_rows: str


@dataclass(frozen=True, slots=True)
class LayerView:
    """A layer function: its declarations and the one kernel call."""

    name: str
    comment: tuple[str, ...]
    parameters: str
    operands: tuple[OperandView, ...]
    output: str
    scratch: str
    outside: str
    outside_bytes: int
    outside_value: int
    overhangs: str
    call: str


@dataclass(frozen=True, slots=True)
class Turn:
    """A layer's part in a nest: its counter, its rows, the call for the next, and when it may."""

    done: str
    rows: int
    call: str
    condition: str


@dataclass(frozen=True, slots=True)
class NestView:
    """A nest's function; a nest of one layer has none and is run by its `invocation`."""

    name: str
    summary: str
    layers: tuple[Turn, ...]
    invocation: tuple[str, ...]
    parameters: str

    @property
    def latest_first(self) -> tuple[Turn, ...]:
        """The layers from the last to the first."""
        return self.layers[::-1]


def view_layer(layer: Layer) -> LayerView:
    """Return a layer as C text."""
    return LayerView(
        name=layer.name,
        comment=_comment(layer.comment),
        parameters=", ".join([*declared(layer.bases), *(["int32_t row"] * takes_row(layer))]),
        operands=tuple(_operand(layer, operand) for operand in layer.operands),
        output=place(layer.output_base, layer.output_offset),
        scratch=place(ARENA, layer.scratch_offset),
        outside=place(ARENA, layer.outside_offset),
        outside_bytes=layer.outside_bytes,
        outside_value=layer.outside_value,
        overhangs=_overhangs(layer) if layer.outside_offset is not None else "",
        call=_kernel_call(layer),
    )


def declared(bases: tuple[str, ...]) -> tuple[str, ...]:
    """Return the parameters of a function that counts addresses from `bases`."""
    return tuple(f"int8_t *{base}" for base in bases)


def place(base: str, offset: int | None) -> str:
    """Return the address of a byte; "" where there is no offset."""
    if offset is None:
        return ""
    return f"{base} + {offset}" if offset else base


def call(function: str, bases: tuple[str, ...], *arguments: str) -> str:
    """Return the call of a layer or nest that counts addresses from `bases`."""
    return f"{function}({', '.join([*bases, *arguments])});"


def in_public(bases: tuple[str, ...]) -> tuple[str, ...]:
    """Return what public functions call the bases: their own `arena` is a pointer to void."""
    return tuple("base" if base == ARENA else base for base in bases)


def takes_row(layer: Layer) -> bool:
    """The function of the layer depends on the row: not where all it touches is one row."""
    views = (_operand(layer, operand) for operand in layer.operands)
    overhangs = _overhangs(layer) if layer.outside_offset is not None else ""
    texts = (_kernel_call(layer), overhangs, *(view.set_rows for view in views))
    return any(re.search(r"\brow\b", text) for text in texts)


def _kernel_call(layer: Layer) -> str:
    arguments = [argument(operand, layer.rows) for operand in layer.operands]
    accumulates = layer.function.kernel.accumulates
    rows = 1 if accumulates else layer.rows
    arguments.append(row_pointer("y", "row", layer.output_pitch, layer.output_kept, rows))
    arguments += layer.constants
    if layer.scratch_offset is not None:
        arguments.append("scratch")
    if accumulates or layer.function.kernel.knows_row:
        arguments.append("row")
    return f"{layer.function.name}({', '.join(arguments)});"


def view_nests(nests: tuple[Nest, ...]) -> tuple[NestView, ...]:
    """Return nests as C text; needs count layers from the first of all."""
    counters = [_counter(layer) for nest in nests for layer in nest.layers]
    found, start = [], 0
    for index, nest in enumerate(nests):
        inside = range(start, start + len(nest.layers))
        turns = tuple(
            _turn(layer, needs, wants, counters, inside)
            for layer, needs, wants in zip(nest.layers, nest.needs, nest.wants, strict=True)
        )
        found.append(_nest(f"nest_{index:02d}", nest, turns))
        start = inside.stop
    return tuple(found)


def _nest(name: str, nest: Nest, turns: tuple[Turn, ...]) -> NestView:
    first, last = nest.layers[0], nest.layers[-1]
    summary = f"{first.name} to {last.name}, row by row: the latest that may, makes a row."
    if len(turns) > 1:
        invocation: tuple[str, ...] = (call(name, in_public(nest.bases)),)
    elif first.rows > 1:
        loop = f"for (int32_t row = 0; row < {first.rows}; ++row) {{"
        invocation = (loop, f"    {_layer_call(first, in_public(first.bases), 'row')}", "}")
    else:
        invocation = (_layer_call(first, in_public(first.bases), "0"),)
    return NestView(name, summary, turns, invocation, ", ".join(declared(nest.bases)))


def _layer_call(layer: Layer, bases: tuple[str, ...], row: str) -> str:
    return call(layer.name, bases, *([row] * takes_row(layer)))


def _turn(
    layer: Layer,
    needs: tuple[Need, ...],
    wants: tuple[Need, ...],
    counters: list[str],
    inside: range,
) -> Turn:
    done = _counter(layer)
    condition = may_run(
        done,
        layer.rows,
        [(need, counters[need.step]) for need in needs if need.step in inside],
        [(want, counters[want.step]) for want in wants],
    )
    return Turn(done, layer.rows, _layer_call(layer, layer.bases, done), condition)


def may_run(
    done: str, rows: int, needs: Sequence[tuple[Need, str]], wants: Sequence[tuple[Need, str]]
) -> str:
    """Return the condition under which a layer of a nest may make its next row.

    `done` counts its rows; needs and wants come with the counters of what they wait for.
    """
    limits = [f"{done} < {_rows_for(want, reader)}" for want, reader in wants]
    parts = [_any(limits) if limits else f"{done} < {rows}"]
    parts += [_wait(need, made, done) for need, made in needs]
    return " && ".join(f"({part})" for part in parts) if len(parts) > 1 else parts[0]


def _any(conditions: list[str]) -> str:
    """Return the condition that one of several holds."""
    if len(conditions) == 1:
        return conditions[0]
    return " || ".join(f"({condition})" for condition in conditions)


def _wait(need: Need, made: str, done: str) -> str:
    """Return the condition that an operand has come far enough for the next row."""
    if _is_all(need):
        return f"{made} == {need.rows}"
    if (need.stride, need.reach, need.divisor, need.least) == (1, 1, 1, 0):
        return f"{made} > {done}"
    if need.least == 1:
        return f"{made} > {_first_needed(need, done)}"
    return f"{made} >= {_rows_for(need, done)}"


def _is_all(need: Need) -> bool:
    """Every row waits for all rows of the operand."""
    return need.stride == 0 or (need.stride > 0 and need.reach >= need.rows * need.divisor)


def _rows_for(need: Need, row: str) -> str:
    """Return how many rows of the operand the computation of `row` needs."""
    if _is_all(need):
        return str(need.rows)
    if need.least:
        rows = f"{_first_needed(need, row)} + {need.least}"
        return rows if need.least == 1 else f"fx_least({rows}, {need.rows})"
    return f"fx_least({_line(row, need.stride, need.reach)}, {need.rows})"


def _first_needed(need: Need, row: str) -> str:
    """Return the first row of a window that begins inside the operand."""
    offset, last = need.reach - need.least * need.divisor, (need.rows - 1) * need.divisor
    position = _position(row, need.stride, offset, last, need.divisor)
    return position if need.divisor == 1 else f"({position})"


def _line(row: str, stride: int, offset: int) -> str:
    """Return row * stride + offset."""
    factor = abs(stride)
    start = row if factor == 1 else f"({row} * {factor})" if offset else f"{row} * {factor}"
    if stride < 0:
        return f"{offset} - {start}"
    if not offset:
        return start
    return f"{start} - {-offset}" if offset < 0 else f"{start} + {offset}"


def _position(row: str, stride: int, offset: int, last: int, divisor: int) -> str:
    """Return the row at (row * stride + offset) / divisor, the position moved into 0 .. last."""
    position = f"fx_position({row}, {stride}, {offset}, {last})"
    return position if divisor == 1 else f"{position} / {divisor}"


def _counter(layer: Layer) -> str:
    return layer.name.replace("layer", "done")


def _comment(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Return lines as one C comment."""
    texts = [part for line in lines for part in wrap(comment_text(line), COLUMNS - 6)]
    return ("/* " + texts[0], *("   " + text for text in texts[1:-1]), f"   {texts[-1]} */")


def argument(operand: Operand, calls: int) -> str:
    """Return what a kernel is given for an operand, by a layer that is called `calls` times."""
    if not operand.is_direct:
        return f"{operand.name}_rows"
    if operand.kept == operand.height:
        pitch = operand.stride * operand.pitch
        return row_pointer(operand.name, "row", pitch, operand.kept, calls)
    row = "row" if operand.stride == 1 else f"(row * {operand.stride})"
    return row_pointer(operand.name, row, operand.pitch, operand.kept, operand.height)


def row_pointer(name: str, row: str, pitch: int, kept: int, rows: int) -> str:
    """Return the pointer to a row of a value of which `kept` rows are in memory."""
    if rows == 1 or kept == 1:
        return name
    return (
        f"{name} + (({row} % {kept}) * {pitch})" if kept < rows else f"{name} + ({row} * {pitch})"
    )


def _operand(layer: Layer, operand: Operand) -> OperandView:
    pointers = "" if operand.is_direct else set_rows(operand, layer.rows)
    return OperandView(operand.name, place(operand.base, operand.offset), operand.window, pointers)


def set_rows(operand: Operand, calls: int) -> str:
    """Return the statement that sets the row pointers of an operand."""
    arguments = [
        f"{operand.name}_rows",
        str(operand.window),
        operand.name,
        str(operand.pitch),
        str(operand.height),
        str(operand.kept),
        _first_row(operand, calls),
        str(operand.dilation),
        operand.outside,
    ]
    return f"fx_rows({', '.join(arguments)});"


def _first_row(operand: Operand, calls: int) -> str:
    """Return the operand row at which the window of the loop's row begins."""
    row = "row" if calls > 1 else "0"
    if operand.clipped:
        last = (operand.height - 1) * operand.divisor
        return _position(row, operand.stride, -operand.pad, last, operand.divisor)
    return _line(row, operand.stride, -operand.pad) if calls > 1 else str(-operand.pad)


def _overhangs(layer: Layer) -> str:
    """Return the condition that the window of `row` reaches beyond its operand; "" if always."""
    (operand,) = layer.operands
    if layer.rows == 1:
        return ""
    start = "row" if operand.stride == 1 else f"(row * {operand.stride})"
    beyond = operand.height + operand.pad - (operand.window - 1) * operand.dilation
    if beyond <= operand.pad:
        return ""
    return f"({start} < {operand.pad}) || ({start} >= {beyond})"
