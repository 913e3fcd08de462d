"""Writer: the ONNX model under construction, and in which layouts each value is at hand in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from codegen.frontend.operand import View
from codegen.ir.fixed_point import Int64s
from codegen.ir.graph import Graph, Node
from codegen.ir.types import Array, DType, Quant, TensorType

PLAIN_OPSET, WIDE_OPSET = 13, 21
"""The oldest operator sets with a scale for each channel, and with integers of 16 bits."""

UNSIGNED, UNSIGNED_MAX = np.dtype(np.uint8), 255
"""Files hold weights that have no room in int8 as uint8 with a zero point."""


class NoForm(Exception):
    """A node has no form in ONNX that reads back as it is: the reason."""


Form = Callable[["Writer", Node], View]
"""Writes the standard operators of a node, reals to reals; the result as the value shows it."""


@dataclass(slots=True)
class Writer:
    """Collects nodes and initializers; `views` shows each value as reals, or plain integers.

    A view's tensor is value.transpose(inverse of perm), behind a dimension for the batch; that of
    a vector in `vectors` holds the value's elements in that order. `layouts` are tensors that were
    transposed, or constants dequantized, by what they were made of.
    """

    graph: Graph
    opset: int
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: dict[str, onnx.TensorProto] = field(default_factory=dict)
    views: dict[str, View] = field(default_factory=dict)
    vectors: dict[str, Int64s] = field(default_factory=dict)
    layouts: dict[tuple[str, tuple[int, ...]], str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    node_names: set[str] = field(default_factory=set)

    def node(self, op_type: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node and return its result: `output`, made unique."""
        name = self.unique(output)
        self.nodes.append(helper.make_node(op_type, inputs, [name], **attributes))
        return name

    def unique(self, base: str) -> str:
        """Return `base`, with a number behind where a tensor has that name; it is taken then."""
        name, suffix = base, 0
        while name in self.taken:
            suffix += 1
            name = f"{base}_{suffix}"
        self.taken.add(name)
        return name

    def stored(self, base: str, data: Array) -> str:
        """Return an initializer that holds `data`: one under a name for equal data."""
        tensor = numpy_helper.from_array(np.ascontiguousarray(data).reshape(data.shape), base)
        known = self.initializers.get(base)
        if known is not None and known.SerializeToString() == tensor.SerializeToString():
            return base
        tensor.name = self.unique(base)
        self.initializers[tensor.name] = tensor
        return tensor.name

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a value, the batch aside."""
        return self.graph.types[name].shape

    def perm(self, name: str) -> tuple[int, ...]:
        """Return the layout in which a value is at hand; that of a constant is its own."""
        return self.views[name].perm if name in self.views else order(self.shape(name))

    def tensor(self, name: str, perm: tuple[int, ...]) -> str:
        """Return the tensor that shows a value in a layout: transposed once, then shared."""
        if name in self.graph.constants:
            return self.constant(name, (0, *(axis + 1 for axis in inverse(perm))), batched=True)
        view = self.views[name]
        if view.perm == perm:
            return view.tensor
        key = (view.tensor, perm)
        if key not in self.layouts:
            steps = (0, *(view.perm[axis] + 1 for axis in inverse(perm)))
            made = self.node("Transpose", [view.tensor], f"{view.tensor}_transposed", perm=steps)
            self.layouts[key] = made
        return self.layouts[key]

    def constant(self, name: str, perm: tuple[int, ...], *, batched: bool = False) -> str:
        """Return a constant transposed by `perm`: integers in a format behind DequantizeLinear.

        `batched`: it stands for a value, so it gets a dimension for the batch first.
        """
        data = self.graph.constants[name]
        return self.held(name, (data[None] if batched else data).transpose(perm), perm, batched)

    def held(self, name: str, data: Array, perm: tuple[int, ...], batched: bool = False) -> str:
        """Return what a constant is in another order: `data`, its axes those of `perm`."""
        kind = self.graph.types[name]
        if kind.is_plain or kind.quant is None or kind.dtype is DType.FLOAT32:
            return self.stored(name, data)
        quant = kind.quant
        zero_point = quant.zero_point
        if fits_unsigned(kind, data):
            zero_point -= int(data.min())
            data = (data - data.min()).astype(UNSIGNED)
        stored = self.stored(name, data)
        parameters = self.format(stored, quant, zero_point, data.dtype)
        axis = {} if quant.axis is None else {"axis": perm.index(quant.axis + batched)}
        key = (stored, perm)
        if key not in self.layouts:
            self.layouts[key] = self.node(
                "DequantizeLinear", [stored, *parameters], f"{stored}_dequantized", **axis
            )
        return self.layouts[key]

    def quantized(self, tensor: str, kind: TensorType, base: str) -> list[str]:
        """Add the QuantizeLinear of a tensor to type `kind`; return its result and parameters."""
        assert kind.quant is not None
        parameters = self.format(base, kind.quant, kind.quant.zero_point, kind.dtype.numpy)
        y = self.node("QuantizeLinear", [tensor, *parameters], f"{base}_quantized")
        return [y, *parameters]

    def format(self, base: str, quant: Quant, zero_point: int, dtype: np.dtype[Any]) -> list[str]:
        """Return the initializers of a scale and zero point."""
        scales = np.asarray(quant.scales, np.float32)
        zeros = np.full(len(scales), zero_point, dtype)
        if quant.axis is None:
            scales, zeros = scales.reshape(()), zeros.reshape(())
        return [self.stored(f"{base}_scale", scales), self.stored(f"{base}_zero_point", zeros)]

    def singles(self, base: str, values: Iterable[Fraction]) -> str:
        """Return an initializer of float32."""
        return self.stored(base, np.asarray([float(value) for value in values], np.float32))

    def numbers(self, base: str, values: tuple[int, ...]) -> str:
        """Return an initializer of int64."""
        return self.stored(base, np.asarray(values, np.int64))

    def number(self, base: str, value: float) -> str:
        """Return an initializer of one float32."""
        return self.stored(base, np.asarray(value, np.float32))


def fits_unsigned(kind: TensorType, data: Array) -> bool:
    """Weights of more than 8 bits differ by so little that uint8 holds them, with a zero point."""
    is_wide = kind.dtype is DType.INT16 and not kind.is_int16
    return is_wide and int(data.max()) - int(data.min()) <= UNSIGNED_MAX


def needs_wide(graph: Graph) -> bool:
    """Some value or constant takes integers of 16 bits."""
    return any(
        kind.is_int16
        or (
            kind.dtype is DType.INT16
            and not kind.is_plain
            and name in graph.constants
            and not fits_unsigned(kind, graph.constants[name])
        )
        for name, kind in graph.types.items()
    )


def order(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the permutation that changes nothing."""
    return tuple(range(len(shape)))


def inverse(perm: tuple[int, ...]) -> tuple[int, ...]:
    """Return the permutation that undoes `perm`.

    >>> inverse((1, 2, 0))
    (2, 0, 1)
    """
    return tuple(perm.index(axis) for axis in range(len(perm)))
