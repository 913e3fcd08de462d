"""Steps that passes share: rename values, read one value for another, find free names."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TypeVar

from codegen.ir.graph import Graph, Node

T = TypeVar("T")


def rename_values(graph: Graph, names: Mapping[str, str]) -> Graph:
    """Return the graph with values called by new names; types and origins move along.

    A new name that is in use already must be that of a value which goes out of use.
    """

    def renamed(found: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(names.get(name, name) for name in found)

    def moved(entries: Mapping[str, T]) -> dict[str, T]:
        fresh = {new: entries[old] for old, new in names.items() if old in entries}
        return {**{k: v for k, v in entries.items() if k not in names}, **fresh}

    nodes = tuple(
        replace(node, inputs=renamed(node.inputs), output=names.get(node.output, node.output))
        for node in graph.nodes
    )
    return replace(
        graph,
        inputs=renamed(graph.inputs),
        outputs=renamed(graph.outputs),
        nodes=nodes,
        types=moved(graph.types),
        constants=moved(graph.constants),
        origins=moved(graph.origins),
    )


def replace_uses(nodes: tuple[Node, ...], values: Mapping[str, str]) -> tuple[Node, ...]:
    """Return nodes that read values[name] wherever they read name."""
    return tuple(
        replace(node, inputs=tuple(values.get(name, name) for name in node.inputs))
        if any(name in values for name in node.inputs)
        else node
        for node in nodes
    )


def bypass(graph: Graph, node: Node, operand: str) -> Graph | None:
    """Drop `node`: its readers read `operand`, which holds the same in the same layout.

    Where the result is an output, `operand` takes its name and origin; None where it cannot,
    being a port itself.
    """
    result = node.output
    rest = tuple(other for other in graph.nodes if other is not node)
    if result not in graph.outputs:
        return graph.with_nodes(replace_uses(rest, {result: operand}))
    if operand in graph.inputs or operand in graph.outputs:
        return None
    origins = {k: v for k, v in graph.origins.items() if k != operand}
    types = {**graph.types, result: graph.types[operand]} if operand in graph.types else graph.types
    rest = tuple(
        replace(other, output=result) if other.output == operand else other for other in rest
    )
    renamed = replace_uses(rest, {operand: result})
    return replace(graph, types=types, origins=origins).with_nodes(renamed)


def single_reader(graph: Graph, value: str) -> Node | None:
    """Return the one node that reads `value`; None where there are others or it is an output."""
    readers = [node for node in graph.nodes if value in node.inputs]
    return readers[0] if len(readers) == 1 and value not in graph.outputs else None


def free_name(taken: Collection[str], base: str) -> str:
    """Return `base`, with a number behind where it is taken."""
    name, suffix = base, 0
    while name in taken:
        suffix += 1
        name = f"{base}_{suffix}"
    return name
