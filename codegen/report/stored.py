"""How the weights of each layer are stored: in how many bytes, and in which coding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from codegen.ir.coding import coded_bytes
from codegen.ir.program import Layer, Program
from codegen.ir.schedule import Schedule, Step
from codegen.ops import Conv2d, Dense


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes of a layer's weights as they are in flash, tables among them, and a byte each."""

    coding: str = ""
    weights_bytes: int = 0
    raw_bytes: int = 0


def stored_weights(schedule: Schedule, program: Program) -> tuple[Stored, ...]:
    """Return how the weights of each layer are stored."""
    sizes = {constant.name: constant.size_bytes for constant in program.constants}
    pairs = zip(schedule.steps, program.layers, strict=True)
    return tuple(_stored(schedule, step, layer, sizes) for step, layer in pairs)


def _stored(schedule: Schedule, step: Step, layer: Layer, sizes: dict[str, int]) -> Stored:
    if not isinstance(step.node.op, Conv2d | Dense):
        return Stored()
    kind = schedule.graph.types[step.node.inputs[1]]
    if layer.decoding is None:
        return Stored("", kind.size_bytes, kind.size_bytes)
    names = (layer.decoding.codes, *layer.decoding.tables)
    return Stored(str(kind.coding), sum(sizes[name] for name in names), kind.size_bytes)


def coding_notes(schedule: Schedule) -> Iterator[str]:
    """Say which weights stay a byte each, though a coding was asked for."""
    graph = schedule.graph
    for step in schedule.steps:
        if not isinstance(step.node.op, Conv2d | Dense) or step.kernel.decodes:
            continue
        name, kind = step.node.loc.node or step.node.output, graph.types[step.node.inputs[1]]
        if kind.coding is not None:
            size = coded_bytes(graph.constants[step.node.inputs[1]], kind.coding)
            yield (
                f"{name}: weights stay a byte each, {kind.size_bytes:,} bytes: {kind.coding} would"
                f" take {size:,} and the code that decodes them"
            )
