"""Gru: gated recurrent units. Source: ONNX operator GRU.

z = f(wz x + rz h + bz), r = f(wr x + rr h + br), h = (1 - z) n + z h, where
n = g(wn x + rn (r h) + bn), or g(wn x + bn + r (rn h + cn)) where the reset gate comes after.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from codegen.ir.op import Signature
from codegen.ir.types import Array, TensorType
from codegen.ops.curve import Curve, real_curve
from codegen.ops.gates import (
    Gates,
    Scale,
    make_curves,
    make_gates,
    make_scale,
    narrow,
    saturate,
    state_places,
)
from codegen.ops.recurrent import Recurrent, format_of, offsets


@dataclass(frozen=True, slots=True, eq=False)
class GruParams:
    """All integers. The state is h in int32 with `state_bits` binary places; rounded to int8 by
    `output` it is a row of the result, and what weights multiply.
    """

    gates: Gates
    f: Curve
    g: Curve
    state_bits: int
    start_hidden: Scale
    start_state: Scale
    output: Scale


@dataclass(frozen=True, slots=True)
class Gru(Recurrent):
    """The result is the hidden state.

    `reset_after`: the reset gate multiplies what weights make of the hidden state, whose biases
    follow the others, instead of the hidden state.
    """

    name: ClassVar[str] = "gru"
    gates: ClassVar[int] = 3

    reset_after: bool = False

    def step(
        self, x: Array, states: list[Array], constants: tuple[Array, ...]
    ) -> tuple[Array, list[Array]]:
        (h,), (w, r, bias), (f, g) = states, constants, self.functions
        units = h.shape[-1]
        wx, rh = x @ w.T + bias[: 3 * units], h @ r[: 2 * units].T
        z, reset = np.split(real_curve(f, wx[..., : 2 * units] + rh, self.clip), 2, axis=-1)
        if self.reset_after:
            rn = reset * (h @ r[2 * units :].T + bias[3 * units :])
        else:
            rn = (reset * h) @ r[2 * units :].T
        n = real_curve(g, wx[..., 2 * units :] + rn, self.clip)
        y = (1 - z) * n + z * h
        return y, [y]

    def sequence_bytes(self, y: TensorType) -> int:
        """A state in int32 and as the result."""
        return 4 * y.channels + y.pixel_bytes

    def state_bytes(self, signature: Signature) -> int:
        """For all sequences; a reset gate that comes first takes a row more."""
        y = signature.output
        reset = 0 if self.reset_after else y.pixel_bytes
        return y.width * self.sequence_bytes(y) + reset

    def params(self, signature: Signature) -> GruParams:
        """Derive the integers; ValueError where they do not fit."""
        y, start = format_of(signature.output), format_of(signature.inputs[1])
        weights, bias = self.weights(signature, y), self.real(signature, 0)
        units = weights.rows // 3
        reach = weights.reach() + np.abs(bias[: 3 * units])
        reach[2 * units :] += np.abs(np.resize(bias[3 * units :], units) if self.reset_after else 0)
        of_rows = np.repeat((0, 0, 1), units)
        f, g = make_curves(
            self.functions, of_rows, reach, self.clip, fine=signature.output.is_int16
        )
        bound = max(self.start_bound(signature, 1), g.greatest)
        state_bits = max(state_places(bound), g.out_bits)
        return GruParams(
            make_gates(weights, bias, np.asarray((f.in_bits, g.in_bits))[of_rows], reach),
            f,
            g,
            state_bits,
            make_scale(start.scale / y.scale),
            make_scale(start.scale * 2.0**state_bits),
            make_scale(2.0**-state_bits / y.scale),
        )

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        p, quant = self.params(signature), format_of(signature.output)
        gates, units = p.gates, signature.output.channels
        (start,) = self.initial(arrays)
        start = offsets(start, signature.inputs[1])
        h, state = p.start_hidden.to(quant, start), saturate(p.start_state.apply(start))
        rows = []
        for step in range(arrays[0].shape[1]):
            wx, rh = gates.of_input(arrays[0][:, step]), gates.of_hidden(h)
            both = p.f.apply(narrow(wx + rh, gates.shift)[..., : 2 * units])
            z, reset = np.split(both, 2, axis=-1)
            wn = wx[..., 2 * units :]
            if self.reset_after:
                rn = narrow(rh[..., 2 * units :] + gates.hidden_bias, gates.shift)
                argument = narrow(wn, gates.shift) + narrow(reset * rn, p.f.out_bits)
            else:
                part = narrow(reset * (h - quant.zero_point), p.f.out_bits) + quant.zero_point
                part = np.clip(part, quant.element.min, quant.element.max)
                argument = narrow(wn + gates.of_hidden(part)[..., 2 * units :], gates.shift)
            n = p.g.apply(argument) << (p.state_bits - p.g.out_bits)
            state = saturate(n + narrow(z * (state - n), p.f.out_bits))
            h = p.output.to(quant, state)
            rows.append(h)
        return np.stack(rows, axis=1).astype(signature.output.dtype.numpy)
