"""The cycle estimate of blocks, against the timing tables of the cores."""

from __future__ import annotations

import pytest

from codegen.targets import load_target
from codegen.toolchain.cycles import count_instructions, estimate_cycles, make_disassembler

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
        ("cortex-m7", [LDR, MOVS], 2, 2),
        ("cortex-m7", [LDR_OTHER, MOVS], 2, 1),
        ("cortex-m7", [MOVS, ADDS_R0], 2, 2),
        ("cortex-m7", [LDR_OTHER, STR], 2, 2),
        ("rv32imc", [RV_LW, RV_SW], 2, 4),
        ("rv32imc", [RV_C_LW, RV_C_ADDI], 2, 3),
        ("rv32imc", [RV_MUL, RV_MULH, RV_DIV], 3, 1 + 2 + 37),
        ("cortex-m4", ["dede"], 1, 1),
    ],
)
def test_block(core: str, block: list[str], instructions: int, cycles: int) -> None:
    target = load_target(core)
    code = bytes.fromhex("".join(block))
    assert count_instructions(code, target) == instructions
    assert estimate_cycles(code, target, make_disassembler(target)) == cycles
