"""LSTM, GRU and RNN: a layer for each direction, run forward over a sequence that is turned round
where it is backward.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.convert.quantized import format_of
from codegen.frontend.operand import Const, Unsupported, View
from codegen.ir.types import Array, Quant
from codegen.ops import Concat, Gru, Lstm, Recurrent, Reshape, Rnn, Slice, Transpose
from codegen.ops.curve import FUNCTIONS, Function

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
DEFAULTS = {"LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh"), "RNN": ("Tanh",)}
PARAMETERS = {
    "affine": (1.0, 0.0),
    "elu": (1.0, None),
    "hardsigmoid": (0.2, 0.5),
    "leakyrelu": (0.01, None),
    "scaledtanh": (1.0, 1.0),
    "thresholdedrelu": (1.0, None),
}
"""The defaults of alpha and beta, for functions that have them."""
DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction: its number among the node's, whether it runs backward, and its layer."""

    number: int
    is_reverse: bool
    op: Recurrent

    def __str__(self) -> str:
        return "reverse" if self.is_reverse else "forward"


def convert_recurrent(builder: Builder, call: Call) -> View:
    """LSTM, GRU and RNN in any direction, of sequences of full length; gates are not coupled."""
    directions = _directions(call)
    by_batch = call.integer("layout", 0) == 1
    x = builder.full(call.view(0), call.loc)
    if len(builder.types[x].shape) != 3:
        raise Unsupported(f"a sequence of {len(builder.types[x].shape)} dimensions, not 3")
    if by_batch:
        x = _swapped(builder, call, x)
    steps, batch, _ = builder.types[x].shape
    _check_lengths(call, steps, batch)
    rows = []
    for direction in directions:
        y = _layer(builder, call, direction, x, by_batch)
        if call.result == 0:
            y = _turned(builder, call, y) if direction.is_reverse else y
        elif steps > 1:
            y = _range(builder, call, y, range(steps - 1, steps))
        shape = builder.types[y].shape
        rows.append(builder.reshaped(y, (shape[0], 1, *shape[1:]), call.loc))
    if len(rows) > 1:
        y = builder.share(Concat(1), tuple(rows), call.loc, f"{call.loc.node}_joined")
    else:
        (y,) = rows
    units = builder.types[y].shape[-1]
    if call.result == 0:
        return _shown(builder, call, y, (2, 0, 1, 3) if by_batch else (0, 1, 2, 3))
    y = builder.reshaped(y, (len(directions), batch, units), call.loc)
    return _shown(builder, call, y, (1, 0, 2) if by_batch else (0, 1, 2))


def _directions(call: Call) -> tuple[Direction, ...]:
    kind, named = call.proto.op_type, call.text("direction", "forward")
    if named not in DIRECTIONS:
        raise Unsupported(f"the direction '{named}' is none of ONNX's")
    if call.integer("input_forget", 0):
        raise Unsupported("input and forget gate are coupled", "export the layer without coupling")
    clip = call.real("clip", 0.0) or math.inf
    count = len(DEFAULTS[kind])
    functions = _functions(call, len(DIRECTIONS[named]))
    found = []
    for number, is_reverse in enumerate(DIRECTIONS[named]):
        own = functions[number * count : (number + 1) * count]
        op: Recurrent
        if kind == "LSTM":
            op = Lstm(own, clip, call.result == 2)
        elif kind == "GRU":
            op = Gru(own, clip, bool(call.integer("linear_before_reset", 0)))
        else:
            op = Rnn(own, clip)
        found.append(Direction(number, is_reverse, op))
    return tuple(found)


def _functions(call: Call, directions: int) -> tuple[Function, ...]:
    """Return the activations of all directions; alphas and betas go to those that have them."""
    defaults = DEFAULTS[call.proto.op_type] * directions
    names = [name.lower() for name in call.texts("activations") or defaults]
    if len(names) != len(defaults):
        raise Unsupported(f"{len(names)} activations instead of {len(defaults)}")
    given = [list(call.reals(name)) for name in ("activation_alpha", "activation_beta")]
    found = []
    for name in names:
        if name not in FUNCTIONS:
            raise Unsupported(f"the activation '{name}' is none of ONNX's")
        defaults_of = PARAMETERS.get(name, (None, None))
        alpha, beta = (
            0.0 if default is None else (values.pop(0) if values else default)
            for default, values in zip(defaults_of, given, strict=True)
        )
        found.append((name, alpha, beta))
    return tuple(found)


def _check_lengths(call: Call, steps: int, batch: int) -> None:
    lengths = call.optional_constant(4)
    if lengths is not None and lengths.data.ravel().tolist() != [steps] * batch:
        raise Unsupported(
            f"sequences of {lengths.data.ravel().tolist()} steps, not all of {steps}",
            "give every sequence its full length",
        )


