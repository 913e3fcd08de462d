"""Slices without copies: channels are read where they stand, pixels as far apart as in the whole.

A slice of neighboring channels becomes a view of its operand if all that reads it has a kernel
that reads pixels at a distance, and these kernels take no longer than the copy saves.
"""

from __future__ import annotations

from codegen.ir.graph import Graph, Node
from codegen.ir.schedule import View
from codegen.ir.types import TensorType
from codegen.ops import Slice
from codegen.schedule.kernels import BY_ESTIMATE, Choice, variants


def view_slices(
    graph: Graph, families: tuple[str, ...], choice: Choice = BY_ESTIMATE
) -> dict[str, View]:
    """Return the views that take the place of slices."""
    return {
        node.output: _view(node.inputs[0], node.op, graph.types[node.inputs[0]])
        for node in graph.nodes
        if isinstance(node.op, Slice)
        and _is_of_channels(node.op, graph.types[node.inputs[0]].shape)
        and node.output not in graph.outputs
        and _saves(graph, families, choice, node)
    }


def _view(operand: str, op: Slice, kind: TensorType) -> View:
    """Return where the channels of a slice stand in its operand."""
    return View(operand, op.starts[-1] * kind.dtype.size_bytes, kind.pixel_bytes)


def _is_of_channels(op: Slice, shape: tuple[int, ...]) -> bool:
    """All pixels, and of each the channels from one to another."""
    return op.shape[:-1] == shape[:-1] and (op.steps[-1] == 1 or op.shape[-1] == 1)


def _saves(graph: Graph, families: tuple[str, ...], choice: Choice, node: Node) -> bool:
    """The readers lose no more cycles by reading a view than making the slice takes."""
    lost = 0
    for reader in graph.nodes:
        if node.output not in reader.inputs:
            continue
        signature = graph.signature(reader)
        apart = variants(families, reader.op, signature, spread=True, choice=choice)
        if not apart:
            return False
        (best, *_) = variants(families, reader.op, signature, choice=choice)
        lost += choice.cycles(apart[0], reader.op, signature)
        lost -= choice.cycles(best, reader.op, signature)
    signature = graph.signature(node)
    made = variants(families, node.op, signature, choice=choice)
    return bool(made) and lost <= choice.cycles(made[0], node.op, signature)
