"""Machine code taken apart: what each instruction is, uses, and where it may go on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from codegen.targets import Target
from codegen.toolchain.helium import decode_helium
from codegen.toolchain.kinds import Kind
from codegen.toolchain.tools import import_package

ARM_CONDITION = "(eq|ne|cs|hs|cc|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)?"
ARM_KINDS = (
    (r"ldm|stm|push|pop|ldrd|strd|vpush|vpop|vldm|vstm", Kind.MULTIPLE),
    (r"ldr|vldr", Kind.LOAD),
    (r"str(?!ex)|vstr", Kind.STORE),
    (r"[us]div|vdiv", Kind.DIVIDE),
    (r"[us]mull|[us]mlal|umaal|sml[as]ld|smm", Kind.MULTIPLY_LONG),
    (r"ml[as]|sml[as]|usada8", Kind.ACCUMULATE),
    (r"mul|sm[ul]|usad", Kind.MULTIPLY),
    (rf"((b|bl|bx|blx){ARM_CONDITION}|cbn?z|tb[bh])$", Kind.BRANCH),
)
RISCV_KINDS = (
    (r"(c\.)?l(b|h|w|bu|hu|wsp)$", Kind.LOAD),
    (r"(c\.)?s(b|h|w|wsp)$", Kind.STORE),
    (r"mulh", Kind.MULTIPLY_LONG),
    (r"mul", Kind.MULTIPLY),
    (r"div|rem", Kind.DIVIDE),
    (r"(c\.)?(b(eq|ne|lt|ge|le|gt)(u|z)?|j|jr|jal|jalr|ret)$", Kind.BRANCH),
)
CALLS = re.compile(rf"blx?{ARM_CONDITION}$|(c\.)?jalr?$")
"""Branches that come back, but for RISC-V's jumps that keep no return address."""
RISCV_REGISTER = re.compile(r"\b(?:zero|ra|[sgt]p|[ast]\d+)\b")
WIDTH = re.compile(r"\.[nw]$")
"""What an assembler is told of the length of a Thumb instruction."""
UNKNOWN = ".inst"


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction as the cost table sees it, and where it may go on.

    `transfers`: words a MULTIPLE moves. `target`: where a branch goes within a function, if that
    is known. Of what it reads, `addresses` are registers that make an address, `accumulator` the
    one that products are added to. `shifts`: an operand is shifted on the way.
    """

    address: int
    size: int
    mnemonic: str
    kind: Kind
    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    transfers: int = 0
    target: int | None = None
    addresses: frozenset[str] = frozenset()
    accumulator: str | None = None
    shifts: bool = False

    @property
    def end(self) -> int:
        """The address after it."""
        return self.address + self.size


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


def decode(code: bytes, address: int, target: Target, disassembler: Any) -> tuple[Instruction, ...]:
    """Return the instructions of `code`, a whole number of them; unknown ones are plain ALU ones.

    An instruction that a condition may skip counts as one that is executed.
    """
    arm = target.is_arm
    found, at = [], 0
    for length in _lengths(code, arm):
        piece = code[at : at + length]
        helium = decode_helium(piece, address + at) if arm and length == 4 else None
        decoded = next(disassembler.disasm(piece, address + at, 1), None)
        if helium is not None:
            name, kind, goes_to = helium
            found.append(Instruction(address + at, length, name, kind, target=goes_to))
        elif decoded is None:
            found.append(Instruction(address + at, length, UNKNOWN, Kind.ALU))
        else:
            found.append(_arm(decoded) if arm else _riscv(decoded))
        at += length
    return tuple(found)


def _arm(decoded: Any) -> Instruction:
    mnemonic = WIDTH.sub("", decoded.mnemonic)
    kind = _kind(mnemonic, ARM_KINDS)
    reads, writes = (frozenset(map(decoded.reg_name, regs)) for regs in decoded.regs_access())
    operands = decoded.operands
    memory = import_package("capstone").arm.ARM_OP_MEM
    places = [operand.mem for operand in operands if operand.type == memory]
    adds = kind is Kind.ACCUMULATE or (kind is Kind.MULTIPLY_LONG and mnemonic.startswith("smml"))
    return Instruction(
        address=decoded.address,
        size=decoded.size,
        mnemonic=mnemonic,
        kind=kind,
        reads=reads,
        writes=writes,
        transfers=_transfers(mnemonic, decoded.op_str) if kind is Kind.MULTIPLE else 0,
        target=_branch_target(mnemonic, kind, decoded, base=0),
        addresses=frozenset(
            decoded.reg_name(register)
            for place in places
            for register in (place.base, place.index)
            if register
        ),
        accumulator=decoded.reg_name(operands[-1].reg) if adds else None,
        shifts=any(operand.shift.type for operand in operands if operand.type != memory),
    )


def _transfers(mnemonic: str, operands: str) -> int:
    """Return how many words a multiple load or store moves."""
    if mnemonic.startswith(("ldrd", "strd")):
        return 2
    registers = operands.partition("{")[2]
    return (registers.count(",") + 1) * (2 if registers.startswith("d") else 1)


def _riscv(decoded: Any) -> Instruction:
    mnemonic = decoded.mnemonic
    kind = _kind(mnemonic, RISCV_KINDS)
    registers = RISCV_REGISTER.findall(decoded.op_str)
    plain = mnemonic.removeprefix("c.")
    first = 0 if kind is Kind.STORE or plain.startswith("b") else 1
    compressed = mnemonic.startswith("c.") and kind is Kind.ALU
    return Instruction(
        address=decoded.address,
        size=decoded.size,
        mnemonic=mnemonic,
        kind=kind,
        reads=frozenset(registers if compressed else registers[first:]),
        writes=frozenset(registers[:first]),
        target=_branch_target(mnemonic, kind, decoded, base=decoded.address),
    )


def _branch_target(mnemonic: str, kind: Kind, decoded: Any, base: int) -> int | None:
    """Return where a branch that is no call goes; its last operand counts from `base`."""
    if kind is not Kind.BRANCH or CALLS.match(mnemonic) or not decoded.operands:
        return None
    capstone = import_package("capstone")
    last = decoded.operands[-1]
    return base + int(last.imm) if last.type == capstone.CS_OP_IMM else None


def _kind(mnemonic: str, kinds: Sequence[tuple[str, Kind]]) -> Kind:
    return next((kind for pattern, kind in kinds if re.match(pattern, mnemonic)), Kind.ALU)


def _lengths(code: bytes, arm: bool) -> Iterator[int]:
    """Yield the length of each instruction in bytes, from its first halfword."""
    at = 0
    while at < len(code):
        wide = code[at + 1] >> 3 in (0b11101, 0b11110, 0b11111) if arm else code[at] & 3 == 3
        yield 4 if wide else 2
        at += 4 if wide else 2
