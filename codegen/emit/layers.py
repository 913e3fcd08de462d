"""Layers and nests as finished C expressions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from codegen.emit.layout import comment_block
from codegen.emit.statements import (
    Finding,
    body,
    cast,
    declarations,
    delivers,
    finding,
    row_pointer,
    shapes,
)
from codegen.ir.program import ARENA, Layer, Nest, Operand, Program, is_arena
from codegen.ir.schedule import PUSHED, SINK, Need


@dataclass(frozen=True, slots=True)
class OperandView:
    """An operand within a layer function: where it is, and how its row pointers are set."""

    name: str
    place: str
    window: int
    set_rows: str


@dataclass(frozen=True, slots=True)
class LayerView:
    """A layer function: its declarations, and the statements that call the kernel."""

    name: str
    comment: tuple[str, ...]
    finding: Finding
    parameters: str
    operands: tuple[OperandView, ...]
    output: str
    scratch: str
    shapes: tuple[str, ...]
    declarations: tuple[str, ...]
    body: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """A layer's part in a nest: its counter, its rows, the call for the next, and when it may."""

    done: str
    rows: int
    call: str
    condition: str


@dataclass(frozen=True, slots=True)
class NestView:
    """A nest's function; a nest of one layer has none and is run by its `invocation`.

    `counters` are its own; those of a nest whose rows are pushed outlast its calls. `calls` is how
    many rows all its layers make, where the loop over them is to have a known end.
    """

    name: str
    summary: str
    layers: tuple[Turn, ...]
    counters: tuple[str, ...]
    invocation: tuple[str, ...]
    parameters: str
    is_function: bool
    calls: int | None = None

    @property
    def latest_first(self) -> tuple[Turn, ...]:
        """The layers from the last to the first."""
        return self.layers[::-1]


@dataclass(frozen=True, slots=True)
class StateView:
    """What is kept between pushed rows: C type and names of its counters, place, size, mark.

    `receive` is the call that takes a row, `received` the counter of rows.
    """

    counter_type: str
    counters: tuple[str, ...]
    first_place: str
    place: str
    size: int
    mark: str
    receive: str
    received: str
    rows: int


def view_layer(layer: Layer, network: str) -> LayerView:
    """Return a layer as C text."""
    find = finding(layer)
    bases = declared(layer.bases, network, by_place=find.by_place)
    return LayerView(
        name=layer.name,
        comment=comment_block(layer.comment),
        finding=find,
        parameters=", ".join([*bases, *(["int32_t row"] * takes_row(layer))]),
        operands=tuple(_operand(layer, operand) for operand in layer.operands),
        output="" if delivers(layer) else find.at(layer.output_base, layer.output_offset),
        scratch=find.at(layer.scratch_base, layer.scratch_offset),
        shapes=shapes(layer),
        declarations=declarations(layer),
        body=body(layer),
    )


def declared(bases: tuple[str, ...], network: str, *, by_place: bool) -> tuple[str, ...]:
    """Return the parameters of a function that counts addresses, or places, from `bases`."""
    if by_place:
        return (indexed_arena(network),)
    return tuple(_parameter(base, network) for base in bases)


def indexed_arena(network: str) -> str:
    """Return the parameter that is the arena to what finds bytes by their places."""
    return f"int8_t {ARENA}[{network.upper()}_ARENA_SIZE]"


def _parameter(base: str, network: str) -> str:
    if base == SINK:
        return f"{network}_sink sink, void *user"
    return f"int8_t *{base}" if is_arena(base) else f"const int8_t *{base}"


def member(base: str) -> str:
    """Return where a public function finds the first byte of an arena."""
    return ARENA if base == ARENA else f"arena->{base.removesuffix(f'_{ARENA}')}"


INSIDE = {SINK: "sink, user"}
"""What layers and nests call the bases, where that is not their name."""
PUBLIC = {**INSIDE, ARENA: "base"}
"""What NAME_invoke calls them: its own `arena` is a pointer to void."""
PUSHING = {ARENA: "base", PUSHED: "row", SINK: "state.sink, state.user"}
"""What NAME_push_row calls them."""


