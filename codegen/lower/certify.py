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
from codegen.ir.program import Layer, Nest, Place, Program, arena_base
from codegen.ir.schedule import PUSHED, SINK, Kernel, Need, Schedule, Step
from codegen.ops import Concat
from codegen.plan.lifetimes import scratch_name


def certify(program: Program, schedule: Schedule, plan: MemoryPlan) -> Certificate:
    """Return the certificate of a program: numbers of the C from it, the reasons from the plan."""
    graph, interface = schedule.graph, program.interface
    constant = _constant_inputs(schedule, len(plan.steps))
    steps = schedule.steps
    return Certificate(
        name=interface.name,
        model_digest=program.digest,
        order=LATEST_WANTED,
        calls=len(plan.steps),
        lower_bound_bytes=plan.lower_bound_bytes,
        bases=(
            *(Base(arena_base(a.memory), a.size_bytes, a.align) for a in interface.blocks),
            *(
                Base(base, kept.size_bytes, kept.align, writable=False)
                for base, kept in constant.items()
            ),
        ),
        inputs=_ports(schedule, graph.inputs, program.input_places),
        outputs=_ports(schedule, graph.outputs, program.output_places),
        values=_values(schedule),
        buffers=(
            *(_live_range(schedule, _home(plan, b), b) for b in plan.buffers),
            *(_live_range(schedule, Place(base, 0), b) for base, b in constant.items()),
        ),
        nests=tuple(
            _nest(graph, nest, steps[first:end])
            for nest, (first, end) in zip(program.nests, schedule.spans, strict=True)
        ),
    )


def _constant_inputs(schedule: Schedule, calls: int) -> dict[str, Buffer]:
    """Return the inputs that stay with the caller, each as a buffer that lives all the time."""
    found = {}
    for value, base in schedule.abroad.items():
        if base in (PUSHED, SINK):
            continue
        kind = schedule.graph.types[value]
        size, align = kind.size_bytes, kind.dtype.size_bytes
        shown = (v for v in schedule.views if schedule.storage(v) == value)
        begin = np.zeros(max(calls, 1), np.int64)
        found[base] = Buffer(value, size, begin, begin + size, align, (value, *shown))
    return found


def _ports(
    schedule: Schedule, values: tuple[str, ...], places: tuple[Place | None, ...]
) -> tuple[Port, ...]:
    return tuple(_port(schedule, *pair) for pair in zip(values, places, strict=True))


def _port(schedule: Schedule, value: str, place: Place | None) -> Port:
    """Return a port; one that passes by rows is what was received, or what is delivered."""
    if place is not None:
        return Port(value, place.base, place.offset)
    base = schedule.abroad[value]
    if base == PUSHED:
        received = (step.node.output for step in schedule.steps if value in step.node.inputs)
        return Port(next(received), None, None)
    if base == SINK:
        (sent,) = (step.node.inputs for step in schedule.steps if step.node.output == value)
        return Port(sent[0], None, None)
    return Port(value, base, 0)


def _values(schedule: Schedule) -> tuple[Value, ...]:
    """Return all values that memory holds; a result in its operand's place is no view of it."""
    graph = schedule.graph
    passing = {value for value, base in schedule.abroad.items() if base in (PUSHED, SINK)}
    computed = (name for name in graph.types if name not in {*graph.constants, *passing})
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
        pixel_pitch_bytes=pitch or kind.pixel_bytes,
        view_of=None if host == name else host,
        offset_bytes=offset,
    )


def _home(plan: MemoryPlan, buffer: Buffer) -> Place:
    return Place(arena_base(plan.home_of(buffer.name)), plan.offsets[buffer.name])


def _live_range(schedule: Schedule, place: Place, buffer: Buffer) -> LiveRange:
    host = buffer.values[0] if buffer.values else ""
    return LiveRange(
        name=buffer.name,
        base=place.base,
        offset_bytes=place.offset,
        size_bytes=buffer.size_bytes,
        align_bytes=buffer.align,
        rows_kept=schedule.rows_kept.get(host, schedule.graph.types[host].rows) if host else None,
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
        scratch=_scratch(step, layer),
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
        if operand.base != PUSHED
    )


def _write(graph: Graph, layer: Layer, step: Step) -> Write | None:
    if layer.output_base == SINK:
        return None
    return Write(
        value=step.node.output,
        base=layer.output_base,
        offset_bytes=layer.output_offset,
        row_pitch_bytes=layer.output_pitch,
        pixel_pitch_bytes=layer.output_pitch // graph.types[step.node.output].width,
        rows_kept=layer.output_kept,
    )


def _scratch(step: Step, layer: Layer) -> Scratch | None:
    if layer.scratch_offset is None:
        return None
    base, offset = layer.scratch_base, layer.scratch_offset
    return Scratch(scratch_name(step), base, offset, step.scratch_bytes)
