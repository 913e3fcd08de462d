"""The check on tokens passes right plans and rejects every mutated one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from codegen.errors import VerificationFailed
from codegen.ir.interface import Transfer
from codegen.ir.memory import MemoryPlan
from codegen.ir.program import Program
from codegen.ir.schedule import SINK, Schedule
from codegen.lower import lower
from codegen.plan.lifetimes import STATE
from codegen.plan.stream import schedule_and_plan
from codegen.verify import check_memory
from tests.emit.network import every_operator
from tests.ops.harness import ARM_DSP


def lowered(schedule: Schedule, plan: MemoryPlan) -> Program:
    return lower(schedule, plan, "net", target="test", model="test", digest="0" * 8)


@pytest.fixture(scope="module")
def planned() -> tuple[Schedule, MemoryPlan]:
    """The network of every operator, streamed."""
    return schedule_and_plan(every_operator(), ARM_DSP)


def test_the_plan_passes(planned: tuple[Schedule, MemoryPlan]) -> None:
    schedule, plan = planned
    program = lowered(schedule, plan)
    assert check_memory(program, schedule) == sum(layer.rows for layer in program.layers)


def test_a_ring_one_row_too_short_is_found(planned: tuple[Schedule, MemoryPlan]) -> None:
    schedule, plan = planned
    rings = [
        value
        for value, kept in schedule.rows_kept.items()
        if 1 < kept < schedule.graph.types[value].rows
    ]
    assert rings
    for value in rings:
        kept = {**schedule.rows_kept, value: schedule.rows_kept[value] - 1}
        short = replace(schedule, rows_kept=kept)
        with pytest.raises(VerificationFailed, match="memory plan is wrong"):
            check_memory(lowered(short, plan), short)


@pytest.fixture(scope="module")
def pushed() -> tuple[Schedule, MemoryPlan]:
    """The image branch of that network, rows in and rows out."""
    graph = every_operator()
    graph = graph.with_nodes(graph.nodes, outputs=("a1",))
    return schedule_and_plan(graph, ARM_DSP, Transfer("rows", "rows"))


def test_the_state_between_rows_moved_onto_a_value_is_found(
    pushed: tuple[Schedule, MemoryPlan],
) -> None:
    schedule, plan = pushed
    check_memory(lowered(schedule, plan), schedule)
    values = [buffer.name for buffer in plan.buffers if buffer.values and buffer.live.any()]
    for value in values:
        moved = replace(plan, offsets={**plan.offsets, STATE: plan.offsets[value]})
        with pytest.raises(VerificationFailed):
            check_memory(lowered(schedule, moved), schedule)


def test_an_output_of_which_a_row_is_missing_is_found(
    pushed: tuple[Schedule, MemoryPlan],
) -> None:
    schedule, plan = pushed
    program = lowered(schedule, plan)
    last = next(nest for nest in program.nests if nest.layers[-1].output_base == SINK)
    fewer = replace(last.layers[-1], rows=last.layers[-1].rows - 1)
    short = replace(last, layers=(*last.layers[:-1], fewer))
    nests = tuple(short if nest is last else nest for nest in program.nests)
    with pytest.raises(VerificationFailed, match="not delivered"):
        check_memory(replace(program, nests=nests), schedule)


def test_a_buffer_moved_onto_another_is_found(planned: tuple[Schedule, MemoryPlan]) -> None:
    schedule, plan = planned
    found = 0
    for buffer in plan.buffers:
        for other in plan.buffers:
            onto = plan.offsets[other.name]
            both = ((buffer.live > 0) & (other.live > 0)).any()
            fits = onto + buffer.size_bytes <= plan.size_bytes
            if buffer is other or not both or not fits or onto == plan.offsets[buffer.name]:
                continue
            starts = onto + buffer.begin, onto + buffer.end
            ends = onto + other.begin, onto + other.end
            meets = (starts[0] < ends[1]) & (ends[0] < starts[1]) & (buffer.live * other.live > 0)
            if not meets.any():
                continue
            moved = replace(plan, offsets={**plan.offsets, buffer.name: onto})
            with pytest.raises(VerificationFailed):
                check_memory(lowered(schedule, moved), schedule)
            found += 1
    assert found > 5
