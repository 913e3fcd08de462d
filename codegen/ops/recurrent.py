"""Recurrent: what LSTM, GRU and RNN share. Source: the ONNX operators of these names.

A layer reads one step after the other and remembers: row t of the result is computed from row t of
the operand and from what the layer kept of row t - 1. Directions are the importer's affair.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from codegen.ir.op import Op, Signature, Window
from codegen.ir.types import Array, Quant, TensorType
from codegen.ops.curve import Function
from codegen.ops.gates import Weights, magnitude


@dataclass(frozen=True, slots=True)
class Recurrent(Op):
    """A layer that remembers.

    Operands: the sequence (steps, batch, inputs); the hidden state before it (1, batch, units), for
    an LSTM the cell state, too; then constants: weights of the operand (gates * units, inputs), of
    the hidden state (gates * units, units), biases. `functions` are those of ONNX, whose arguments
    are limited to -clip .. clip.
    """

    gates: ClassVar[int]
    states: ClassVar[int] = 1
    """How many initial values there are."""
    steps: ClassVar[float] = 3.0
    """How far results may be from the float meaning: rounded hidden states add to each other."""

    functions: tuple[Function, ...] = ()
    clip: float = math.inf

    @property
    def weights_from(self) -> int:
        """The operand that is the first weights."""
        return 1 + self.states

    @property
    def state_given(self) -> int:
        """The operand that is before the first step what the result is after a step."""
        return 1

    def infer(self, *inputs: TensorType) -> TensorType:
        x, states = inputs[0], inputs[1 : self.weights_from]
        w, r, *_ = inputs[self.weights_from :]
        if len(x.shape) != 3:
            raise ValueError(f"a sequence of {len(x.shape)} dimensions, not 3")
        steps, batch, width = x.shape
        units = r.channels
        if w.shape != (self.gates * units, width) or r.shape != (self.gates * units, units):
            raise ValueError(f"{x} and {units} units do not fit weights of {w.shape} and {r.shape}")
        if any(state.shape != (1, batch, units) for state in states):
            raise ValueError(f"initial values are not of {batch} sequences and {units} units")
        return TensorType((steps, batch, units))

    def macs(self, signature: Signature) -> int:
        w, r = signature.inputs[self.weights_from : self.weights_from + 2]
        return signature.inputs[0].rows * signature.inputs[0].width * (w.elements + r.elements)

    def windows(self, signature: Signature) -> tuple[Window, ...]:
        computed = (i for i, constant in enumerate(signature.constants) if constant is None)
        return tuple(Window(stride=int(i == 0)) for i in computed)

    def evaluate(self, *arrays: Array) -> Array:
        states = [state.astype(np.float64) for state in self.initial(arrays)]
        rows = []
        for step in range(arrays[0].shape[1]):
            x = arrays[0][:, step].astype(np.float64)
            y, states = self.step(x, states, arrays[self.weights_from :])
            rows.append(y)
        return np.stack(rows, axis=1)

    @abstractmethod
    def step(
        self, x: Array, states: list[Array], constants: tuple[Array, ...]
    ) -> tuple[Array, list[Array]]:
        """Return a row of the result and the states after it."""

    def initial(self, arrays: tuple[Array, ...]) -> list[Array]:
        """Return the initial values, (N, batch, units) each; constant ones have no samples."""
        shape = arrays[0].shape[0], arrays[0].shape[2], arrays[self.weights_from + 1].shape[1]
        found = arrays[1 : self.weights_from]
        return [np.broadcast_to(state[..., 0, :, :], shape) for state in found]

    def takes_int16(self) -> bool:
        return True

    def sequence_bytes(self, y: TensorType) -> int:
        """Return the bytes that a kernel remembers of each sequence: a row of hidden state."""
        return y.pixel_bytes

    def state_bytes(self, signature: Signature) -> int:
        """Return the bytes that a kernel remembers."""
        y = signature.output
        return y.width * self.sequence_bytes(y)

    def weights(self, signature: Signature, hidden: Quant) -> Weights:
        """Return the weights, given the format of the hidden state."""
        first, data, scales = self.weights_from, [], []
        for kind, found in zip(
            signature.inputs[first : first + 2],
            signature.constants[first : first + 2],
            strict=True,
        ):
            assert found is not None
            data.append(found)
            scales.append(np.resize(np.asarray(format_of(kind).scales), len(found)))
        formats = format_of(signature.inputs[0]), hidden
        return Weights((data[0], data[1]), (scales[0], scales[1]), formats)

    def start_bound(self, signature: Signature, place: int) -> float:
        """Return the greatest magnitude of the initial values that are operand `place`."""
        data, quant = signature.constants[place], format_of(signature.inputs[place])
        return magnitude(quant) if data is None else float(np.abs(quant.dequantize(data)).max())

    def real(self, signature: Signature, index: int) -> Array:
        """Return a constant that follows the weights, in reals: 0 are the biases."""
        place = self.weights_from + 2 + index
        data = signature.constants[place]
        assert data is not None
        return format_of(signature.inputs[place]).dequantize(data)


def format_of(value: TensorType) -> Quant:
    """Return the format of a value that has one."""
    assert value.quant is not None
    return value.quant


def offsets(state: Array, value: TensorType) -> Array:
    """Return the distances of integers from their zero point."""
    return state.astype(np.int64) - format_of(value).zero_point
