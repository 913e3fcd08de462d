"""Layers and nests as finished C expressions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from textwrap import wrap

from codegen.emit.layout import COLUMNS, comment_text
from codegen.ir.program import ARENA, Layer, Nest, Operand, Program
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
    arguments = [_argument(layer, operand) for operand in layer.operands]
    accumulates = layer.function.kernel.accumulates
    rows = 1 if accumulates else layer.rows
    arguments.append(_row("y", "row", layer.output_pitch, layer.output_kept, rows))
    arguments += layer.constants
    if layer.scratch_offset is not None:
        arguments.append("scratch")
    if accumulates:
        arguments.append("row")
    return f"{layer.function.name}({', '.join(arguments)});"


def view_nests(program: Program) -> tuple[NestView, ...]:
    """Return nests as C text; needs count layers from the first of all."""
    counters = [_counter(layer) for layer in program.layers]
    found, start = [], 0
    for index, nest in enumerate(program.nests):
        inside = range(start, start + len(nest.layers))
        turns = tuple(
            _turn(layer, needs, counters, inside)
            for layer, needs in zip(nest.layers, nest.needs, strict=True)
        )
        found.append(_nest(f"{program.interface.prefix}nest_{index:02d}", nest, turns))
        start = inside.stop
    return tuple(found)


def _nest(name: str, nest: Nest, turns: tuple[Turn, ...]) -> NestView:
    first, last = nest.layers[0], nest.layers[-1]
    summary = f"{first.name} to {last.name}, row by row: the latest that can make a row, makes one."
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


def _turn(layer: Layer, needs: tuple[Need, ...], counters: list[str], inside: range) -> Turn:
    done = _counter(layer)
    waits = [_wait(need, counters[need.step], done) for need in needs if need.step in inside]
    parts = (f"{done} < {layer.rows}", *waits)
    condition = " && ".join(f"({part})" for part in parts) if waits else parts[0]
    return Turn(done, layer.rows, _layer_call(layer, layer.bases, done), condition)


def _wait(need: Need, made: str, done: str) -> str:
    """Return the condition that an operand has come far enough for the next row."""
    if need.stride == 0 or need.reach >= need.rows:
        return f"{made} == {need.rows}"
    if (need.stride, need.reach) == (1, 1):
        return f"{made} > {done}"
    start = done if need.stride == 1 else f"({done} * {need.stride})"
    reach = f"{start} - {-need.reach}" if need.reach < 0 else f"{start} + {need.reach}"
    return f"{made} >= fx_least({reach}, {need.rows})"


def _counter(layer: Layer) -> str:
    return f"done_{layer.name.rpartition('_')[2]}"


def _comment(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Return lines as one C comment."""
    texts = [part for line in lines for part in wrap(comment_text(line), COLUMNS - 6)]
    return ("/* " + texts[0], *("   " + text for text in texts[1:-1]), f"   {texts[-1]} */")


def _argument(layer: Layer, operand: Operand) -> str:
    if not operand.is_direct:
        return f"{operand.name}_rows"
    if operand.kept == operand.height:
        pitch = operand.stride * operand.pitch
        return _row(operand.name, "row", pitch, operand.kept, layer.rows)
    row = "row" if operand.stride == 1 else f"(row * {operand.stride})"
    return _row(operand.name, row, operand.pitch, operand.kept, operand.height)


def _row(name: str, row: str, pitch: int, kept: int, rows: int) -> str:
    """Return the pointer to a row of a value of which `kept` rows are in memory."""
    if rows == 1 or kept == 1:
        return name
    return (
        f"{name} + (({row} % {kept}) * {pitch})" if kept < rows else f"{name} + ({row} * {pitch})"
    )


def _operand(layer: Layer, operand: Operand) -> OperandView:
    arguments = [
        f"{operand.name}_rows",
        str(operand.window),
        operand.name,
        str(operand.pitch),
        str(operand.height),
        str(operand.kept),
        _first_row(layer, operand),
        str(operand.dilation),
        operand.outside,
    ]
    set_rows = f"fx_rows({', '.join(arguments)});"
    where = place(operand.base, operand.offset)
    return OperandView(operand.name, where, operand.window, "" if operand.is_direct else set_rows)


def _first_row(layer: Layer, operand: Operand) -> str:
    """Return the operand row at which the window of the loop's row begins."""
    if layer.rows == 1:
        return str(-operand.pad)
    start = "row" if operand.stride == 1 else f"row * {operand.stride}"
    if not operand.pad:
        return start
    return f"({start}) - {operand.pad}" if operand.stride > 1 else f"{start} - {operand.pad}"


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
