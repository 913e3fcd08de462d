"""The cycle estimate of blocks, against the timing tables of the cores."""

from __future__ import annotations

import pytest

from codegen.targets import load_target
from codegen.toolchain.cycles import instruction_cycles
from codegen.toolchain.instructions import Instruction, decode, make_disassembler
from codegen.toolchain.kinds import Kind

pytest.importorskip("capstone", reason="capstone is absent: pip install codegen-mcu[target]")

LDR, LDR_OTHER, STR = "0868", "4a68", "0860"
PUSH, POP, LDRD, LDMDB = "10b5", "10bd", "d2e90001", "13e90700"
MOVS, ADDS_R0, MUL, SDIV, SMULL = "0120", "8018", "4843", "91fbf2f0", "82fb0301"
RV_LW, RV_SW, RV_MUL, RV_MULH, RV_DIV = "03a50500", "23a0a500", "3305b502", "3315b502", "3345b502"
RV_C_ADDI, RV_C_LW = "0505", "8841"


@pytest.mark.parametrize(
    ("core", "block", "instructions", "cycles"),
    [
        ("cortex-m4", [LDR], 1, 2),
        ("cortex-m4", [LDR, LDR_OTHER, MUL], 3, 2 + 1 + 1),
        ("cortex-m4", [STR, LDR], 2, 1 + 1),
        ("cortex-m4", [LDR, MOVS, LDR], 3, 2 + 1 + 2),
        ("cortex-m4", [PUSH, MOVS, POP], 3, 3 + 1 + 3),
        ("cortex-m4", [LDRD, LDMDB], 2, 3 + 4),
        ("cortex-m4", [SDIV, SMULL], 2, 7 + 1),
        ("cortex-m3", [SMULL], 1, 4),
        ("cortex-m0plus", [LDR, STR, MUL], 3, 2 + 2 + 1),
        ("cortex-m33", [LDR, ADDS_R0], 2, 1 + 1 + 1),
        ("cortex-m33", [LDR, MOVS], 2, 1 + 1),
        ("rv32imc", [RV_LW, RV_SW], 2, 4),
        ("rv32imc", [RV_C_LW, RV_C_ADDI], 2, 3),
        ("rv32imc", [RV_MUL, RV_MULH, RV_DIV], 3, 1 + 2 + 37),
        ("cortex-m4", ["dede"], 1, 1),
    ],
)
def test_block(core: str, block: list[str], instructions: int, cycles: int) -> None:
    found, taken = estimate(core, block)
    assert len(found) == instructions
    assert sum(taken) == cycles


@pytest.mark.parametrize(
    ("core", "before", "first", "cycles"),
    [
        ("cortex-m4", LDR_OTHER, LDR, 1),
        ("cortex-m4", STR, LDR, 1),
        ("cortex-m4", MOVS, LDR, 2),
        ("cortex-m4", LDRD, LDR, 2),
        ("cortex-m33", LDR, ADDS_R0, 2),
    ],
)
def test_a_block_that_goes_on_after_an_instruction(
    core: str, before: str, first: str, cycles: int
) -> None:
    (previous,), _ = estimate(core, [before])
    _, taken = estimate(core, [first], previous)
    assert taken == (cycles,)


def estimate(
    core: str, block: list[str], previous: Instruction | None = None
) -> tuple[tuple[Instruction, ...], tuple[int, ...]]:
    target = load_target(core)
    assert target.cycles is not None
    code = bytes.fromhex("".join(block))
    found = decode(code, 0x1000, target, make_disassembler(target))
    return found, instruction_cycles(found, previous, target.cycles)


@pytest.mark.parametrize(
    ("core", "code", "mnemonic", "kind", "target"),
    [
        ("cortex-m4", "22fb0130", "smlad", Kind.ACCUMULATE, None),
        ("cortex-m4", "53fb0120", "smmla", Kind.MULTIPLY_LONG, None),
        ("cortex-m4", "c3fb8210", "smlalbb", Kind.MULTIPLY_LONG, None),
        ("cortex-m4", "00fb0120", "mla", Kind.ACCUMULATE, None),
        ("cortex-m4", "10fb01f0", "smulbb", Kind.MULTIPLY, None),
        ("cortex-m4", "fed1", "bne", Kind.BRANCH, 0x1000),
        ("cortex-m4", "3ff4feaf", "beq", Kind.BRANCH, 0x1000),
        ("cortex-m4", "00f000f8", "bl", Kind.BRANCH, None),
        ("cortex-m4", "7047", "bx", Kind.BRANCH, None),
        ("cortex-m4", "20ea0100", "bic", Kind.ALU, None),
        ("cortex-m4", "08b1", "cbz", Kind.BRANCH, 0x1006),
        ("cortex-m4", "d0e80100", ".inst", Kind.ALU, None),
        ("cortex-m4", "dfe801f0", "tbb", Kind.BRANCH, None),
        ("cortex-m4", "bcbf", "itt", Kind.ALU, None),
        ("cortex-m4", "50f8041b", "ldr", Kind.LOAD, None),
        ("rv32imc", "e31eb5fe", "bne", Kind.BRANCH, 0x0FFC),
        ("rv32imc", "f5fd", "c.bnez", Kind.BRANCH, 0x0FFC),
        ("rv32imc", "ef008000", "jal", Kind.BRANCH, None),
        ("rv32imc", "6f008000", "j", Kind.BRANCH, 0x1008),
        ("rv32imc", "8280", "c.jr", Kind.BRANCH, None),
    ],
)
def test_what_an_instruction_is(
    core: str, code: str, mnemonic: str, kind: Kind, target: int | None
) -> None:
    ((found,), _) = estimate(core, [code])
    assert (found.mnemonic, found.kind, found.target) == (mnemonic, kind, target)


@pytest.mark.parametrize(
    ("code", "words"),
    [("10b5", 2), ("d2e90001", 2), ("2ded108b", 16), ("2ded088a", 8)],
    ids=["push", "ldrd", "vpush of doubles", "vpush of singles"],
)
def test_words_of_multiple_transfers(code: str, words: int) -> None:
    ((found,), taken) = estimate("cortex-m4", [code])
    assert (found.transfers, taken) == (words, (1 + words,))
