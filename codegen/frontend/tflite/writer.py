"""Writer: the ONNX graph under construction, and what stands in it for each TFLite tensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from codegen.frontend.tflite.file import Subgraph, Tensor
from codegen.ir.types import Array

CHANNELS_FIRST, CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)


@dataclass(slots=True)
class Writer:
    """Collects nodes and initializers.

    `names` are the ONNX names of tensors, `reals` the float tensors that they stand for. `firsts`
    maps what is an image, channels last, to the same image with channels first.
    """

    graph: Subgraph
    names: dict[int, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    labels: set[str] = field(default_factory=set)
    initializers: dict[str, onnx.TensorProto] = field(default_factory=dict)
    formats: dict[tuple[int, bytes], tuple[str, str]] = field(default_factory=dict)
    reals: dict[int, str] = field(default_factory=dict)
    firsts: dict[str, str] = field(default_factory=dict)

    def name_tensors(self) -> None:
        """Name tensors by the first of the names that the converter joined for each.

        Inputs and outputs come first, then what is computed, so that it is constants that get
        numbers where a name occurs again.
        """
        ports = (*self.graph.inputs, *self.graph.outputs)
        computed = [tensor for tensor in self.graph.tensors if tensor.data is None]
        for tensor in sorted(computed, key=lambda tensor: tensor.index not in ports):
            self.names[tensor.index] = self.unique(short_name(tensor))

    def constant(self, base: str, data: Array) -> str:
        """Add an initializer and return its name."""
        name = self.unique(base)
        self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(data), name)
        return name

    def stored(self, tensor: Tensor, data: Array, axis: int, node: str) -> str:
        """Return the float tensor of a constant whose integers are `data`, scales along `axis`."""
        if data.dtype == np.float16:
            data = data.astype(np.float32)
        name = self.constant(short_name(tensor), data)
        return self.dequantized(name, tensor, node, axis) if tensor.is_quantized else name

    def real(self, tensor: Tensor, node: str) -> str:
        """Return the float tensor that a tensor stands for; itself where it has no format."""
        if tensor.index not in self.reals:
            self.reals[tensor.index] = self._real(tensor, node)
        return self.reals[tensor.index]

    def _real(self, tensor: Tensor, node: str) -> str:
        if tensor.data is not None:
            return self.stored(tensor, tensor.data, tensor.axis, node)
        name = self.names[tensor.index]
        return self.dequantized(name, tensor, node, tensor.axis) if tensor.is_quantized else name

    def make(self, value: str, tensor: Tensor, node: str) -> None:
        """Let the float tensor `value` be what makes `tensor`; an image keeps its layout."""
        name = self.names[tensor.index]
        first = self.firsts.get(value)
        if first is None:
            self._make(value, tensor, name, node)
            return
        inner = self.unique(f"{name}_channels_first")
        self._make(first, tensor, inner, node)
        self.add("Transpose", [inner], [name], node, perm=CHANNELS_LAST)
        if not tensor.is_quantized:
            self.firsts[name] = inner
            return
        real = self.dequantized(inner, tensor, node, tensor.axis)
        self.reals[tensor.index] = self.channels_last(real, node)

    def _make(self, value: str, tensor: Tensor, name: str, node: str) -> None:
        if tensor.is_quantized:
            self._linear("QuantizeLinear", value, name, tensor, node, tensor.axis)
        else:
            self.add("Identity", [value], [name], node)

    def dequantized(self, value: str, tensor: Tensor, node: str, axis: int) -> str:
        """Return what integers in the format of `tensor` stand for."""
        result = self.unique(f"{value}_dequantized")
        self._linear("DequantizeLinear", value, result, tensor, node, axis)
        return result

    def rounded(self, value: str, tensor: Tensor, node: str) -> str:
        """Return a float tensor behind the format of `tensor`."""
        inner = self.unique(f"{value}_quantized")
        self._linear("QuantizeLinear", value, inner, tensor, node, tensor.axis)
        return self.dequantized(inner, tensor, node, tensor.axis)

    def _linear(
        self, op_type: str, value: str, result: str, tensor: Tensor, node: str, axis: int
    ) -> None:
        is_scalar, key = tensor.scales.size == 1, (tensor.index, tensor.scales.tobytes())
        if key not in self.formats:
            name, zeros = short_name(tensor), tensor.zero_points.astype(tensor.type.lower())
            self.formats[key] = (
                self.constant(f"{name}_scale", tensor.scales[0] if is_scalar else tensor.scales),
                self.constant(f"{name}_zero_point", zeros[0] if is_scalar else zeros),
            )
        attributes = {} if is_scalar else {"axis": axis}
        self.add(op_type, [value, *self.formats[key]], [result], node, **attributes)

    def channels_first(self, value: str, node: str) -> str:
        """Return an image with its channels before rows and columns."""
        if value not in self.firsts:
            self.firsts[value] = self.unique(f"{value}_channels_first")
            self.add("Transpose", [value], [self.firsts[value]], node, perm=CHANNELS_FIRST)
        return self.firsts[value]

    def channels_last(self, first: str, node: str) -> str:
        """Return an image with its channels behind rows and columns."""
        value = self.unique(f"{first}_channels_last")
        self.add("Transpose", [first], [value], node, perm=CHANNELS_LAST)
        self.firsts[value] = first
        return value

    def add(
        self,
        op_type: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        node: str,
        **attributes: Any,
    ) -> None:
        """Add a node that makes tensors of those names."""
        label = free_name(f"{node}_{op_type}", self.labels)
        self.nodes.append(helper.make_node(op_type, inputs, outputs, label, **attributes))

    def unique(self, base: str) -> str:
        """Return `base`, with a number behind where a tensor has that name."""
        return free_name(base, self.taken)


def short_name(tensor: Tensor) -> str:
    """Return the first of the names that the converter joined."""
    return tensor.name.split(";")[0] or tensor.name


def free_name(base: str, taken: set[str]) -> str:
    """Return `base`, with a number behind where it is taken, and take it."""
    name, suffix = base, 0
    while name in taken:
        suffix += 1
        name = f"{base}_{suffix}"
    taken.add(name)
    return name
