"""Find the layer at fault: cut the network after each layer, and compare the pieces."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from codegen.emit import Golden, emit
from codegen.emit.folder import write_files
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph, Node
from codegen.ir.interface import Interface
from codegen.ir.types import Array
from codegen.lower import lower
from codegen.ops import Reshape
from codegen.plan import make_plan
from codegen.progress import Progress, silent
from codegen.schedule import make_schedule

Runner = Callable[[Path, Interface, Sequence[Array]], tuple[Array, ...]]
"""Builds an emitted folder and runs it on inputs (N, *shape)."""


def locate(
    graph: Graph,
    families: tuple[str, ...],
    inputs: Sequence[Array],
    run: Runner,
    progress: Progress = silent,
) -> str:
    """Return the first layer whose C, the network cut after it, differs from the reference.

    `inputs` is a batch of one. "" where the whole network, emitted once more, does not differ:
    then the files were changed. Also where no piece does: then layers spoil each other's memory.
    """
    layers = [node for node in graph.nodes if not isinstance(node.op, Reshape)]
    expected = evaluate(graph, inputs, keep=[node.output for node in layers])

    def differs(piece: Graph) -> bool:
        golden = Golden(tuple(inputs), tuple(expected[name] for name in piece.outputs))
        found = run_piece(piece, families, golden, run)
        return any(not np.array_equal(a, b) for a, b in zip(found, golden.outputs, strict=True))

    if not differs(graph):
        return ""
    for index, node in enumerate(layers):
        progress("looking for the layer that differs", index, len(layers))
        if differs(cut_after(graph, node)):
            return node.loc.node or node.output
    return ""


def cut_after(graph: Graph, last: Node) -> Graph:
    """Return the part of a graph that computes the output of one node."""
    needed = {last.output}
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if node.output in needed:
            kept.append(node)
            needed.update(node.inputs)
    return graph.with_nodes(reversed(kept), outputs=(last.output,))


def run_piece(
    graph: Graph, families: tuple[str, ...], golden: Golden, run: Runner
) -> tuple[Array, ...]:
    """Emit a graph into a temporary folder and run it on the golden input."""
    schedule = make_schedule(graph, families)
    program = lower(schedule, make_plan(schedule), "piece", target="", model="", digest="")
    with tempfile.TemporaryDirectory() as scratch:
        write_files(Path(scratch), emit((program,), (golden,)))
        return run(Path(scratch), program.interface, golden.inputs)
