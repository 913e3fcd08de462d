"""Cycles a straight run of instructions takes, from the cost table of a target."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from codegen.targets import Cycles, Target
from codegen.toolchain.tools import import_package


class Kind(Enum):
    """What an instruction keeps busy; the values are fields of `Cycles`."""

    ALU = "alu"
    LOAD = "load"
    STORE = "store"
    MULTIPLE = "multiple"
    MULTIPLY = "multiply"
    MULTIPLY_LONG = "multiply_long"
    DIVIDE = "divide"


ARM_KINDS = (
    (r"ldm|stm|push|pop|ldrd|strd|vpush|vpop|vldm|vstm", Kind.MULTIPLE),
    (r"ldr|vldr", Kind.LOAD),
    (r"str(?!ex)|vstr", Kind.STORE),
    (r"[us]div", Kind.DIVIDE),
    (r"[us]mull|[us]mlal|umaal|sml[as]ld|smm", Kind.MULTIPLY_LONG),
    (r"mul|ml[as]|sm[ul]|usad", Kind.MULTIPLY),
)
RISCV_KINDS = (
    (r"(c\.)?l(b|h|w|bu|hu|wsp)$", Kind.LOAD),
    (r"(c\.)?s(b|h|w|wsp)$", Kind.STORE),
    (r"mulh", Kind.MULTIPLY_LONG),
    (r"mul", Kind.MULTIPLY),
    (r"div|rem", Kind.DIVIDE),
)
SINGLE = (Kind.LOAD, Kind.STORE)
MEMORY = (Kind.LOAD, Kind.STORE, Kind.MULTIPLE)
MULTIPLIER = (Kind.MULTIPLY, Kind.MULTIPLY_LONG)
RISCV_REGISTER = re.compile(r"\b(?:zero|ra|[sgt]p|[ast]\d+)\b")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction as the cost table sees it. `transfers`: registers a MULTIPLE moves."""

    kind: Kind
    reads: frozenset[str]
    writes: frozenset[str]
    transfers: int = 0


def count_instructions(code: bytes, target: Target) -> int:
    """Return the number of Thumb or RISC-V instructions in `code`, a whole number of them."""
    return sum(1 for _ in _lengths(code, target.is_arm))


def estimate_cycles(code: bytes, target: Target, disassembler: Any) -> int:
    """Return the cycles of a block, none of whose branches is taken."""
    assert target.cycles is not None, "a target without a cost table"
    instructions = decode(code, target, disassembler)
    if target.cycles.issue == 2:
        return _dual_issue(instructions, target.cycles)
    return _single_issue(instructions, target.cycles)


def make_disassembler(target: Target) -> Any:
    """Return a capstone disassembler for the target; raises MissingTool."""
    capstone = import_package("capstone")
    if target.is_arm:
        engine = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
    else:
        mode = capstone.CS_MODE_RISCV32 | capstone.CS_MODE_RISCVC
        engine = capstone.Cs(capstone.CS_ARCH_RISCV, mode)
    engine.detail = True
    return engine


def decode(code: bytes, target: Target, disassembler: Any) -> tuple[Instruction, ...]:
    """Return what the cost table needs of each instruction; unknown ones are plain ALU ones."""
    arm = target.is_arm
    found, at = [], 0
    for length in _lengths(code, arm):
        piece = code[at : at + length]
        at += length
        decoded = next(disassembler.disasm(piece, 0, 1), None)
        if decoded is None:
            found.append(Instruction(Kind.ALU, frozenset(), frozenset()))
        else:
            found.append(_arm(decoded) if arm else _riscv(decoded))
    return tuple(found)


def _arm(decoded: Any) -> Instruction:
    kind = _kind(decoded.mnemonic, ARM_KINDS)
    reads, writes = (frozenset(map(decoded.reg_name, regs)) for regs in decoded.regs_access())
    if kind is not Kind.MULTIPLE:
        return Instruction(kind, reads, writes)
    pair = decoded.mnemonic.startswith(("ldrd", "strd"))
    transfers = 2 if pair else decoded.op_str.partition("{")[2].count(",") + 1
    return Instruction(kind, reads, writes, transfers)


def _riscv(decoded: Any) -> Instruction:
    kind = _kind(decoded.mnemonic, RISCV_KINDS)
    registers = RISCV_REGISTER.findall(decoded.op_str)
    no_result = kind is Kind.STORE or decoded.mnemonic.removeprefix("c.").startswith("b")
    if no_result:
        return Instruction(kind, frozenset(registers), frozenset())
    compressed = decoded.mnemonic.startswith("c.") and kind is Kind.ALU
    reads = registers if compressed else registers[1:]
    return Instruction(kind, frozenset(reads), frozenset(registers[:1]))


def _kind(mnemonic: str, kinds: Sequence[tuple[str, Kind]]) -> Kind:
    return next((kind for pattern, kind in kinds if re.match(pattern, mnemonic)), Kind.ALU)


def _single_issue(instructions: Sequence[Instruction], table: Cycles) -> int:
    total = 0
    previous: Instruction | None = None
    for instruction in instructions:
        total += _cost(instruction, previous, table) + _stall(instruction, previous, table)
        previous = instruction
    return total


def _dual_issue(instructions: Sequence[Instruction], table: Cycles) -> int:
    total, at = 0, 0
    previous: Instruction | None = None
    while at < len(instructions):
        first = instructions[at]
        total += _stall(first, previous, table)
        cost = _cost(first, previous, table)
        at += 1
        previous = first
        if at < len(instructions) and _pairs(first, instructions[at]):
            cost = max(cost, _cost(instructions[at], first, table))
            previous = instructions[at]
            at += 1
        total += cost
    return total


def _cost(instruction: Instruction, previous: Instruction | None, table: Cycles) -> int:
    kind = instruction.kind
    if kind is Kind.MULTIPLE:
        return table.multiple + instruction.transfers
    if kind in SINGLE and previous is not None and previous.kind in SINGLE:
        return table.load_pipelined if kind is Kind.LOAD else table.store_pipelined
    cost: int = getattr(table, kind.value)
    return cost


def _stall(instruction: Instruction, previous: Instruction | None, table: Cycles) -> int:
    if previous is None or previous.kind is not Kind.LOAD:
        return 0
    return table.load_use if instruction.reads & previous.writes else 0


def _pairs(first: Instruction, second: Instruction) -> bool:
    """Both may start in the same cycle."""
    if Kind.MULTIPLE in (first.kind, second.kind) or Kind.DIVIDE in (first.kind, second.kind):
        return False
    shared = (MEMORY, MULTIPLIER)
    if any(first.kind in unit and second.kind in unit for unit in shared):
        return False
    return not first.writes & (second.reads | second.writes)


def _lengths(code: bytes, arm: bool) -> Iterator[int]:
    """Yield the length of each instruction in bytes, from its first halfword."""
    at = 0
    while at < len(code):
        wide = code[at + 1] >> 3 in (0b11101, 0b11110, 0b11111) if arm else code[at] & 3 == 3
        yield 4 if wide else 2
        at += 4 if wide else 2
