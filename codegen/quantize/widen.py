"""Widen: int16 for some values of an int8 network, where 8 bits cost the result too much.

A node that reads or makes a wide value computes in 16 bits: a Requantize before it widens the
operands that have 8 bits, exactly, and one after it narrows a result that is to have 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from codegen.ir.graph import Graph, Node
from codegen.ir.types import DType, Quant
from codegen.ops import Requantize

FINER = 128
"""The steps of 16 bits in one of 8: any difference of two int8 is an int16 then."""


SUFFIX = "_in_16_bits"


def widen(
    graph: Graph, formats: Mapping[str, Quant]
) -> tuple[Graph, Mapping[str, Quant], Mapping[str, str]]:
    """Return the graph such that only nodes that mix widths have operands and results of both.

    `formats` are those of all computed values; those returned, of the values added, too. Last
    are, of results that are narrowed, the names in 16 bits.
    """
    widened = Widened(graph, dict(formats))
    for node in graph.nodes:
        widened.place(node)
    types = dict(graph.types)
    for name in widened.copies.values():
        types[name] = replace(graph.types[name.removesuffix(SUFFIX)], quant=None)
    return graph.with_nodes(widened.nodes, types=types), widened.formats, widened.narrowed


@dataclass(slots=True)
class Widened:
    """The nodes placed so far, the format of every value, and the twins of values in 16 bits."""

    graph: Graph
    formats: dict[str, Quant]
    nodes: list[Node] = field(default_factory=list)
    copies: dict[str, str] = field(default_factory=dict)
    narrowed: dict[str, str] = field(default_factory=dict)

    def place(self, node: Node) -> None:
        """Add a node, and what it needs to compute in 16 bits if one of its values has them."""
        names = (*self.graph.activations(node), node.output)
        known = {self.formats[name].element for name in names if self.is_real(name)}
        if len(known) < 2 or node.op.mixes_widths:
            self.nodes.append(node)
            return
        inputs = tuple(self.wide(name, node) for name in node.inputs)
        if not self.is_real(node.output) or self.formats[node.output].element is DType.INT16:
            self.nodes.append(replace(node, inputs=inputs))
            return
        twin = self.narrowed[node.output] = self.twin(node.output)
        self.nodes.append(replace(node, inputs=inputs, output=twin))
        self.nodes.append(Node(Requantize(), (twin,), node.output, node.loc))

    def is_real(self, name: str) -> bool:
        """The value is computed, and its integers stand for reals, not for themselves."""
        return name in self.formats and not self.graph.types[name].is_plain

    def wide(self, name: str, reader: Node) -> str:
        """Return an operand in 16 bits; constants get theirs when they are quantized."""
        if not self.is_real(name) or self.formats[name].element is DType.INT16:
            return name
        if name not in self.copies:
            self.nodes.append(Node(Requantize(), (name,), self.twin(name), reader.loc))
        return self.copies[name]

    def twin(self, name: str) -> str:
        """Return the name of a value in 16 bits; its format has the zero of the other."""
        known = self.formats[name]
        self.copies[name] = f"{name}{SUFFIX}"
        self.formats[self.copies[name]] = Quant((known.scale / FINER,), element=DType.INT16)
        return self.copies[name]