def _layer(builder: Builder, call: Call, way: Direction, x: str, by_batch: bool) -> str:
    """Add the layer of one direction over the sequence `x`; its result is in the layer's order."""
    if way.is_reverse:
        x = _turned(builder, call, x)
    _, batch, _ = builder.types[x].shape
    w, r = (_part(call.constant(place), way) for place in (1, 2))
    units = r.shape[-1]
    states = [
        _initial(builder, call, place, way, (1, batch, units), by_batch)
        for place in (5, 6)[: way.op.states]
    ]
    bias = np.zeros(2 * len(r), np.float32)
    given = call.optional_constant(3)
    if given is not None:
        bias = _part(given, way)
    constants = [(1, w), (2, r), (3, _bias(way.op, bias))]
    peepholes = call.optional_constant(7)
    if peepholes is not None:
        constants.append((7, _part(peepholes, way)))
    names = [_constant(builder, call, way, place, data) for place, data in constants]
    base = f"{call.loc.node}_{way}"
    return builder.share(way.op, (x, *states, *names), call.loc, base)


def _constant(builder: Builder, call: Call, way: Direction, place: int, data: Array) -> str:
    """Add a constant of a layer: in the format that the file prescribes, where layers have it."""
    const = call.optional_constant(place)
    quant = None if const is None else row_format(const)
    dtype = np.float32 if quant is None else np.float64
    return builder.constant(_name(call, place, way), data.astype(dtype), quant)


def row_format(const: Const) -> Quant | None:
    """Return the format of int8 rows, or of a vector of int32, that a constant has."""
    has_zero = const.zero_points is not None and const.zero_points.any()
    if const.scales is None or has_zero:
        return None
    if const.data.dtype == np.int8 and const.axis == 1:
        return Quant(tuple(float(scale) for scale in const.scales), 0, 0)
    if const.data.dtype == np.int32 and const.scales.size == 1:
        return Quant((float(const.scales.item()),))
    return None


def _name(call: Call, place: int, way: Direction) -> str:
    """Name the constant of a direction after the ONNX tensor that holds it."""
    found = call.operand(place)
    base = found.name if isinstance(found, Const) else f"{call.loc.node}_operand_{place}"
    return f"{base}_{way}"


def _part(const: Const, way: Direction) -> Array:
    found: Array = const.real()[way.number]
    return found


def _bias(op: Recurrent, both: Array) -> Array:
    """Add the biases of operand and hidden state; those that stand alone follow."""
    of_input, of_hidden = np.split(both.astype(np.float64), 2)
    if not (isinstance(op, Gru) and op.reset_after):
        return of_input + of_hidden
    units = len(of_input) // 3
    first = of_input + np.where(np.arange(3 * units) < 2 * units, of_hidden, 0)
    return np.concatenate([first, of_hidden[2 * units :]])


def _initial(
    builder: Builder,
    call: Call,
    place: int,
    way: Direction,
    shape: tuple[int, ...],
    by_batch: bool,
) -> str:
    """Return the initial values of a direction, (1, batch, units): zeros where there are none."""
    found = call.operand(place)
    if found is None:
        return builder.constant(_name(call, place, way), np.zeros(shape, np.float32))
    if isinstance(found, Const):
        data = found.real().swapaxes(0, 1) if by_batch else found.real()
        data = data[way.number : way.number + 1].astype(np.float32)
        return builder.constant(_name(call, place, way), data, format_of(found))
    value = builder.full(call.view(place), call.loc)
    if by_batch:
        value = _swapped(builder, call, value)
    if builder.types[value].shape[0] > 1:
        value = _range(builder, call, value, range(way.number, way.number + 1))
    return value


def _swapped(builder: Builder, call: Call, value: str) -> str:
    """Exchange the first two of three dimensions."""
    shape = builder.types[value].shape
    if 1 in shape[:2]:
        return builder.reshaped(value, (shape[1], shape[0], *shape[2:]), call.loc)
    return builder.derive(Transpose((1, 0, 2)), value, call.loc, None)


def _turned(builder: Builder, call: Call, value: str) -> str:
    """Reverse the steps."""
    steps = builder.types[value].shape[0]
    return _range(builder, call, value, range(steps - 1, -1, -1))


def _range(builder: Builder, call: Call, value: str, steps: range) -> str:
    """Take some of the first dimension."""
    shape = builder.types[value].shape
    if steps == range(shape[0]):
        return value
    op = Slice(
        (steps.start, *(0 for _ in shape[1:])),
        (len(steps), *shape[1:]),
        (steps.step, *(1 for _ in shape[1:])),
    )
    return builder.derive(op, value, call.loc, None)


def _shown(builder: Builder, call: Call, value: str, perm: tuple[int, ...]) -> View:
    """Return the result, its dimensions moved by `perm`."""
    shape = builder.types[value].shape
    moved = [axis for axis in perm if shape[axis] > 1]
    after = tuple(shape[axis] for axis in perm)
    if moved == sorted(moved):
        return builder.emit_full(Reshape(after), (value,), call)
    return builder.emit_full(Transpose(perm), (value,), call)
