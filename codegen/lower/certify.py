"""Certify: tell in full where a lowered program keeps what, and when, so that it can be checked."""

from __future__ import annotations

import numpy as np

from codegen.ir.certificate import (
    LATEST_WANTED,
    Base,
    Certificate,
    CertifiedNest,
    CertifiedStep,
    LiveRange,
    Port,
    Read,
    Scratch,
    Value,
    Wait,
    Write,
)
from codegen.ir.graph import Graph
from codegen.ir.memory import Buffer, MemoryPlan
from codegen.ir.program import ARENA, Layer, Nest, Program
from codegen.ir.schedule import Kernel, Need, Schedule, Step
from codegen.ops import Concat


def certify(program: Program, schedule: Schedule, plan: MemoryPlan) -> Certificate:
    """Return the certificate of a program: numbers of the C from it, the reasons from the plan."""
    graph, interface = schedule.graph, program.interface
    steps = schedule.steps
    return Certificate(
        name=interface.name,
        model_digest=program.digest,
        order=LATEST_WANTED,
        calls=len(plan.steps),
        lower_bound_bytes=plan.lower_bound_bytes,
        bases=(Base(ARENA, interface.arena_bytes, interface.arena_align),),
        inputs=_ports(graph.inputs, program.input_offsets),
        outputs=_ports(graph.outputs, program.output_offsets),
        values=_values(schedule),
        buffers=tuple(_live_range(schedule, plan, buffer) for buffer in plan.buffers),
        nests=tuple(
            _nest(graph, nest, steps[first:end])
            for nest, (first, end) in zip(program.nests, schedule.spans, strict=True)
        ),
    )


def _ports(values: tuple[str, ...], offsets: tuple[int, ...]) -> tuple[Port, ...]:
    return tuple(Port(value, ARENA, at) for value, at in zip(values, offsets, strict=True))


def _values(schedule: Schedule) -> tuple[Value, ...]:
    """Return all values that memory holds; a result in its operand's place is no view of it."""
    graph = schedule.graph
    computed = (name for name in graph.types if name not in graph.constants)
    return tuple(_value(schedule, name) for name in computed)


def _value(schedule: Schedule, name: str) -> Value:
    graph, host, offset, pitch = schedule.graph, name, 0, 0
    joins = {node.output for node in graph.nodes if isinstance(node.op, Concat)}
    made = {step.node.output for step in schedule.steps}
    while host in schedule.views and (host not in made or schedule.views[host].host in joins):
        view = schedule.views[host]
        offset, pitch, host = offset + view.offset, view.pixel_pitch or pitch, view.host
    kind = graph.types[name]
    return Value(
        name=name,
        rows=kind.rows,
        pixels=kind.width,
        channels=kind.channels,
        element_bytes=kind.dtype.size_bytes,
        row_bytes=kind.row_bytes,
        pixel_pitch_bytes=(pitch or kind.channels) * kind.dtype.size_bytes,
        view_of=None if host == name else host,
        offset_bytes=offset,
    )


def _live_range(schedule: Schedule, plan: MemoryPlan, buffer: Buffer) -> LiveRange:
    return LiveRange(
        name=buffer.name,
        base=ARENA,
        offset_bytes=plan.offsets[buffer.name],
        size_bytes=buffer.size_bytes,
        align_bytes=buffer.align,
        rows_kept=schedule.rows_kept[buffer.values[0]] if buffer.values else None,
        live_from_call=int((buffer.live > 0).argmax()),
        live_until_call=int(np.flatnonzero(buffer.live).max(initial=-1)) + 1,
        values=buffer.values,
        live=live_triples(buffer),
    )


def live_triples(buffer: Buffer) -> tuple[tuple[int, int, int], ...]:
    """Return (event, begin, end) wherever the live bytes change, from the first that are live."""
    spans = np.stack([buffer.begin, buffer.end], axis=1)
    before = np.concatenate([np.zeros((1, 2), np.int64), spans[:-1]])
    changes = np.flatnonzero((spans != before).any(axis=1))
    return tuple((int(t), int(spans[t, 0]), int(spans[t, 1])) for t in changes)


def _nest(graph: Graph, nest: Nest, steps: tuple[Step, ...]) -> CertifiedNest:
    parts = zip(nest.layers, steps, nest.needs, nest.wants, strict=True)
    return CertifiedNest(tuple(_step(graph, *part) for part in parts))


def _step(
    graph: Graph, layer: Layer, step: Step, needs: tuple[Need, ...], wants: tuple[Need, ...]
) -> CertifiedStep:
    return CertifiedStep(
        name=layer.name,
        node=step.node.loc.node or step.node.output,
        operator=step.node.op.name,
        kernel=layer.function.name,
        makes=_makes(step.kernel),
        calls=layer.rows,
        may_replace=step.node.op.in_place,
        reads=_reads(graph, layer, step),
        writes=_write(graph, layer, step),
        scratch=_scratch(step, "scratch", layer.scratch_offset, step.scratch_bytes),
        outside=_scratch(step, "outside", layer.outside_offset, layer.outside_bytes),
        needs=_waits(needs),
        wants=_waits(wants),
    )


def _waits(needs: tuple[Need, ...]) -> tuple[Wait, ...]:
    return tuple(
        Wait(need.step, need.stride, need.reach, need.rows, need.divisor, need.least)
        for need in needs
    )


def _makes(kernel: Kernel) -> str:
    if kernel.accumulates:
        return "sum"
    return "value" if kernel.whole else "rows"


def _reads(graph: Graph, layer: Layer, step: Step) -> tuple[Read, ...]:
    return tuple(
        Read(
            value=value,
            base=operand.base,
            offset_bytes=operand.offset,
            row_pitch_bytes=operand.pitch,
            rows=operand.height,
            rows_kept=operand.kept,
            window_rows=operand.window,
            stride=operand.stride,
            dilation=operand.dilation,
            pad=operand.pad,
            divisor=operand.divisor,
            clipped=operand.clipped,
        )
        for value, operand in zip(graph.activations(step.node), layer.operands, strict=True)
    )


def _write(graph: Graph, layer: Layer, step: Step) -> Write:
    return Write(
        value=step.node.output,
        base=layer.output_base,
        offset_bytes=layer.output_offset,
        row_pitch_bytes=layer.output_pitch,
        pixel_pitch_bytes=layer.output_pitch // graph.types[step.node.output].width,
        rows_kept=layer.output_kept,
    )


def _scratch(step: Step, kind: str, offset: int | None, size_bytes: int) -> Scratch | None:
    if offset is None:
        return None
    return Scratch(f"{step.node.output} {kind}", ARENA, offset, size_bytes)