def public_names(program: Program) -> Mapping[str, str]:
    """Return what public functions call the bases: inside, what the caller lends is bytes."""
    interface = program.interface
    ctypes = [port.dtype.ctype for port in interface.inputs]
    if program.state is not None:
        return {**PUSHING, PUSHED: cast(PUSHING[PUSHED], "int8_t", ctypes[0])}
    lent = [f"input_{i}" for i in range(len(ctypes))] if len(ctypes) > 1 else ["input"]
    pairs = zip(lent, ctypes, strict=True)
    return {**PUBLIC, **{name: cast(name, "int8_t", ctype) for name, ctype in pairs}}


def call(function: str, bases: tuple[str, ...], names: Mapping[str, str], *arguments: str) -> str:
    """Return the call of a layer or nest that counts addresses from `bases`."""
    return f"{function}({', '.join([*(names.get(b, b) for b in bases), *arguments])});"


def takes_row(layer: Layer) -> bool:
    """The function of the layer depends on the row: not where all it touches is one row."""
    views = (_operand(layer, operand) for operand in layer.operands)
    texts = (*body(layer), *(view.set_rows for view in views))
    return any(re.search(r"\brow\b", text) for text in texts)


def view_nests(program: Program) -> tuple[NestView, ...]:
    """Return nests as C text; needs count layers from the first of all."""
    found, start = [], 0
    for index, nest in enumerate(program.nests):
        name = f"{program.interface.prefix}nest_{index:02d}"
        inside = range(start, start + len(nest.layers))
        is_pushed = program.state is not None and index == 0
        counters = {
            step: f"state->{counter(layer.name)}" if is_pushed else counter(layer.name)
            for step, layer in zip(inside, nest.layers, strict=True)
        }
        turns = tuple(
            _turn(layer, needs, wants, counters[step], counters)
            for step, layer, needs, wants in zip(
                inside, nest.layers, nest.needs, nest.wants, strict=True
            )
        )
        view = _pushed_nest if is_pushed else _nest
        found.append(view(name, program, nest, turns))
        start = inside.stop
    return tuple(found)


def view_state(program: Program) -> StateView | None:
    """Return what is kept between pushed rows as C text."""
    if program.state is None:
        return None
    layers, base = program.nests[0].layers, program.state.base
    received = f"state.{counter(layers[0].name)}"
    return StateView(
        counter_type=f"int{8 * program.state.counter_bytes}_t",
        counters=tuple(counter(layer.name) for layer in layers),
        first_place=f"(int8_t *){member(base)} + {program.state.offset}",
        place=f"{PUSHING.get(base, base)} + {program.state.offset}",
        size=program.state.size_bytes,
        mark=f"0x{program.state.mark:08x}u",
        receive=_layer_call(layers[0], public_names(program), received),
        received=received,
        rows=layers[0].rows,
    )


def _nest(name: str, program: Program, nest: Nest, turns: tuple[Turn, ...]) -> NestView:
    first = nest.layers[0]
    names = public_names(program)
    if len(turns) > 1:
        invocation: tuple[str, ...] = (call(name, nest.bases, names),)
    elif first.rows > 1:
        loop = f"for (int32_t i = 0; i < {first.rows}; ++i) {{"
        invocation = (loop, f"    {_layer_call(first, names, 'i')}", "}")
    else:
        invocation = (_layer_call(first, names, "0"),)
    return NestView(
        name=name,
        summary=_summary(nest.layers),
        layers=turns,
        counters=tuple(turn.done for turn in turns),
        invocation=invocation,
        parameters=", ".join(
            declared(nest.bases, program.interface.name, by_place=program.indexes)
        ),
        is_function=len(turns) > 1,
        calls=sum(turn.rows for turn in turns) if program.indexes else None,
    )


def _pushed_nest(name: str, program: Program, nest: Nest, turns: tuple[Turn, ...]) -> NestView:
    """Return what follows in a nest whose first layer receives a row a call."""
    layers = nest.layers[1:]
    bases = tuple(base for base in nest.bases if base != PUSHED)
    network = program.interface.name
    return NestView(
        name=name,
        summary=_summary(layers) if layers else "",
        layers=turns[1:],
        counters=(),
        invocation=(call(name, bases, public_names(program), "&state"),) if layers else (),
        parameters=", ".join(
            [*declared(bases, network, by_place=False), f"{network}_state *state"]
        ),
        is_function=bool(layers),
    )


