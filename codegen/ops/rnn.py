"""Rnn: h = f(w x + r h + b). Source: ONNX operator RNN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from codegen.ir.op import Signature
from codegen.ir.types import Array
from codegen.ops.curve import Curve, real_curve
from codegen.ops.gates import Gates, Scale, make_curves, make_gates, make_scale, narrow
from codegen.ops.recurrent import Recurrent, format_of, offsets


@dataclass(frozen=True, slots=True, eq=False)
class RnnParams:
    """All integers: y = output(f(gates)); `start_hidden` leads to the hidden state's format."""

    gates: Gates
    f: Curve
    start_hidden: Scale
    output: Scale


@dataclass(frozen=True, slots=True)
class Rnn(Recurrent):
    """The result is the hidden state."""

    name: ClassVar[str] = "rnn"
    gates: ClassVar[int] = 1

    def step(
        self, x: Array, states: list[Array], constants: tuple[Array, ...]
    ) -> tuple[Array, list[Array]]:
        w, r, bias = constants
        y = real_curve(self.functions[0], x @ w.T + states[0] @ r.T + bias, self.clip)
        return y, [y]

    def params(self, signature: Signature) -> RnnParams:
        """Derive the integers; ValueError where they do not fit."""
        y = format_of(signature.output)
        weights, bias = self.weights(signature, y), self.real(signature, 0)
        reach = weights.reach() + np.abs(bias)
        of_rows, fine = np.zeros(len(bias), np.int64), signature.output.is_int16
        (f,) = make_curves(self.functions, of_rows, reach, self.clip, fine=fine)
        return RnnParams(
            make_gates(weights, bias, np.full(len(bias), f.in_bits), reach),
            f,
            make_scale(format_of(signature.inputs[1]).scale / y.scale),
            make_scale(2.0**-f.out_bits / y.scale),
        )

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        p, quant = self.params(signature), format_of(signature.output)
        (state,) = self.initial(arrays)
        h = p.start_hidden.to(quant, offsets(state, signature.inputs[1]))
        rows = []
        for step in range(arrays[0].shape[1]):
            sums = p.gates.of_input(arrays[0][:, step]) + p.gates.of_hidden(h)
            h = p.output.to(quant, p.f.apply(narrow(sums, p.gates.shift)))
            rows.append(h)
        return np.stack(rows, axis=1).astype(signature.output.dtype.numpy)
