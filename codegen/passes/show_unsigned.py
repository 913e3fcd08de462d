"""Show ports as uint8 where the user's model has them so."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from codegen.ir.graph import Graph, Node
from codegen.ir.op import has_int16
from codegen.ir.rewrite import free_name, rename_values, replace_uses
from codegen.ir.types import DType, TensorType
from codegen.ops import Clip, FlipSign, Function, Requantize

BY_TABLE = (Clip, Function, Requantize)
"""Functions of one value; of 8 bits each is a table, which takes and gives either type."""


def show_unsigned(graph: Graph, tensors: Collection[str]) -> Graph:
    """Make ports of a fixed-point graph uint8 that show one of the ONNX `tensors`.

    The integers are 128 more, and so is the zero point; the reals stay. Tables take it up where
    nothing else meets the port, else a FlipSign stands there.

    >>> from codegen.ir.text import parse_graph
    >>> print(show_unsigned(parse_graph('''
    ...     graph net(x: int8[4] quant(0.5, 3)) -> y
    ...       y = softmax(x) : int8[4] quant(0.25, -128)
    ... '''), {"x", "y"}))
    graph net(x: uint8[4] quant(0.5, 131, uint8)) -> y
      x_signed = flip_sign(x) : int8[4] quant(0.5, 3)
      y_signed = softmax(x_signed) : int8[4] quant(0.25, -128)
      y = flip_sign(y_signed) : uint8[4] quant(0.25, 0, uint8)
    """
    for name in _shown(graph, graph.inputs, tensors):
        graph = _show_input(graph, name)
    for name in _shown(graph, graph.outputs, tensors):
        graph = _show_output(graph, name)
    return graph


def _shown(graph: Graph, ports: tuple[str, ...], tensors: Collection[str]) -> Iterator[str]:
    """Yield the ports that stand for reals in int8 and show one of the tensors."""
    for name in dict.fromkeys(ports):
        if graph.origin(name).tensor in tensors and graph.types[name].dtype is DType.INT8:
            yield name


def _show_input(graph: Graph, name: str) -> Graph:
    readers = graph.consumers().get(name, ())
    if all(_is_table(graph, node) for node in readers):
        return replace(graph, types=_with_unsigned(graph, name))
    inner = free_name(graph, f"{name}_signed")
    nodes = (Node(FlipSign(), (name,), inner), *replace_uses(graph.nodes, {name: inner}))
    types = {**_with_unsigned(graph, name), inner: graph.types[name]}
    return replace(graph, nodes=nodes, types=types)


def _show_output(graph: Graph, name: str) -> Graph:
    node = graph.producers()[name]
    if _is_table(graph, node) and name not in graph.consumers():
        return replace(graph, types=_with_unsigned(graph, name))
    inner = free_name(graph, f"{name}_signed")
    signed = rename_values(graph, {name: inner})
    nodes = (*signed.nodes, Node(FlipSign(), (inner,), name))
    types = {**signed.types, name: unsigned(graph.types[name])}
    origins = {**signed.origins, **{k: v for k, v in graph.origins.items() if k == name}}
    return replace(signed, nodes=nodes, outputs=graph.outputs, types=types, origins=origins)


def _is_table(graph: Graph, node: Node) -> bool:
    return isinstance(node.op, BY_TABLE) and not has_int16(graph.signature(node))


def _with_unsigned(graph: Graph, name: str) -> Mapping[str, TensorType]:
    return {**graph.types, name: unsigned(graph.types[name])}


def unsigned(kind: TensorType) -> TensorType:
    """Return the type of the same reals in uint8."""
    assert kind.quant is not None
    return replace(kind, dtype=DType.UINT8, quant=kind.quant.held_as(DType.UINT8))
