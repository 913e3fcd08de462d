"""Plans in several memories: each has room for what is in it, and the cheap ones are used."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codegen.errors import DoesNotFit
from codegen.ir.graph import Graph
from codegen.ir.memory import MemoryPlan
from codegen.plan.accesses import arena_accesses, constant_accesses, lost_cycles
from codegen.plan.solve import schedule_and_plan
from codegen.plan.spread import Spread, spread_arena, spread_constants
from codegen.targets import Memory
from tests.emit.network import every_operator
from tests.ops.harness import GENERIC, program_of
from tests.plan.test_stream import networks

few = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


def memories(*parts: tuple[int, float], kind: str = "ram") -> tuple[Memory, ...]:
    """Memories of these sizes and costs, named m0, m1, ..."""
    return tuple(
        Memory(f"m{i}", kind, i << 28, size, cost, cost if kind == "ram" else 0.0)
        for i, (size, cost) in enumerate(parts)
    )


def assert_valid(plan: MemoryPlan, chosen: tuple[Memory, ...]) -> None:
    rooms = {memory.name: memory.size_bytes for memory in chosen}
    sizes = {arena.memory: arena.size_bytes for arena in plan.arenas}
    assert all(size <= rooms[name] for name, size in sizes.items())
    assert plan.size_bytes == sum(sizes.values())
    for buffer in plan.buffers:
        if buffer.size_bytes:
            end = plan.offsets[buffer.name] + buffer.size_bytes
            assert plan.offsets[buffer.name] >= 0 and end <= sizes[plan.homes[buffer.name]]
            assert plan.offsets[buffer.name] % buffer.align == 0
    for a, b in combinations(plan.buffers, 2):
        if plan.homes[a.name] == plan.homes[b.name]:
            x, y = plan.offsets[a.name], plan.offsets[b.name]
            both = (a.live > 0) & (b.live > 0)
            assert ((x + a.end <= y + b.begin) | (y + b.end <= x + a.begin) | ~both).all()


@few
@given(networks(), st.floats(0.0, 1.0), st.floats(0.0, 1.2))
def test_arenas_hold_what_is_in_them(graph: Graph, first: float, second: float) -> None:
    schedule, plan = schedule_and_plan(graph, GENERIC)
    accesses = arena_accesses(schedule)
    chosen = memories(
        (int(plan.size_bytes * second), 2.0),
        (int(plan.size_bytes * first), 0.0),
        (plan.size_bytes, 14.0),
    )
    spread, found = spread_arena(plan, accesses, chosen)
    assert_valid(spread, chosen)
    by_step, by_caller = lost_cycles(accesses, found.homes, len(schedule.steps))
    assert found.lost_cycles == pytest.approx(sum(by_step) + by_caller)
    assert found.bound_cycles <= found.lost_cycles
    for memory in chosen:
        if plan.size_bytes <= memory.size_bytes:
            alone = sum(access.cycles(memory) for access in accesses)
            assert found.lost_cycles <= alone * (1 + 1e-9)


def spread_every_operator(*parts: tuple[int, float]) -> tuple[MemoryPlan, Spread]:
    schedule, plan = schedule_and_plan(every_operator(), GENERIC)
    return spread_arena(plan, arena_accesses(schedule), memories(*parts))


def test_all_is_in_the_fastest_memory_that_holds_it() -> None:
    plan, found = spread_every_operator((1 << 20, 2.0), (1 << 20, 0.0))
    assert [arena.memory for arena in plan.arenas] == ["m1"]
    assert (found.lost_cycles, found.bound_cycles) == (0.0, 0.0)


def test_one_memory_leaves_the_plan_as_it_is() -> None:
    schedule, plan = schedule_and_plan(every_operator(), GENERIC)
    spread, found = spread_arena(plan, arena_accesses(schedule), memories((plan.size_bytes, 1.0)))
    assert spread is plan
    assert found.lost_cycles == found.bound_cycles > 0


def test_two_memories_hold_what_neither_does() -> None:
    _, plan = schedule_and_plan(every_operator(), GENERIC)
    size = plan.size_bytes * 3 // 4
    spread, _ = spread_every_operator((size, 0.0), (size, 2.0))
    assert len(spread.arenas) == 2
    assert_valid(spread, memories((size, 0.0), (size, 2.0)))


def test_no_room_for_the_arena() -> None:
    with pytest.raises(DoesNotFit, match=r"no room in m0 \(10\) and m1 \(20\)") as caught:
        spread_every_operator((10, 0.0), (20, 2.0))
    assert caught.value.exit_status == 4
    assert "live at once" in str(caught.value)


def test_constants_fill_the_fast_memory_with_what_is_read_most() -> None:
    graph = every_operator()
    schedule, plan = schedule_and_plan(graph, GENERIC)
    program = program_of(graph, GENERIC, (schedule, plan))
    accesses = constant_accesses(schedule, program)
    total = sum(constant.size_bytes for constant in program.constants)
    chosen = memories((total // 2, 1.0), (2 * total, 9.0), kind="flash")
    spread, found = spread_constants(program, accesses, chosen)
    used = {
        m.name: sum(-(-c.size_bytes // 4) * 4 for c in spread.constants if c.memory == m.name)
        for m in chosen
    }
    assert 0 < used["m0"] <= total // 2 and used["m1"] > 0
    assert found.bound_cycles <= found.lost_cycles
    slow = sum(access.cycles(chosen[1]) for access in accesses)
    assert found.lost_cycles < 0.7 * slow
    with pytest.raises(DoesNotFit, match="weights and tables take"):
        spread_constants(program, accesses, memories((99, 1.0), (100, 9.0), kind="flash"))


def test_placement_gaps_are_no_error() -> None:
    """Live bytes may fit where a placement has gaps: then less is put there."""
    schedule, plan = schedule_and_plan(every_operator(), GENERIC)
    accesses = arena_accesses(schedule)
    least = int(np.max([buffer.size_bytes for buffer in plan.buffers]))
    for size in range(least, plan.size_bytes, 50):
        chosen = memories((size, 0.0), (plan.size_bytes, 2.0))
        spread, _ = spread_arena(plan, accesses, chosen)
        assert_valid(spread, chosen)
