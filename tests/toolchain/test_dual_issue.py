"""Which instructions start together on Cortex-M7, and how long results take."""

from __future__ import annotations

from pathlib import Path

import pytest

from codegen.bench import measure_model
from codegen.options import Options
from codegen.targets import load_target
from codegen.toolchain.cycles import instruction_cycles
from codegen.toolchain.instructions import decode, make_disassembler
from tests.toolchain.toy_network import needs_target_tools

pytestmark = needs_target_tools

LDR_R1, LDR_R2, LDRSB_R1 = "0168", "4268", "90f90010"
STR_R1, STR_R3, STR_AT_R1 = "4160", "4360", "0b60"
ADD_R1, ADD_R2_R1, ADD_R3 = "0131", "ca18", "0133"
ADDS_SHIFTED = "03eb4103"
MUL_R4, MUL_R5, SMLAD_R4 = "04fb04f4", "05fb05f5", "26fb0644"
SXTB16_R1, SXTB16_R3 = "2ffa81f1", "2ffa83f3"
PUSH_FOUR, SDIV_R7 = "0fb4", "97fbf7f7"


@pytest.mark.parametrize(
    ("block", "cycles"),
    [
        pytest.param([LDR_R1, ADD_R3], 1, id="independent"),
        pytest.param([LDR_R1, LDR_R2], 1, id="two loads"),
        pytest.param([STR_R1, STR_R3], 2, id="two stores"),
        pytest.param([LDR_R2, STR_R1], 1, id="a load and a store"),
        pytest.param([MUL_R4, MUL_R5], 2, id="two multiplications"),
        pytest.param([MUL_R4, STR_R1], 2, id="a multiplication and a store"),
        pytest.param([LDR_R1, STR_R1], 1, id="what was loaded is stored"),
        pytest.param([LDR_R1, STR_AT_R1], 3, id="what was loaded is an address"),
        pytest.param([LDR_R1, ADD_R1], 2, id="what was loaded is added to"),
        pytest.param([LDRSB_R1, ADD_R1], 3, id="a byte that was loaded is added to"),
        pytest.param([ADD_R1, ADD_R2_R1], 1, id="the first is plain"),
        pytest.param([SXTB16_R1, ADD_R2_R1], 2, id="the first is on lanes"),
        pytest.param([SXTB16_R1, ADD_R3], 1, id="lanes first"),
        pytest.param([ADD_R3, SXTB16_R1], 2, id="lanes second"),
        pytest.param([SXTB16_R1, SXTB16_R3], 2, id="lanes twice"),
        pytest.param([SXTB16_R1, ADDS_SHIFTED], 2, id="two that shift"),
        pytest.param([SMLAD_R4, SMLAD_R4], 2, id="accumulated at once"),
        pytest.param([MUL_R4, MUL_R4], 3, id="a product is a factor"),
        pytest.param([PUSH_FOUR, ADD_R3], 3, id="four words, alone"),
        pytest.param([SDIV_R7, ADD_R3], 8, id="a division, alone"),
    ],
)
def test_block(block: list[str], cycles: int) -> None:
    target = load_target("cortex-m7")
    assert target.cycles is not None
    code = bytes.fromhex("".join(block))
    found = decode(code, 0x1000, target, make_disassembler(target))
    assert len(found) == len(block)
    assert sum(instruction_cycles(found, None, target.cycles)) == cycles


def test_a_load_before_the_block_is_waited_for() -> None:
    target = load_target("cortex-m7")
    assert target.cycles is not None
    disassembler = make_disassembler(target)
    (load,) = decode(bytes.fromhex(LDRSB_R1), 0x1000, target, disassembler)
    found = decode(bytes.fromhex(ADD_R1), 0x1004, target, disassembler)
    assert instruction_cycles(found, load, target.cycles) == (2,)
    assert instruction_cycles(found, None, target.cycles) == (1,)


MEASURED = (0.48, 0.78)
"""Cycles of Cortex-M7 / Cortex-M4 in 40 pairs of published results, see docs/targets.md."""


@pytest.mark.parametrize("name", ["ad_autoencoder", "kws_dscnn"])
def test_networks_gain_what_published_engines_gain(shared_models: Path, name: str) -> None:
    options = Options(str(shared_models / f"mlperf_tiny_{name}_int8.onnx"), "cortex-m4")
    four, seven = measure_model(options, ("cortex-m4", "cortex-m7"), "zig")
    assert MEASURED[0] <= seven.cycles / four.cycles <= MEASURED[1]
