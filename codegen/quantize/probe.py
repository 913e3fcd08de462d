"""Run the user's own ONNX model in onnxruntime, and look at the tensors inside."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnx

from codegen.errors import InvalidModel
from codegen.ir.types import Array, DType, Quant, TensorType

if TYPE_CHECKING:
    import onnxruntime


UNSIGNED = "tensor(uint8)"
QUANTIZED = ("tensor(int8)", "tensor(int16)", UNSIGNED)
"""Element types of inputs that may be in a format."""
EIGHT_BITS = {np.dtype(np.int8), np.dtype(np.uint8)}


@dataclass(frozen=True, slots=True)
class Probe:
    """A session on a model with inner tensors exposed.

    `inputs` are names, element types and numbers of dimensions.
    """

    session: onnxruntime.InferenceSession
    inputs: tuple[tuple[str, str, int], ...]
    tensors: tuple[str, ...]

    def run(self, reals: Sequence[Array], quants: Sequence[Quant | None]) -> Mapping[str, Array]:
        """Return the tensors for one sample of real values, quantized where the model asks.

        Integers are taken as they are.

        Samples have a batch dimension first, which inputs of fewer dimensions do not take.
        """
        feeds = {
            name: as_element_type(array[0] if array.ndim > rank else array, quant, element)
            for (name, element, rank), array, quant in zip(self.inputs, reals, quants, strict=True)
        }
        found = self.session.run(list(self.tensors), feeds) if self.tensors else []
        arrays = [np.asarray(tensor) for tensor in found]
        return {**feeds, **dict(zip(self.tensors, arrays, strict=True))}


def open_probe(model: onnx.ModelProto, tensors: Collection[str]) -> Probe:
    """Open a session that computes `tensors` in floats, exactly as the file says.

    Graph optimizations are off, so that a quantized model is computed as dequantize, operator,
    quantize; one thread, so that sums have one order. Raises InvalidModel where onnxruntime
    refuses the model.
    """
    import onnxruntime

    exposed = onnx.ModelProto()
    exposed.CopyFrom(model)
    made = {name for node in model.graph.node for name in node.output}
    known = {output.name for output in model.graph.output}
    wanted = tuple(name for name in dict.fromkeys(tensors) if name in made)
    exposed.graph.output.extend(
        onnx.ValueInfoProto(name=name) for name in wanted if name not in known
    )
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            exposed.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        raise InvalidModel(f"onnxruntime refuses the model: {error}") from error
    inputs = tuple((i.name, i.type, len(i.shape)) for i in session.get_inputs())
    return Probe(session, inputs, wanted)


def held_as(element: DType, stored: Array) -> Array:
    """Return a quantized tensor in another type of 8 bits: int8 and uint8 are 128 apart."""
    if stored.dtype == element.numpy or {stored.dtype, element.numpy} - EIGHT_BITS:
        return stored
    return (stored.view(np.uint8) ^ 0x80).view(element.numpy)


def as_reals(kind: TensorType, stored: Array) -> Array:
    """Return a tensor of the model as reals: what it holds in the format of a value, dequantized.

    Integers that stand for themselves stay.
    """
    if kind.quant is None or kind.is_plain or stored.dtype.kind not in "iu":
        return stored
    return kind.quant.dequantize(held_as(kind.quant.element, stored))


def as_element_type(array: Array, quant: Quant | None, element: str) -> Array:
    """Return real values in the element type of a model's input."""
    if array.dtype.kind != "f":
        return array
    if element == "tensor(float)":
        return array.astype(np.float32)
    if element == "tensor(double)":
        return array.astype(np.float64)
    if element not in QUANTIZED or quant is None:
        raise InvalidModel(f"an input of type {element} without a scale has no real values")
    steps = quant.quantize(array, quant.element)
    return held_as(DType.UINT8 if element == UNSIGNED else quant.element, steps)
