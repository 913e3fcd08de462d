"""Lower into chosen memories of a target: arenas and constants where accesses cost least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from codegen.ir.engine import Shape
from codegen.ir.memory import MemoryPlan
from codegen.ir.program import Program
from codegen.ir.report import MemoryCosts, MemoryUse
from codegen.ir.schedule import Schedule
from codegen.lower import lower
from codegen.plan.accesses import Access, arena_accesses, constant_accesses, lost_cycles
from codegen.plan.spread import Spread, spread_arena, spread_constants
from codegen.targets import Memory


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A plan and a program in their memories, and what these cost; `costs` is None if none was."""

    plan: MemoryPlan
    program: Program
    costs: MemoryCosts | None


def lower_into(
    memories: Sequence[Memory],
    schedule: Schedule,
    plan: MemoryPlan,
    name: str,
    *,
    target: str,
    model: str,
    digest: str,
    library: str = "",
    beside: Sequence[Program] = (),
    compact: bool = False,
    engine: Shape | None = None,
) -> Placed:
    """Return the program with arenas in the memories of RAM, and constants in those of flash.

    A kind of which there is none, or only one, has one arena, or one place for constants. Raises
    DoesNotFit where there is no room, and as `lower` does.
    """
    ram, flash = ([m for m in memories if m.kind == kind] for kind in ("ram", "flash"))
    found: list[tuple[Spread, tuple[Access, ...]]] = []
    if ram:
        accesses = arena_accesses(schedule)
        plan, spread = spread_arena(plan, accesses, ram)
        found.append((spread, accesses))
    program = lower(
        schedule,
        plan,
        name,
        target=target,
        model=model,
        digest=digest,
        library=library,
        beside=beside,
        compact=compact,
        engine=engine,
    )
    if flash:
        accesses = constant_accesses(schedule, program)
        program, spread = spread_constants(program, accesses, flash)
        program = replace(program, interface=replace(program.interface, sections=_used(program)))
        found.append((spread, accesses))
    return Placed(plan, program, _costs(memories, found, len(schedule.steps)) if found else None)


def _used(program: Program) -> tuple[str, ...]:
    """Return the memories that hold constants, in the order of the first in each."""
    return tuple(dict.fromkeys(c.memory for c in program.constants if c.memory))


def _costs(
    memories: Sequence[Memory], found: Sequence[tuple[Spread, tuple[Access, ...]]], steps: int
) -> MemoryCosts:
    layers = [0.0] * steps
    by_memory = dict.fromkeys((memory.name for memory in memories), 0.0)
    for spread, accesses in found:
        by_step, _ = lost_cycles(accesses, spread.homes, steps)
        layers = [sum(pair) for pair in zip(layers, by_step, strict=True)]
        for access in accesses:
            if (home := spread.homes.get(access.name)) is not None:
                by_memory[home.name] += access.cycles(home)
    used = {name: size for spread, _ in found for name, size in spread.used_bytes.items()}
    return MemoryCosts(
        memories=tuple(
            MemoryUse(m.name, m.kind, m.size_bytes, used.get(m.name, 0), round(by_memory[m.name]))
            for m in memories
        ),
        layers=tuple(round(cycles) for cycles in layers),
        lost_cycles=round(sum(spread.lost_cycles for spread, _ in found)),
        lower_bound=round(sum(spread.bound_cycles for spread, _ in found)),
    )
