"""Cycles a straight run of instructions takes, from the cost table of a target."""

from __future__ import annotations

from collections.abc import Sequence

from codegen.targets import Cycles
from codegen.toolchain.dual_issue import dual_issue_cycles
from codegen.toolchain.instructions import Instruction
from codegen.toolchain.kinds import Kind

SINGLE = (Kind.LOAD, Kind.STORE)


def instruction_cycles(
    instructions: Sequence[Instruction], previous: Instruction | None, table: Cycles
) -> tuple[int, ...]:
    """Return what each instruction of a block takes where none of its branches is taken.

    previous: the one executed right before, None after a jump. Of two that start together the
    first is given the cycles of both.
    """
    if table.issue == 2:
        return dual_issue_cycles(instructions, previous, table)
    return _single_issue(instructions, previous, table)


def _single_issue(
    instructions: Sequence[Instruction], previous: Instruction | None, table: Cycles
) -> tuple[int, ...]:
    found = []
    for instruction in instructions:
        found.append(_cost(instruction, previous, table) + _stall(instruction, previous, table))
        previous = instruction
    return tuple(found)


def _cost(instruction: Instruction, previous: Instruction | None, table: Cycles) -> int:
    kind = instruction.kind
    after_single = previous is not None and previous.kind in SINGLE
    match kind:
        case Kind.MULTIPLE:
            return table.multiple + instruction.transfers
        case Kind.LOAD:
            return table.load_pipelined if after_single else table.load
        case Kind.STORE:
            return table.store_pipelined if after_single else table.store
        case Kind.MULTIPLY_LONG:
            return table.multiply_long
        case Kind.ACCUMULATE | Kind.MULTIPLY:
            return table.multiply
        case Kind.DIVIDE:
            return table.divide
        case Kind.VECTOR_MEMORY | Kind.VECTOR:
            other = {Kind.VECTOR: Kind.VECTOR_MEMORY, Kind.VECTOR_MEMORY: Kind.VECTOR}[kind]
            follows = previous is not None and previous.kind is other
            return table.vector_overlapped if follows else table.vector
        case Kind.BRANCH | Kind.ALU:
            return table.alu


def _stall(instruction: Instruction, previous: Instruction | None, table: Cycles) -> int:
    if previous is None or previous.kind is not Kind.LOAD:
        return 0
    return table.load_use if instruction.reads & previous.writes else 0
