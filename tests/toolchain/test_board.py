"""Boards in QEMU: the same results and counts as in unicorn, and what must not happen shows."""

from __future__ import annotations

import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codegen.errors import MissingTool, ToolFailed, VerificationFailed
from codegen.targets import Target, load_target
from codegen.toolchain import CrossCompiler, build_target, emulate
from codegen.toolchain.board import running_board
from codegen.toolchain.trace import Trace
from tests.toolchain.toy_network import (
    Network,
    mutated,
    needs_target_tools,
    toy_inputs,
    toy_reference,
)

absent = shutil.which("qemu-system-arm") is None
pytestmark = [
    needs_target_tools,
    pytest.mark.skipif(absent, reason="qemu-system-arm is absent (apt-get install it)"),
]

LINE = "    layer_001(arena);\n"


def on_board(name: str) -> Target:
    """A target that unicorn could run, for QEMU alone."""
    return replace(load_target(name), emulator=None)


@pytest.mark.parametrize("name", ["cortex-m3", "cortex-m4"])
def test_cost_is_that_of_unicorn(toy: Network, name: str, tmp_path: Path) -> None:
    """Instructions, cycles, functions, layers, opcodes and loops alike."""
    build = build_target(toy.folder, toy.interface, load_target(name), tmp_path)
    inputs = toy_inputs(3)
    unicorn = emulate(build, [inputs], count=True)
    board = emulate(replace(build, target=on_board(name)), [inputs], count=True)
    assert board.cost is not None
    assert board.cost == unicorn.cost
    assert board.stack_bytes == unicorn.stack_bytes
    np.testing.assert_array_equal(board.outputs[0], toy_reference(inputs))


@pytest.mark.parametrize("compiler", ["zig", "gcc"])
def test_vectors(toy: Network, compiler: CrossCompiler, tmp_path: Path) -> None:
    """Every instruction that was executed is one of a layer or of the function that calls them."""
    if compiler == "gcc" and shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is absent (apt-get install gcc-arm-none-eabi)")
    build = build_target(toy.folder, toy.interface, load_target("cortex-m55"), tmp_path, compiler)
    inputs = toy_inputs(2)
    run = emulate(build, [inputs], count=True)
    np.testing.assert_array_equal(run.outputs[0], toy_reference(inputs))
    assert run.cost is not None
    assert [layer.calls for layer in run.cost.layers] == [1, 1]
    inside = sum(layer.instructions for layer in run.cost.layers)
    assert 0 < run.cost.instructions - inside < 12


def test_trace_of_a_log() -> None:
    """A block is as long as its lines, retranslated under its old name or not; all but those that
    were put off were executed.
    """
    log = b"""----------------
IN: dot
0x00000094:  f913 cf01  ldrsb    ip, [r3, #1]!
0x000000a0:  f00f       .byte    0x0f, 0xf0
0x000000a2:  d011       beq      #0x102

Trace 0: 0x7f00 [00800442/00000094/00000050/ff000200] dot
Trace 0: 0x7f00 [00800442/00000094/00000050/ff000200] dot
----------------
IN: dot
0x00000094:  d0fe       beq      #0x94

Trace 0: 0x7f00 [00800442/00000094/00000050/ff000200] dot
Trace 0: 0x7f00 [00800442/00000094/00000050/ff000200] dot
Stopped execution of TB chain before 0x7f00 [00000094] dot
"""
    trace = Trace(io.BytesIO(log))
    assert list(trace.blocks()) == [(0x94, 16), (0x94, 16), (0x94, 2)]
    assert list(trace.blocks()) == []


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("((volatile int8_t *)arena)[-1] ^= 1;", "wrote outside the arena"),
        ("__builtin_trap();", "took a fault"),
        ("static volatile int32_t runs; ++runs;", "4 bytes of writable static data"),
    ],
)
def test_forbidden_things(toy: Network, statement: str, message: str, tmp_path: Path) -> None:
    bad = mutated(toy, tmp_path, LINE, f"{LINE}    {statement}\n")
    build = build_target(bad.folder, bad.interface, load_target("cortex-m55"), tmp_path)
    with pytest.raises(VerificationFailed, match=message):
        emulate(build, [toy_inputs(1)])


def test_unknown_board(toy: Network, tmp_path: Path) -> None:
    target = load_target("cortex-m55")
    assert target.qemu is not None
    build = build_target(toy.folder, toy.interface, target, tmp_path)
    board = replace(target, qemu=replace(target.qemu, machine="mps9"))
    with pytest.raises(ToolFailed, match="unsupported machine type"):
        emulate(replace(build, target=board), [toy_inputs(1)])


def test_absent_qemu(toy: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = build_target(toy.folder, toy.interface, load_target("cortex-m55"), tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with (
        pytest.raises(MissingTool, match="apt-get install qemu-system-arm"),
        running_board(build, count=False),
    ):
        pass
