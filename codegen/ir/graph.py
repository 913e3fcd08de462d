"""Graph: a flat list of nodes over named values. The same type holds float and fixed-point."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from codegen.ir.op import Op, Signature
from codegen.ir.types import Array, Loc, Origin, TensorType


@dataclass(frozen=True, slots=True)
class Node:
    """One operator applied to named values; constant operands are named like any other."""

    op: Op
    inputs: tuple[str, ...]
    output: str
    loc: Loc = field(default=Loc(), compare=False)


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes in an executable order.

    `types` gives the type of every input, constant and node output. `constants` holds the data of
    the constant operands (not batched). `origins` maps values to the ONNX tensors they show; a
    value that shows none (it exists only here) is absent.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    types: Mapping[str, TensorType] = field(default_factory=dict)
    constants: Mapping[str, Array] = field(default_factory=dict, compare=False)
    origins: Mapping[str, Origin] = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        """The text form; `codegen.ir.text` describes it."""
        from codegen.ir.text import print_graph

        return print_graph(self)

    def signature(self, node: Node) -> Signature:
        """Return the types of the node's operands and result, and its constant operands."""
        return Signature(
            tuple(self.types[name] for name in node.inputs),
            self.types[node.output],
            tuple(self.constants.get(name) for name in node.inputs),
        )

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(node.op.macs(self.signature(node)) for node in self.nodes)

    def activations(self, node: Node) -> tuple[str, ...]:
        """The operands of `node` that are computed, not constant, in order."""
        return tuple(name for name in node.inputs if name not in self.constants)

    def origin(self, name: str) -> Origin:
        """Return the ONNX tensor that a value shows; a value without origin is its own."""
        return self.origins.get(name, Origin(name))

    def last_readers(self) -> Mapping[str, Node]:
        """Map each value to the last node that reads it; unread values are absent."""
        return MappingProxyType({name: node for node in self.nodes for name in node.inputs})

    def producers(self) -> Mapping[str, Node]:
        """Map each computed value to the node that makes it."""
        return MappingProxyType({node.output: node for node in self.nodes})

    def consumers(self) -> Mapping[str, tuple[Node, ...]]:
        """Map each value to the nodes that read it, in order; unread values are absent."""
        found: dict[str, list[Node]] = {}
        for node in self.nodes:
            for name in dict.fromkeys(node.inputs):
                found.setdefault(name, []).append(node)
        return MappingProxyType({name: tuple(nodes) for name, nodes in found.items()})

    def with_nodes(self, nodes: Iterable[Node], **changes: object) -> Graph:
        """Return this graph over other nodes, without types, constants or origins unused since."""
        new = replace(self, nodes=tuple(nodes), **changes)  # type: ignore[arg-type]
        used = {*new.inputs, *new.outputs}
        for node in new.nodes:
            used.update(node.inputs, (node.output,))
        return replace(
            new,
            types={k: v for k, v in new.types.items() if k in used},
            constants={k: v for k, v in new.constants.items() if k in used},
            origins={k: v for k, v in new.origins.items() if k in used},
        )
