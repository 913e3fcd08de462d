"""Targets: every file that comes with codegen is whole; bad ones are told apart, all at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from codegen.errors import BadTarget, UnknownName, UnreadableFile
from codegen.targets import list_targets, load_target

EXPECTED = (
    "cortex-m0plus",
    "cortex-m3",
    "cortex-m33",
    "cortex-m4",
    "cortex-m7",
    "host",
    "rv32imc",
)

GOOD = """
description = "mine"
core = "cortex-m4"
part = "X"
isa = ["dsp"]
kernels = ["generic"]
"""


def test_list_targets() -> None:
    assert list_targets() == EXPECTED


@pytest.mark.parametrize("name", EXPECTED)
def test_file_is_whole(name: str) -> None:
    target = load_target(name)
    assert target.name == name
    assert target.kernels[-1] == "generic"
    if target.is_host:
        assert target.clock_hz is None and target.memories == () and target.zig == ()
        return
    assert target.clock_hz is not None and target.clock_hz >= 16_000_000
    assert target.zig[0] == "-target"
    assert target.emulator is not None and target.cycles is not None
    assert target.size_bytes("flash") >= 1 << 20 and target.size_bytes("ram") >= 1 << 17


def test_dsp_kernels_come_with_the_dsp_extension() -> None:
    targets = [load_target(name) for name in list_targets()]
    dsp = {t.name for t in targets if "dsp" in t.isa}
    assert dsp == {"cortex-m4", "cortex-m7", "cortex-m33"}
    assert dsp == {t.name for t in targets if t.kernels == ("arm_dsp", "generic")}


def test_unknown_name_offers_near_ones() -> None:
    with pytest.raises(UnknownName) as caught:
        load_target("cortex_m4")
    assert "did you mean cortex-m4" in str(caught.value)
    assert "rv32imc" in str(caught.value)
    assert caught.value.exit_status == 2


def test_file_of_the_user(tmp_path: Path) -> None:
    path = tmp_path / "board.toml"
    path.write_text(GOOD)
    assert load_target(path) == load_target(str(path))
    assert load_target(path).name == "board"


def test_absent_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="No such file"):
        load_target(tmp_path / "none.toml")


def test_all_problems_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(
        'core = 4\npart = "X"\nkernels = ["generic", 3]\nclok_hz = 5\nzig = "x"\nemulator = 1\n'
        '[[memories]]\nname = "m"\nkind = "ram"\nbase = true\n'
    )
    with pytest.raises(BadTarget) as caught:
        load_target(path)
    messages = {problem.message for problem in caught.value.problems}
    assert messages == {
        "'description' is missing",
        "'isa' is missing",
        "'core' must be a string, not 4",
        "'kernels[1]' must be a string, not 3",
        "'clok_hz' is not a key",
        "'zig' must be a list, not 'x'",
        "'emulator' must be a table, not 1",
        "'memories[0].base' must be an integer, not True",
        "'memories[0].size_bytes' is missing",
    }
    assert all(problem.where == str(path) for problem in caught.value.problems)
    assert "did you mean 'clock_hz'?" in str(caught.value)


def test_contradictions(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    memory = '[[memories]]\nname = "m"\nkind = "{}"\nbase = 0\nsize_bytes = {}\n'
    text = GOOD.replace('["generic"]', '["arm_dsp"]') + 'clock_hz = 0\nzig = ["-target", "x"]\n'
    path.write_text(text + memory.format("rom", 1) + memory.format("ram", 0))
    with pytest.raises(BadTarget) as caught:
        load_target(path)
    text = str(caught.value)
    for part in ("last of 'kernels'", "flash or ram", "no size", "'clock_hz'", "kind 'flash'"):
        assert part in text


def test_not_toml(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("core = \n")
    with pytest.raises(BadTarget, match="not TOML"):
        load_target(path)
