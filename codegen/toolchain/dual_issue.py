"""Cycles of straight code on a core that starts two instructions together, as Cortex-M7 does.

Arm publishes no timings. The rules are those that others measured on parts: docs/targets.md tells
them with their sources, and how far off published times of whole networks they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from codegen.targets import Cycles
from codegen.toolchain.instructions import Instruction
from codegen.toolchain.kinds import Kind

MULTIPLIER = (Kind.ACCUMULATE, Kind.MULTIPLY, Kind.MULTIPLY_LONG)
ALONE = (Kind.MULTIPLE, Kind.DIVIDE)
SIMPLE = re.compile(r"(add|sub|mov)[sw]?$")
"""Done early enough for the other of a pair to use, unless they shift."""
PARALLEL = re.compile(
    r"[us]xt|[us]bfx|bf[ic]|pkh|rev|rbit|clz|[us]?sat|[us]?(sub|add)(8|16)|sel|q(add|sub)|ssub"
)
"""Instructions on bit fields and on lanes: one a pair, the first."""
EARLY = re.compile(r"[us]bfx|bf[ic]|pkh|rev|rbit|[us]xta")
"""Those that take an operand a cycle earlier, as all do that shift one."""
SHORT_LOAD = re.compile(r"ldrs?[bh]")


@dataclass(frozen=True, slots=True)
class _Issued:
    """An instruction, and the cycle it started in."""

    instruction: Instruction
    cycle: int


def dual_issue_cycles(
    instructions: Sequence[Instruction], previous: Instruction | None, table: Cycles
) -> tuple[int, ...]:
    """Return what each instruction adds to the cycles of a block: nothing, if it is the second.

    previous: the one that started in the cycle before the block; None after a jump.
    """
    writers: dict[str, _Issued] = {}
    if previous is not None:
        writers = dict.fromkeys(previous.writes, _Issued(previous, -1))
    found: list[int] = []
    now = 0
    while len(found) < len(instructions):
        group = _group(instructions, len(found), writers, now, table)
        start = max(_ready(instruction, writers, table) for instruction in group)
        start = max(start, now)
        end = start + max(_cycles(instruction, table) for instruction in group)
        for instruction in group:
            writers |= dict.fromkeys(instruction.writes, _Issued(instruction, end - 1))
        found += (end - now, *(0 for _ in group[1:]))
        now = end
    return tuple(found)


def _group(
    instructions: Sequence[Instruction],
    at: int,
    writers: dict[str, _Issued],
    now: int,
    table: Cycles,
) -> tuple[Instruction, ...]:
    """Return what starts together at a place: two where they may and both have their operands."""
    first, *rest = instructions[at : at + 2]
    if not rest or not _pairs(first, rest[0]):
        return (first,)
    start = max(now, _ready(first, writers, table))
    return (first, rest[0]) if _ready(rest[0], writers, table) <= start else (first,)


def _cycles(instruction: Instruction, table: Cycles) -> int:
    match instruction.kind:
        case Kind.MULTIPLE:
            return table.multiple + -(-instruction.transfers // table.issue)
        case Kind.DIVIDE:
            return table.divide
        case _:
            return 1


def _ready(instruction: Instruction, writers: dict[str, _Issued], table: Cycles) -> int:
    """Return the first cycle in which all that an instruction reads is there."""
    cycles = [
        writers[register].cycle
        + 1
        + _wait(writers[register].instruction, instruction, register, table)
        for register in instruction.reads
        if register in writers
    ]
    return max(cycles, default=0)


def _wait(writer: Instruction, reader: Instruction, register: str, table: Cycles) -> int:
    """Return the cycles between the one in which a register is written and its use."""
    if register == reader.accumulator or _stores(reader, register):
        return 0
    if writer.kind in MULTIPLIER:
        return 1
    if writer.kind is Kind.LOAD and register in writer.addresses:
        return 0
    if writer.kind is Kind.LOAD:
        early = reader.shifts or (reader.kind is Kind.ALU and EARLY.match(reader.mnemonic))
        late = reader.kind in (Kind.ALU, Kind.BRANCH) and not early
        return 0 if late and not SHORT_LOAD.match(writer.mnemonic) else table.load_use
    return 1 if _is_parallel(writer) and register in reader.addresses else 0


def _pairs(first: Instruction, second: Instruction) -> bool:
    """Both may start in the same cycle, once their operands are there."""
    kinds = (first.kind, second.kind)
    if any(kind in ALONE for kind in kinds) or kinds == (Kind.STORE, Kind.STORE):
        return False
    if first.kind in MULTIPLIER and second.kind in (*MULTIPLIER, Kind.STORE):
        return False
    if first.kind is Kind.STORE and second.kind in MULTIPLIER:
        return False
    if _is_parallel(second) or (_uses_shifter(first) and _uses_shifter(second)):
        return False
    shared = first.writes & (second.reads | second.writes) - {"cpsr"}
    if second.kind is Kind.STORE:
        return not shared & second.addresses
    is_early = bool(SIMPLE.match(first.mnemonic)) and not first.shifts
    return not shared or (is_early and second.kind is Kind.ALU and not second.shifts)


def _stores(instruction: Instruction, register: str) -> bool:
    return instruction.kind is Kind.STORE and register not in instruction.addresses


def _is_parallel(instruction: Instruction) -> bool:
    return instruction.kind is Kind.ALU and bool(PARALLEL.match(instruction.mnemonic))


def _uses_shifter(instruction: Instruction) -> bool:
    return instruction.shifts or _is_parallel(instruction)
