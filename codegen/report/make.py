"""Make a report from the stages' results; what was not measured stays None and is noted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from codegen import __version__
from codegen.ir.graph import Graph
from codegen.ir.interface import Interface
from codegen.ir.memory import MemoryPlan, RamGoal
from codegen.ir.op import Op
from codegen.ir.program import Program
from codegen.ir.report import (
    Agreement,
    BundleTotals,
    Calibration,
    Check,
    Hardware,
    KernelCode,
    LayerReport,
    MemoryCosts,
    RamBudget,
    Report,
    Savings,
    Totals,
)
from codegen.ir.schedule import Schedule, Step
from codegen.ir.types import TensorType
from codegen.ops import InFloat
from codegen.options import Options
from codegen.plan.offsets import SEARCH_STEPS
from codegen.quantize.widen import SUFFIX
from codegen.report.packets import count_packets
from codegen.report.stored import coding_notes, stored_weights
from codegen.targets import Target
from codegen.toolchain.elf import kernel_bytes
from codegen.verify import TargetRun

NOT_SYNTHESIZED = "no HLS tool has synthesized these files"


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures from the built ELF and the emulated run; None or () where there was none.

    `layers` holds instructions and cycles of each step of the schedule, in order; hardware has no
    instructions. `notes` give
    the reason of each absence, and what a figure rests on where that is not plain.
    """

    weights_bytes: int | None = None
    code_bytes: int | None = None
    flash_bytes: int | None = None
    stack_bytes: int | None = None
    instructions: int | None = None
    cycles: int | None = None
    layers: tuple[tuple[int | None, int], ...] = ()
    kernels: tuple[KernelCode, ...] = ()
    notes: tuple[str, ...] = ()


def read_measures(run: TargetRun, program: Program) -> Measured:
    """Return the figures of a run on a target."""
    cost = run.run.cost
    layers = _layer_costs(run, [layer.name for layer in program.layers])
    notes = ["cycles are estimated from a cost table, for memories without wait states"]
    if not layers:
        notes.append("layers: the compiler joined some, so instructions are known for all only")
    return Measured(
        weights_bytes=run.facts.weights_bytes,
        code_bytes=run.facts.code_bytes,
        flash_bytes=run.facts.flash_bytes,
        stack_bytes=run.run.stack_bytes,
        instructions=cost.instructions if cost else None,
        cycles=cost.cycles if cost else None,
        layers=layers,
        kernels=_kernels(run, program),
        notes=tuple(notes) if cost else ("the target has no cost table to count cycles with",),
    )


def hardware_measures(hardware: Hardware, layers: Sequence[int]) -> Measured:
    """Return the figures of an engine, which follow from its commands."""
    return Measured(
        cycles=hardware.cycles,
        layers=tuple((None, cycles) for cycles in layers),
        notes=("cycles are those of the engine where the streams never wait",),
    )


def _kernels(run: TargetRun, program: Program) -> tuple[KernelCode, ...]:
    """Return the code of each kernel, the largest first."""
    users: dict[str, int] = {}
    for layer in program.layers:
        for name in {layer.function.name, *(part.name for part in layer.function.parts)}:
            users[name] = users.get(name, 0) + 1
    sizes = kernel_bytes(run.facts.functions, program)
    found = [KernelCode(name, size, users.get(name, 0)) for name, size in sizes.items() if size]
    return tuple(sorted(found, key=lambda kernel: (-kernel.code_bytes, kernel.name)))


