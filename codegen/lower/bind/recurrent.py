"""Bind recurrent layers: weights in fours of rows, each gate's rounded up to them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from codegen.ir.op import Signature
from codegen.ir.types import Array
from codegen.lower.bind.binding import Binding, Data
from codegen.lower.pack import interleave_fours, pad_to_multiple
from codegen.ops import Gru, Lstm, Recurrent, Rnn
from codegen.ops.curve import Curve
from codegen.ops.gates import Gates
from codegen.ops.recurrent import format_of

POINTERS = {"int8_t": "const int8_t *", "int16_t": "const int16_t *", "int32_t": "const int32_t *"}
STARTS = ("start_hidden", "start_cell")


def bind_rnn(op: Rnn, signature: Signature) -> Binding:
    """Four units at a time."""
    p = op.params(signature)
    return bind_recurrent(
        op,
        signature,
        p.gates,
        {"f": p.f},
        {
            "to_hidden": p.start_hidden,
            "output": p.output,
            "zero": format_of(signature.output).zero_point,
        },
    )


def bind_gru(op: Gru, signature: Signature) -> Binding:
    """Four units at a time; in two passes where the reset gate comes first."""
    p = op.params(signature)
    batch = signature.output.width
    return bind_recurrent(
        op,
        signature,
        p.gates,
        {"f": p.f, "g": p.g},
        {
            "to_hidden": p.start_hidden,
            "to_state": p.start_state,
            "output": p.output,
            "zero": format_of(signature.output).zero_point,
            "sequence_bytes": op.sequence_bytes(signature.output),
            "reset_from": batch * op.sequence_bytes(signature.output),
            "f_places": p.f.out_bits,
            "f_half": 1 << (p.f.out_bits - 1),
            "n_unit": 1 << (p.state_bits - p.g.out_bits),
        },
    )


def bind_lstm(op: Lstm, signature: Signature) -> Binding:
    """Four units at a time; the hidden state is built up in the result or beside the last."""
    p = op.params(signature)
    comment = "of i, o and f, cell state to sum"
    peepholes = Data("peepholes", "int32_t", p.peepholes, comment)
    return bind_recurrent(
        op,
        signature,
        p.gates,
        {"f": p.f, "g": p.g, "h": p.h},
        {
            "to_hidden": p.start_hidden,
            "to_cell": p.start_state,
            "start_cell_zero": format_of(signature.inputs[2]).zero_point,
            "hidden_scale": p.hidden_scale,
            "cell_scale": p.cell_scale,
            "zero": p.hidden.zero_point,
            "cell_zero": format_of(signature.output).zero_point,
            "gives_cell": op.gives_cell,
            "next": f"hidden + {signature.output.pixel_bytes}" if op.gives_cell else "out",
            "sequence_bytes": op.sequence_bytes(signature.output),
            "f_places": p.f.out_bits,
            "f_half": 1 << (p.f.out_bits - 1),
            "new_shift": p.f.out_bits + p.g.out_bits - p.state_bits,
            "cell_shift": p.state_bits - p.h.in_bits,
            "peepholes": len(p.peepholes) > 0,
        },
        (peepholes,) if len(p.peepholes) else (),
    )


def bind_recurrent(
    op: Recurrent,
    signature: Signature,
    gates: Gates,
    curves: dict[str, Curve],
    own: dict[str, object],
    extra: tuple[Data, ...] = (),
) -> Binding:
    """Return what all recurrent layers need, and what each needs of its `own`."""
    _, batch, inputs = signature.inputs[0].shape
    units = signature.output.channels
    names, ctype = STARTS[: op.states], signature.output.dtype.ctype
    starts = dict(zip(names, signature.constants[1 : op.weights_from], strict=True))
    data = (
        *gate_data(gates, units),
        *(Data(f"{n}_table", "int16_t", c.table, table_comment(c)) for n, c in curves.items()),
        *extra,
        *(
            Data(name, ctype, values, "before the first step")
            for name, values in starts.items()
            if values is not None
        ),
    )
    reads = {
        f"from_{name.removeprefix('start_')}": f"(const int8_t *){name}"
        if values is not None and ctype != "int8_t"
        else name
        for name, values in starts.items()
    }
    fed = [name for name, values in starts.items() if values is None]
    return Binding(
        f"{op.name}_{batch}x{inputs}x{units}",
        f"One step of {batch} sequences" if batch > 1 else "One step of a sequence",
        {
            "parameters": parameters(fed, data),
            "batch": batch,
            "inputs": inputs,
            "units": units,
            "padded": padded(units),
            "bias_unit": 1 << gates.bias_shift,
            "shift": gates.shift,
            "start_zero": format_of(signature.inputs[1]).zero_point,
            **{n: {"shift": 16 - c.bits, "limit": c.limit} for n, c in curves.items()},
            **reads,
            **own,
        },
        data,
    )


def parameters(fed: Sequence[str], data: Sequence[Data]) -> str:
    """Return the parameters of a kernel: operands, result, constants, scratch, row."""
    found = ["const int8_t *in", *(f"const int8_t *{name}" for name in fed), "int8_t *out"]
    found += [f"{POINTERS[constant.ctype]}{constant.role}" for constant in data]
    return ", ".join([*found, "int8_t *scratch", "int32_t row"])


def table_comment(curve: Curve) -> str:
    """Say what a curve's arguments and entries are."""
    step = 2 ** (16 - curve.bits)
    return f"in 2^-{curve.out_bits}, every {step} steps of 2^-{curve.in_bits} from -2^15"


def padded(units: int) -> int:
    """Return the rows of a gate with those that fill up fours."""
    return -(-units // 4) * 4


def gate_data(gates: Gates, units: int) -> tuple[Data, ...]:
    """Return weights, multipliers and biases, gate by gate."""

    def fours(weights: Array) -> Array:
        return np.concatenate([interleave_fours(part) for part in by_gate(weights, units)])

    def filled(rows: Array) -> Array:
        return np.concatenate([pad_to_multiple(part, 0, 4) for part in by_gate(rows, units)])

    form = "int8, [4 units of a gate][depth][4]"
    to_sum = f"products to sums, in 2^-{gates.shift}"
    return (
        Data("w", "int8_t", fours(gates.w), form),
        Data("r", "int8_t", fours(gates.r), form),
        Data("x_multipliers", "int32_t", filled(gates.x_multipliers), to_sum),
        Data("h_multipliers", "int32_t", filled(gates.h_multipliers), to_sum),
        Data("bias", "int32_t", filled(gates.bias), "zero points folded in"),
    )


def by_gate(rows: Array, units: int) -> list[Array]:
    """Divide rows into those of each gate."""
    return np.split(rows, len(rows) // units)
