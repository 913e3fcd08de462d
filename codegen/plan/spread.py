"""Spread a plan over several memories: buffers and constants to where their accesses cost least.

Whole buffers are assigned, with the values that live in them, then placed within their memories as
in a single arena. Live bytes may fit where a placement of them has gaps and does not: then there is
another attempt with so much less room in that memory.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from codegen.errors import DoesNotFit
from codegen.ir.memory import Arena, Bytes, MemoryPlan
from codegen.ir.program import Program
from codegen.plan.accesses import Access
from codegen.plan.assign import Assignment, Costs, assign
from codegen.plan.offsets import place
from codegen.targets import Memory

CONSTANT_ALIGN = 4
ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Spread:
    """The memory of each buffer or constant by its name, and the cycles lost to the memories.

    `used_bytes` are those taken of each memory, by its name. No assignment loses fewer cycles than
    `bound_cycles`.
    """

    homes: Mapping[str, Memory]
    used_bytes: Mapping[str, int]
    lost_cycles: float
    bound_cycles: float


def spread_arena(
    plan: MemoryPlan, accesses: Sequence[Access], memories: Sequence[Memory]
) -> tuple[MemoryPlan, Spread]:
    """Return the plan with an arena in each memory that is used; DoesNotFit where it has no room.

    Never costlier than all in one memory, where that fits. In a single memory the plan stays as it
    is, with one arena that has no name.
    """
    names = [buffer.name for buffer in plan.buffers]
    memories = _cheap_first(memories)
    costs = _costs(names, accesses, memories)
    live = np.stack([buffer.live for buffer in plan.buffers])
    best = assign(live, costs, _sizes(memories))
    found = [*_in_one(plan, memories), *_in_several(plan, best, live, costs, memories)]
    if not found:
        raise _arena_too_large(plan, memories)
    made = min(found, key=lambda each: _lost(each.homes, names, costs, memories))
    lost = _lost(made.homes, names, costs, memories)
    bound = min(best.bound, lost) if best else 0.0
    by_name = {memory.name: memory for memory in memories}
    homes = {name: by_name[made.homes[name]] for name in names}
    used = {arena.memory: arena.size_bytes for arena in made.arenas}
    return made if len(memories) > 1 else plan, Spread(homes, used, lost, bound)


def spread_constants(
    program: Program, accesses: Sequence[Access], memories: Sequence[Memory]
) -> tuple[Program, Spread]:
    """Return the program with a memory for each constant; DoesNotFit where they have no room.

    With a single memory the program stays as it is, with one place for all constants.
    """
    names = [constant.name for constant in program.constants]
    memories = _cheap_first(memories)
    costs = _costs(names, accesses, memories)
    sizes = [-(-c.size_bytes // CONSTANT_ALIGN) * CONSTANT_ALIGN for c in program.constants]
    found = assign(np.asarray(sizes, np.int64)[:, None], costs, _sizes(memories))
    if found is None:
        raise DoesNotFit(
            f"the weights and tables take {sum(sizes):,} bytes, which have no room in"
            f" {_described(memories)}",
            hint="name more memories, or take a smaller network",
        )
    homes = [memories[m] for m in found.memories]
    constants = tuple(
        replace(constant, memory=memory.name)
        for constant, memory in zip(program.constants, homes, strict=True)
    )
    used: Counter[str] = Counter()
    for memory, size in zip(homes, sizes, strict=True):
        used[memory.name] += size
    spread = Spread(dict(zip(names, homes, strict=True)), used, found.cost, found.bound)
    return replace(program, constants=constants) if len(memories) > 1 else program, spread


def _cheap_first(memories: Sequence[Memory]) -> list[Memory]:
    return sorted(memories, key=lambda m: (m.read_cycles + m.write_cycles, m.read_cycles))


def _sizes(memories: Sequence[Memory]) -> tuple[int, ...]:
    return tuple(memory.size_bytes for memory in memories)


def _costs(names: list[str], accesses: Sequence[Access], memories: Sequence[Memory]) -> Costs:
    """Return the cycles that each buffer or constant loses in each memory."""
    rows = {name: index for index, name in enumerate(names)}
    costs = np.zeros((len(names), len(memories)))
    for access in accesses:
        if access.name in rows:
            costs[rows[access.name]] += [access.cycles(memory) for memory in memories]
    return costs


def _lost(
    homes: Mapping[str, str], names: list[str], costs: Costs, memories: Sequence[Memory]
) -> float:
    columns = {memory.name: index for index, memory in enumerate(memories)}
    return float(sum(costs[i, columns[homes[name]]] for i, name in enumerate(names)))


def _in_one(plan: MemoryPlan, memories: Sequence[Memory]) -> Iterator[MemoryPlan]:
    """Yield the plan as it is in each memory that has room for it."""
    align = math.lcm(*(buffer.align for buffer in plan.buffers))
    for memory in memories:
        if plan.size_bytes <= memory.size_bytes:
            homes = {buffer.name: memory.name for buffer in plan.buffers}
            yield replace(plan, arenas=(Arena(memory.name, plan.size_bytes, align),), homes=homes)


def _in_several(
    plan: MemoryPlan,
    assigned: Assignment | None,
    live: Bytes,
    costs: Costs,
    memories: Sequence[Memory],
) -> Iterator[MemoryPlan]:
    """Yield the first placement of an assignment that fits, with less and less room assigned."""
    rooms = list(_sizes(memories))
    for _ in range(ATTEMPTS):
        if assigned is None:
            return
        parts = [_part(plan, assigned, m) for m in range(len(memories))]
        over = [max(0, p.size_bytes - m.size_bytes) for p, m in zip(parts, memories, strict=True)]
        if not any(over):
            yield _joined(plan, parts, memories)
            return
        rooms = [room - excess for room, excess in zip(rooms, over, strict=True)]
        assigned = assign(live, costs, tuple(rooms))


def _part(plan: MemoryPlan, assigned: Assignment, memory: int) -> MemoryPlan:
    """Return the placement of the buffers in one memory."""
    chosen = zip(plan.buffers, assigned.memories, strict=True)
    return place(tuple(buffer for buffer, home in chosen if home == memory), plan.steps)


def _joined(
    plan: MemoryPlan, parts: Sequence[MemoryPlan], memories: Sequence[Memory]
) -> MemoryPlan:
    """Return one plan of an arena for each part that is not empty."""
    used = [(p, m.name) for p, m in zip(parts, memories, strict=True) if p.size_bytes]
    return replace(
        plan,
        offsets={name: offset for part in parts for name, offset in part.offsets.items()},
        size_bytes=sum(part.size_bytes for part in parts),
        is_optimal=False,
        arenas=tuple(
            Arena(name, part.size_bytes, math.lcm(*(b.align for b in part.buffers)))
            for part, name in used
        ),
        homes={b.name: m.name for p, m in zip(parts, memories, strict=True) for b in p.buffers},
    )


def _arena_too_large(plan: MemoryPlan, memories: Sequence[Memory]) -> DoesNotFit:
    """Return the error, naming the values that bind."""
    time, binding = plan.peak()
    values = ", ".join(f"{buffer.name} ({buffer.live[time]:,})" for buffer in binding)
    return DoesNotFit(
        f"the {plan.size_bytes:,} bytes of the arena, in whole buffers, have no room in"
        f" {_described(memories)}",
        where=f"step {plan.steps[time]}, where these are live at once: {values}",
        hint="name more memories, or take a smaller --alpha or --resolution",
    )


def _described(memories: Sequence[Memory]) -> str:
    return " and ".join(f"{memory.name} ({memory.size_bytes:,})" for memory in memories)
