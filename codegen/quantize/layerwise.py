"""Compare a quantized network with onnxruntime layer by layer, each layer fed equal inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper

from codegen.ir.evaluate import evaluate_node
from codegen.ir.graph import Graph, Node
from codegen.ir.types import Array, DType, Quant
from codegen.quantize.probe import held_as, open_probe
from codegen.quantize.samples import Samples


@dataclass(frozen=True, slots=True)
class LayerDifference:
    """How far a node's result is from onnxruntime's, in steps of the output's format.

    `elements` were compared, of which `equal` are the same; `greatest` is the largest difference.
    """

    node: Node
    elements: int
    equal: int
    greatest: int

    @property
    def equal_share(self) -> float:
        return self.equal / self.elements


def compare_layers(
    model: onnx.ModelProto, graph: Graph, samples: Samples
) -> tuple[LayerDifference, ...]:
    """Return a difference for each node of the fixed-point `graph` whose result `model` shows.

    Each node gets onnxruntime's own integers as operands: what the model's QuantizeLinear nodes
    made of the tensors that the graph's values show. Operands that the model does not show
    are computed from those that it does.
    """
    places = {name: find_tensor(model, graph, name) for name in graph.origins}
    probe = open_probe(model, list(places.values()))
    quants = [graph.types[name].quant for name in graph.inputs]
    totals: dict[str, LayerDifference] = {}
    for index in range(samples.count):
        tensors = probe.run(samples.one(index), quants)
        shown = {name: as_integers(graph, name, tensors[places[name]]) for name in places}
        for node, found in evaluate_nodes(graph, shown):
            if node.output in shown:
                steps = np.abs(found.astype(np.int64) - shown[node.output])
                totals[node.output] = add(totals.get(node.output), node, steps)
    return tuple(totals.values())


def evaluate_nodes(graph: Graph, shown: Mapping[str, Array]) -> list[tuple[Node, Array]]:
    """Return each node's result, from shown operands as far as there are any."""
    values = {name: shown[name] for name in graph.inputs}
    results: list[tuple[Node, Array]] = []
    for node in graph.nodes:
        found = evaluate_node(graph, node, values)
        values[node.output] = shown.get(node.output, found)
        results.append((node, found))
    return results


def find_tensor(model: onnx.ModelProto, graph: Graph, name: str) -> str:
    """Return the tensor with the integers of a value, or that of its reals where none has them."""
    tensor = graph.origins[name].tensor
    for node in model.graph.node:
        is_source = node.op_type == "DequantizeLinear" and tensor in node.output
        is_result = node.op_type == "QuantizeLinear" and node.input[0] == tensor
        if (is_source or is_result) and format_of(model, node) == graph.types[name].quant:
            return str(node.input[0] if is_source else node.output[0])
    return tensor


def format_of(model: onnx.ModelProto, node: onnx.NodeProto) -> Quant | None:
    """Return the format of a QuantizeLinear or DequantizeLinear with constant parameters."""
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    if any(name not in stored for name in node.input[1:]):
        return None
    parameters = [numpy_helper.to_array(stored[name]) for name in node.input[1:]]
    if parameters[0].size != 1:
        return None
    if len(parameters) == 1:
        return Quant((float(parameters[0].item()),), 0)
    zero_point = int(held_as(DType.INT8, parameters[1]).item())
    element = DType.INT16 if parameters[1].dtype == np.int16 else DType.INT8
    return Quant((float(parameters[0].item()),), zero_point, element=element)


def as_integers(graph: Graph, name: str, tensor: Array) -> Array:
    """Return a tensor of the model as the value that shows it."""
    value = graph.types[name]
    assert value.quant is not None, f"{name} has no format"
    shown = graph.origins[name].one(tensor, value.shape)
    if shown.dtype.kind in "iu":
        return held_as(value.dtype, shown)
    return value.quant.quantize(shown, value.dtype)


def add(total: LayerDifference | None, node: Node, steps: Array) -> LayerDifference:
    """Return the difference over what was compared before and `steps` more."""
    before = total or LayerDifference(node, 0, 0, 0)
    return LayerDifference(
        node,
        before.elements + steps.size,
        before.equal + int((steps == 0).sum()),
        max(before.greatest, int(steps.max(initial=0))),
    )