def _layer_costs(run: TargetRun, names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Return instructions and cycles of each layer; () where not each is a function."""
    layers = run.run.cost.layers if run.run.cost else ()
    costs = {cost.name: (cost.instructions, cost.cycles) for cost in layers}
    return tuple(costs[name] for name in names) if costs.keys() >= set(names) else ()


def make_report(
    options: Options,
    digest: str,
    target: Target,
    schedule: Schedule,
    plan: MemoryPlan,
    goal: RamGoal,
    program: Program,
    calibration: Calibration,
    savings: Savings,
    measured: Measured,
    agreement: Agreement | None = None,
    checks: Sequence[Check] = (),
    notes: Sequence[str] = (),
    costs: MemoryCosts | None = None,
) -> Report:
    """Return the report of one emitted network. `digest` identifies the model's content."""
    interface = program.interface
    totals = _totals(schedule, plan, interface, measured, costs)
    return Report(
        generator=f"codegen {__version__}",
        model=options.model_name,
        model_digest=digest,
        target=target.name,
        clock_hz=target.clock_hz,
        calibration=calibration,
        savings=savings,
        kernels=measured.kernels,
        pdu_payload_bytes=options.pdu_payload_bytes,
        interface=interface,
        ram=RamBudget(options.ram_bytes, goal.limit_bytes, goal.least),
        totals=totals,
        layers=_layers(schedule, plan, program, measured, options.pdu_payload_bytes, costs),
        memories=costs.memories if costs else (),
        agreement=agreement,
        checks=tuple(checks),
        notes=(
            *measured.notes,
            *notes,
            *((NOT_SYNTHESIZED,) if target.is_hls else ()),
            *coding_notes(schedule),
            *wide_notes(schedule),
            *_plan_notes(plan),
            *fit_notes(totals, target, costs),
        ),
    )


def _plan_notes(plan: MemoryPlan) -> Iterator[str]:
    """Say where a smaller arena was looked for, but not to the end."""
    if plan.stopped_early:
        yield (
            f"the search for a smaller arena stopped early, at its limit of {SEARCH_STEPS:,} steps"
        )


def wide_notes(schedule: Schedule) -> Iterator[str]:
    """Say which values have 16 bits in a network of 8."""
    types = schedule.graph.types
    made = [step.node for step in schedule.steps if types[step.node.output].quant is not None]
    wide = [node.output for node in made if types[node.output].is_int16]
    if 0 < len(wide) < len(made):
        yield f"16 bits: {', '.join(name for name in wide if not name.endswith(SUFFIX))}"


def fit_notes(
    totals: Totals | BundleTotals, target: Target, costs: MemoryCosts | None = None
) -> Iterator[str]:
    """Say where what was emitted is too large for the target's typical part.

    What was spread over several memories has room in each.
    """
    kinds = Counter(memory.kind for memory in costs.memories) if costs else Counter[str]()
    for kind, what, needed in (
        ("ram", "arena", totals.arena_bytes),
        ("flash", "code and weights", totals.flash_bytes),
    ):
        memories = [memory for memory in target.on_chip if memory.kind == kind and not kinds[kind]]
        largest = max(memories, key=lambda memory: memory.size_bytes, default=None)
        if largest is not None and needed is not None and needed > largest.size_bytes:
            yield (
                f"{needed:,} bytes of {what} are more than the {largest.name} of the {target.part}"
                f" has ({largest.size_bytes:,})"
            )
    used = {memory.name: memory.used_bytes for memory in costs.memories} if costs else {}
    if kinds["flash"] and totals.code_bytes is not None:
        home = target.memory("flash")
        needed = totals.code_bytes + used.get(home.name, 0)
        if needed > home.size_bytes:
            yield f"{needed:,} bytes of code and weights are more than {home.name} has"


def _totals(
    schedule: Schedule,
    plan: MemoryPlan,
    interface: Interface,
    measured: Measured,
    costs: MemoryCosts | None,
) -> Totals:
    graph = schedule.graph
    return Totals(
        macs=sum(_macs(graph, step) for step in schedule.steps),
        params=sum(graph.types[name].elements for name in graph.constants),
        arena_bytes=interface.arena_bytes,
        arena_lower_bound_bytes=plan.lower_bound_bytes,
        input_bytes=sum(port.size_bytes for port in interface.inputs),
        output_bytes=sum(port.size_bytes for port in interface.outputs),
        weights_bytes=measured.weights_bytes,
        code_bytes=measured.code_bytes,
        flash_bytes=measured.flash_bytes,
        stack_bytes=measured.stack_bytes,
        instructions=measured.instructions,
        cycles=measured.cycles,
        lost_cycles=costs.lost_cycles if costs else None,
        lost_cycles_lower_bound=costs.lower_bound if costs else None,
    )


def _layers(
    schedule: Schedule,
    plan: MemoryPlan,
    program: Program,
    measured: Measured,
    payload_bytes: int,
    costs: MemoryCosts | None,
) -> tuple[LayerReport, ...]:
    counts = measured.layers or ((None, None),) * len(schedule.steps)
    rows = []
    held = stored_weights(schedule, program)
    for time, (step, stored, (instructions, cycles)) in enumerate(
        zip(schedule.steps, held, counts, strict=True)
    ):
        output = schedule.graph.types[step.node.output]
        rows.append(
            LayerReport(
                name=step.node.loc.node or step.node.output,
                op=_operator(step).name,
                output_shape=output.shape,
                macs=_macs(schedule.graph, step),
                params=_params(schedule.graph, step),
                output_bytes=output.size_bytes,
                packets=count_packets(output.size_bytes, payload_bytes),
                kernel=step.kernel.name,
                family=step.kernel.family,
                live_bytes=_live_bytes(plan, time),
                instructions=instructions,
                cycles=cycles,
                lost_cycles=costs.layers[time] if costs else None,
                in_float=step.kernel.in_float,
                coding=stored.coding,
                weights_bytes=stored.weights_bytes,
                raw_weights_bytes=stored.raw_bytes,
                q_format=q_format(output),
            )
        )
    return tuple(rows)


def q_format(kind: TensorType) -> str | None:
    """Return the Qm.n of a value; None of one that has none."""
    return None if kind.quant is None or kind.is_plain else kind.quant.q_format or None


def _operator(step: Step) -> Op:
    """Return the operator of a layer, whether it computes in integers or in floats."""
    return step.node.op.op if isinstance(step.node.op, InFloat) else step.node.op


def _macs(graph: Graph, step: Step) -> int:
    return step.node.op.macs(graph.signature(step.node))


def _params(graph: Graph, step: Step) -> int:
    constants = {name for name in step.node.inputs if name in graph.constants}
    return sum(graph.types[name].elements for name in constants)


def _live_bytes(plan: MemoryPlan, time: int) -> int:
    return int(plan.live_bytes()[np.asarray(plan.steps) == time].max())