def _summary(layers: tuple[Layer, ...]) -> str:
    first, last = layers[0].name, layers[-1].name
    return f"{first} to {last}, row by row: the latest that may, makes a row."


def _layer_call(layer: Layer, names: Mapping[str, str], row: str) -> str:
    return call(layer.name, layer.bases, names, *([row] * takes_row(layer)))


def _turn(
    layer: Layer,
    needs: tuple[Need, ...],
    wants: tuple[Need, ...],
    done: str,
    counters: Mapping[int, str],
) -> Turn:
    """Return the part of a layer; `counters` are those of its nest, by step."""
    condition = may_run(
        done,
        layer.rows,
        [(need, counters[need.step]) for need in needs if need.step in counters],
        [(want, counters[want.step]) for want in wants],
    )
    return Turn(done, layer.rows, _layer_call(layer, INSIDE, done), condition)


def may_run(
    done: str, rows: int, needs: Sequence[tuple[Need, str]], wants: Sequence[tuple[Need, str]]
) -> str:
    """Return the condition under which a layer of a nest may make its next row.

    `done` counts its rows; needs and wants come with the counters of what they wait for.
    """
    limits = [f"{done} < {_rows_for(want, reader)}" for want, reader in wants]
    parts = [_any(limits) if limits else f"{done} < {rows}"]
    parts += [_wait(need, made, done, rows) for need, made in needs]
    return " && ".join(f"({part})" for part in parts) if len(parts) > 1 else parts[0]


def _any(conditions: list[str]) -> str:
    """Return the condition that one of several holds."""
    if len(conditions) == 1:
        return conditions[0]
    return " || ".join(f"({condition})" for condition in conditions)


def _wait(need: Need, made: str, done: str, rows: int) -> str:
    """Return the condition that an operand has come far enough for the next of `rows` rows."""
    if _is_all(need):
        return f"{made} == {need.rows}"
    is_in_step = (need.stride, need.reach, need.divisor, need.least) == (1, 1, 1, 0)
    if is_in_step and rows <= need.rows:
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


def counter(layer: str) -> str:
    """Return the counter of rows of a layer of that name, in its nest."""
    return f"done_{layer.rpartition('_')[2]}"


def _operand(layer: Layer, operand: Operand) -> OperandView:
    pointers = "" if operand.is_direct else set_rows(operand, layer.rows)
    where = finding(layer).at(operand.base, operand.offset)
    return OperandView(operand.name, where, operand.window, pointers)


def set_rows(operand: Operand, calls: int) -> str:
    """Return the statement that sets the row pointers of an operand."""
    if is_plain_row(operand, calls):
        first = _first_row(operand, calls)
        row = f"({first})" if " " in first else first
        pointer = row_pointer(operand.name, row, operand.pitch, operand.kept, operand.height)
        return f"{operand.name}_rows[0] = {pointer};"
    arguments = [
        f"{operand.name}_rows",
        str(operand.window),
        operand.name,
        str(operand.pitch),
        str(operand.height),
        str(operand.kept),
        _first_row(operand, calls),
        str(operand.dilation),
    ]
    return f"fx_rows({', '.join(arguments)});"


def is_plain_row(operand: Operand, calls: int) -> bool:
    """The operand's window is one row, which is never beyond its ends."""
    is_line = operand.window == 1 and not operand.clipped
    return is_line and operand.pad == 0 and (calls - 1) * operand.stride < operand.height


def _first_row(operand: Operand, calls: int) -> str:
    """Return the operand row at which the window of the loop's row begins."""
    row = "row" if calls > 1 else "0"
    if operand.clipped:
        last = (operand.height - 1) * operand.divisor
        return _position(row, operand.stride, -operand.pad, last, operand.divisor)
    return _line(row, operand.stride, -operand.pad) if calls > 1 else str(-operand.pad)
