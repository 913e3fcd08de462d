"""What blocks and their executions add up to."""

from __future__ import annotations

import pytest

from codegen.targets import load_target
from codegen.toolchain import Loop
from codegen.toolchain.cost import OUTSIDE, Cost, Executed, Image, make_cost
from codegen.toolchain.elf import Function, Segment

pytest.importorskip("capstone", reason="capstone is absent: pip install codegen-mcu[target]")

BASE = 0x1000
LDR, LDR_OTHER, SUBS, BNE_BACK, BX = "0168", "4268", "013b", "fcd1", "7047"
"""`bne` goes back over itself, a subtraction and a load."""
CODE = bytes.fromhex("".join((LDR, LDR_OTHER, SUBS, BNE_BACK, BX)))
FUNCTIONS = (Function("layer_000", BASE, BASE + len(CODE)),)
IMAGE = Image(Segment(BASE, CODE, True), FUNCTIONS, load_target("cortex-m4"))


def cost_of(*blocks: tuple[str, int, int, int, int]) -> Cost:
    executed = [Executed(layer, BASE + at, *rest) for layer, at, *rest in blocks]
    return make_cost(IMAGE, executed, {"layer_000": 1})


def test_where_a_block_ends_changes_nothing() -> None:
    """The second load follows the first, whether they are in one block or in two."""
    whole = cost_of(("layer_000", 0, 8, 1, 0))
    assert (whole.instructions, whole.cycles) == (4, 2 + 1 + 1 + 1)
    assert cost_of(("layer_000", 0, 2, 1, 0), ("layer_000", 2, 6, 1, 0)) == whole


def test_what_is_jumped_to_follows_nothing() -> None:
    """Three rounds: one from above, two by the branch, which takes two cycles more."""
    found = cost_of(("layer_000", 0, 8, 1, 0), ("layer_000", 2, 6, 2, 2), ("layer_000", 8, 2, 1, 0))
    rounds = (2 + 1 + 1 + 1) + 2 * (2 + 2 + 1 + 1)
    assert (found.instructions, found.cycles) == (4 + 2 * 3 + 1, rounds + 1)
    (layer,) = found.layers
    assert layer.loop == Loop("layer_000", 2, 8, 3, 9, 3 + 2 * 6)
    assert {opcode.mnemonic: opcode.executions for opcode in layer.opcodes} == {
        "ldr": 4,
        "subs": 3,
        "bne": 3,
        "bx": 1,
    }


def test_what_runs_within_a_layer_is_part_of_it_alone() -> None:
    found = cost_of(("layer_000", 0, 8, 2, 2), (OUTSIDE, 0, 8, 1, 0))
    assert found.layers[0].instructions == 8
    assert found.layers[0].calls == 1
    assert found.instructions == 12
    assert found.functions[0].instructions == 12
