"""Lstm: long short-term memory. Source: ONNX operator LSTM.

i, o, f = f(w x + r h + b + p c), c = f c + i g(wc x + rc h + bc), h = o h(c); peepholes p of the
output gate see the new c.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from codegen.ir.fixed_point import INT32_MAX, Int64s
from codegen.ir.op import Signature
from codegen.ir.types import Array, Quant, TensorType
from codegen.ops.curve import Curve, greatest_of, make_curve, real_curve
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

LARGEST_CELL = 2.0**16
"""A cell state is held within this, where functions that grow without end would let it grow."""


@dataclass(frozen=True, slots=True, eq=False)
class LstmParams:
    """All integers. The cell state is an int32 with `state_bits` binary places; `hidden_scale`
    rounds o h(c) to the hidden state, `cell_scale` a cell state to the result, where it is one.
    `peepholes` multiply the cell state, those of i, o and f.
    """

    gates: Gates
    f: Curve
    g: Curve
    h: Curve
    hidden: Quant
    state_bits: int
    start_hidden: Scale
    start_state: Scale
    hidden_scale: Scale
    cell_scale: Scale
    peepholes: Int64s


@dataclass(frozen=True, slots=True)
class Lstm(Recurrent):
    """The result is the hidden state, or, with `gives_cell`, the cell state.

    The initial values are both; peepholes (3 * units) may follow the biases.
    """

    name: ClassVar[str] = "lstm"
    gates: ClassVar[int] = 4
    states: ClassVar[int] = 2

    gives_cell: bool = False

    @property
    def state_given(self) -> int:
        """The cell state where it is the result."""
        return 2 if self.gives_cell else 1

    def step(
        self, x: Array, states: list[Array], constants: tuple[Array, ...]
    ) -> tuple[Array, list[Array]]:
        (hidden, cell), (w, r, bias, *peepholes) = states, constants
        f, g, h = self.functions
        i, o, forget, new = np.split(x @ w.T + hidden @ r.T + bias, 4, axis=-1)
        pi, po, pf = np.split(peepholes[0], 3) if peepholes else np.zeros((3, 1))
        i, forget = (real_curve(f, v + p * cell, self.clip) for v, p in ((i, pi), (forget, pf)))
        cell = forget * cell + i * real_curve(g, new, self.clip)
        hidden = real_curve(f, o + po * cell, self.clip) * real_curve(h, cell)
        return (cell if self.gives_cell else hidden), [hidden, cell]

    def sequence_bytes(self, y: TensorType) -> int:
        """A cell state in int32 and a hidden state, two of them where neither is the result."""
        return 4 * y.channels + (2 if self.gives_cell else 1) * y.pixel_bytes

    def params(self, signature: Signature) -> LstmParams:
        """Derive the integers; ValueError where they do not fit."""
        starts = [format_of(kind) for kind in signature.inputs[1:3]]
        hidden = format_of(signature.output)
        if self.gives_cell:
            bound = greatest_of(self.functions[0]) * greatest_of(self.functions[2])
            scale = max(bound, self.start_bound(signature, 1)) / hidden.element.max
            hidden = replace(hidden, scales=(scale,), zero_point=0)
        weights, bias = self.weights(signature, hidden), self.real(signature, 0)
        units = weights.rows // 4
        of_rows = np.repeat((0, 0, 0, 1), units)
        peepholes = np.zeros(0)
        reach = weights.reach() + np.abs(bias)
        fine = signature.output.is_int16
        f, g = make_curves(self.functions[:2], of_rows, reach, self.clip, fine=fine)
        cell_bound = self.cell_bound(signature, f, g)
        if len(signature.inputs) > self.weights_from + 3:
            peepholes = self.real(signature, 1)
            reach[: 3 * units] += 2 * np.abs(peepholes) * cell_bound
            f, g = make_curves(self.functions[:2], of_rows, reach, self.clip, fine=fine)
        state_bits = state_places(cell_bound)
        h = make_curve(self.functions[2], cell_bound, most_bits=state_bits - 1, fine=fine)
        gates = make_gates(weights, bias, np.asarray((f.in_bits, g.in_bits))[of_rows], reach)
        multipliers = np.rint(peepholes * 2.0 ** (f.in_bits + gates.shift - state_bits))
        if np.abs(multipliers).max(initial=0) > INT32_MAX:
            raise ValueError(f"a peephole of {float(np.abs(peepholes).max()):.4g} is too great")
        return LstmParams(
            gates,
            f,
            g,
            h,
            hidden,
            state_bits,
            make_scale(starts[0].scale / hidden.scale),
            make_scale(starts[1].scale * 2.0**state_bits),
            make_scale(2.0 ** -(f.out_bits + h.out_bits) / hidden.scale),
            make_scale(2.0**-state_bits / format_of(signature.output).scale),
            multipliers.astype(np.int64),
        )

    def cell_bound(self, signature: Signature, f: Curve, g: Curve) -> float:
        """Return what no cell state exceeds, or LARGEST_CELL."""
        bound = self.start_bound(signature, 2)
        for _ in range(signature.output.rows):
            bound = max(1.0, f.greatest) * bound + f.greatest * g.greatest
            if bound >= LARGEST_CELL:
                return LARGEST_CELL
        return bound

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        p, gates = self.params(signature), self.params(signature).gates
        starts = [
            offsets(state, kind)
            for state, kind in zip(self.initial(arrays), signature.inputs[1:3], strict=True)
        ]
        hidden = p.start_hidden.to(p.hidden, starts[0])
        cell = saturate(p.start_state.apply(starts[1]))
        pi, po, pf = np.split(p.peepholes, 3) if len(p.peepholes) else np.zeros((3, 1), np.int64)
        rows = []
        for step in range(arrays[0].shape[1]):
            sums = gates.of_input(arrays[0][:, step]) + gates.of_hidden(hidden)
            wide_i, wide_o, wide_f, wide_g = np.split(sums, 4, axis=-1)
            i = p.f.apply(narrow(wide_i + pi * cell, gates.shift))
            forget = p.f.apply(narrow(wide_f + pf * cell, gates.shift))
            new = i * p.g.apply(narrow(wide_g, gates.shift))
            kept = narrow(forget * cell, p.f.out_bits)
            cell = saturate(kept + narrow(new, p.f.out_bits + p.g.out_bits - p.state_bits))
            o = p.f.apply(narrow(wide_o + po * cell, gates.shift))
            seen = p.h.apply(narrow(cell, p.state_bits - p.h.in_bits))
            hidden = p.hidden_scale.to(p.hidden, o * seen)
            is_cell = self.gives_cell
            y = p.cell_scale.to(format_of(signature.output), cell) if is_cell else hidden
            rows.append(y)
        return np.stack(rows, axis=1).astype(signature.output.dtype.numpy)
