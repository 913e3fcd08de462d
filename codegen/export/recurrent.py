"""ONNX forms of LSTM, GRU and RNN: a node of one direction each."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from codegen.export.moves import reshaped
from codegen.export.writer import NoForm, Writer, order
from codegen.frontend.convert.recurrent import PARAMETERS
from codegen.frontend.operand import View
from codegen.ir.graph import Node
from codegen.ir.types import Array
from codegen.ops import Gru, Lstm, Recurrent

WHOLE = (0, 1, 2)


def write_recurrent(writer: Writer, node: Node) -> View:
    """The operator, forward; a result of all steps."""
    op = node.op
    assert isinstance(op, Recurrent)
    if isinstance(op, Lstm) and op.gives_cell:
        raise NoForm("the cell state after every step is no result of an LSTM")
    shape = writer.shape(node.output)
    steps = writer.shape(node.inputs[0])
    x = reshaped(writer, writer.tensor(node.inputs[0], WHOLE), steps, f"{node.output}_sequence")
    states = [_state(writer, node, place) for place in range(1, op.weights_from)]
    w, r, bias, *peepholes = node.inputs[op.weights_from :]
    inputs = [x, *(_directed(writer, name) for name in (w, r)), _biases(writer, op, bias), ""]
    inputs += states
    if peepholes:
        inputs += [_directed(writer, peepholes[0])]
    kind = op.name.upper()
    y = writer.node(kind, inputs, f"{node.output}_directed", **_attributes(op, shape[-1]))
    return View(reshaped(writer, y, (1, *shape), node.output), node.output, order(shape))


def _state(writer: Writer, node: Node, place: int) -> str:
    """Return initial values, (1, batch, units)."""
    name = node.inputs[place]
    if name in writer.graph.constants:
        return writer.constant(name, WHOLE)
    shape = writer.shape(name)
    return reshaped(writer, writer.tensor(name, WHOLE), shape, f"{node.output}_before_{place}")


def _directed(writer: Writer, name: str) -> str:
    """Return a constant behind a dimension for the direction."""
    data = writer.graph.constants[name]
    return writer.constant(name, (0, *range(1, data.ndim + 1)), batched=True)


def _biases(writer: Writer, op: Recurrent, name: str) -> str:
    """Return the biases of operand and hidden state; those of the latter are zeros."""
    data = writer.graph.constants[name]
    of_hidden = np.zeros_like(data)
    if isinstance(op, Gru) and op.reset_after:
        units = len(data) // 4
        data, own = data[: 3 * units], data[3 * units :]
        of_hidden = np.concatenate([np.zeros(2 * units, data.dtype), own])
    both: Array = np.concatenate([data, of_hidden])[None]
    return writer.held(name, both, (0, 1), batched=True)


def _attributes(op: Recurrent, units: int) -> dict[str, Any]:
    found: dict[str, Any] = {"hidden_size": units}
    if not math.isinf(op.clip):
        found["clip"] = op.clip
    found["activations"] = [NAMES[name] for name, _, _ in op.functions]
    alphas = [a for name, a, _ in op.functions if PARAMETERS.get(name, (None, None))[0] is not None]
    betas = [b for name, _, b in op.functions if PARAMETERS.get(name, (None, None))[1] is not None]
    if alphas:
        found["activation_alpha"] = alphas
    if betas:
        found["activation_beta"] = betas
    if isinstance(op, Gru):
        found["linear_before_reset"] = int(op.reset_after)
    return found


NAMES = {
    name.lower(): name
    for name in (
        "Affine",
        "Elu",
        "HardSigmoid",
        "LeakyRelu",
        "Relu",
        "ScaledTanh",
        "Sigmoid",
        "Softplus",
        "Softsign",
        "Tanh",
        "ThresholdedRelu",
    )
}
"""The activations of ONNX as they are written, by what they are called here."""
