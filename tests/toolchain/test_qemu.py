"""Whole firmware images in QEMU: the self-test passes, and a broken network fails it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from codegen.errors import BadTarget, MissingTool
from codegen.targets import list_targets, load_target
from codegen.toolchain import run_self_test
from tests.toolchain.toy_network import Network, mutated, needs_target_tools

pytestmark = needs_target_tools

BOARDS = tuple(name for name in list_targets() if load_target(name).qemu is not None)
absent = shutil.which("qemu-system-arm") is None
needs_qemu = pytest.mark.skipif(absent, reason="qemu-system-arm is absent (apt-get install it)")


def test_boards() -> None:
    assert BOARDS == ("cortex-m3", "cortex-m33", "cortex-m4", "cortex-m55", "cortex-m7")


@needs_qemu
@pytest.mark.parametrize("core", BOARDS)
def test_self_test_passes(toy: Network, core: str) -> None:
    result = run_self_test(toy.folder, toy.interface, load_target(core))
    assert result.passed
    assert result.output == "toy: passed\n"


@needs_qemu
def test_self_test_passes_with_the_gnu_compiler(toy: Network) -> None:
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is absent (apt-get install gcc-arm-none-eabi)")
    assert run_self_test(toy.folder, toy.interface, load_target("cortex-m4"), "gcc").passed


@needs_qemu
def test_broken_network_fails(toy: Network, tmp_path: Path) -> None:
    bad = mutated(toy, tmp_path, "int32_t sum = 1000;", "int32_t sum = 2000;")
    result = run_self_test(bad.folder, bad.interface, load_target("cortex-m4"))
    assert not result.passed
    assert result.output == "toy: FAILED\n"


@needs_qemu
def test_fault_fails(toy: Network, tmp_path: Path) -> None:
    bad = mutated(toy, tmp_path, "    layer_001(arena);\n", "    __builtin_trap();\n")
    result = run_self_test(bad.folder, bad.interface, load_target("cortex-m4"))
    assert not result.passed
    assert "fault" in result.output


def test_no_board(toy: Network) -> None:
    with pytest.raises(BadTarget, match="has no \\[qemu\\]"):
        run_self_test(toy.folder, toy.interface, load_target("cortex-m0plus"))


def test_absent_qemu(toy: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingTool, match="apt-get install qemu-system-arm"):
        run_self_test(toy.folder, toy.interface, load_target("cortex-m4"))
