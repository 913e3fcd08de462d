"""Targets: every file that comes with codegen is whole; bad ones are told apart, all at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from codegen.errors import BadOption, BadTarget, UnknownName, UnreadableFile
from codegen.targets import CODE_BYTES, choose_memories, list_targets, load_target

EXPECTED = (
    "cortex-m0plus",
    "cortex-m3",
    "cortex-m33",
    "cortex-m4",
    "cortex-m55",
    "cortex-m7",
    "ecp5-25k",
    "ecp5-85k",
    "hls",
    "host",
    "ice40up5k",
    "rv32imc",
    "xc7a100t",
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
    if target.fpga is not None:
        assert target.kernels == ("rtl",) and target.engine is not None
        assert not target.is_emulated and target.memories == ()
        return
    assert target.kernels == ("hls",) if target.is_hls else target.kernels[-1] == "generic"
    if target.is_host or target.is_hls:
        assert target.clock_hz is None and target.memories == () and target.zig == ()
        return
    assert target.clock_hz is not None and target.clock_hz >= 16_000_000
    assert target.zig[0] == "-target"
    assert target.is_emulated and target.cycles is not None
    assert target.size_bytes("flash") >= 1 << 20 and target.size_bytes("ram") >= 1 << 17


def test_dsp_kernels_come_with_the_dsp_extension() -> None:
    targets = [load_target(name) for name in list_targets()]
    dsp = {t.name for t in targets if "dsp" in t.isa}
    assert dsp == {"cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55"}
    assert dsp - {"cortex-m55"} == {t.name for t in targets if t.kernels == ("arm_dsp", "generic")}


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


def test_memories_off_the_chip_are_no_part_of_it() -> None:
    target = load_target("cortex-m7")
    assert {m.name for m in target.memories} - {m.name for m in target.on_chip} == {"qspi", "psram"}
    assert target.size_bytes("flash") == 2 << 20
    assert target.memory("ram").name == "axi_sram"
    assert next(m for m in target.memories if m.name == "dtcm").read_cycles == 0.0
    assert all(load_target(name).on_chip for name in EXPECTED if load_target(name).zig)


MEMORY = 'name = "{name}"\nkind = "{kind}"\nbase = {base}\nsize_bytes = 64\n{more}\n'


def with_memories(path: Path, *memories: dict[str, object]) -> Path:
    """A target with memories that differ from good ones in what is given."""
    texts = [
        "[[memories]]\n" + MEMORY.format(**{"name": "a", "kind": "ram", "base": 0, "more": ""} | m)
        for m in memories
    ]
    path.write_text(GOOD + "".join(texts))
    return path


def test_costs_of_memories(tmp_path: Path) -> None:
    more = "read_cycles = 3\nwrite_cycles = 1.5\nexternal = true"
    (memory,) = load_target(with_memories(tmp_path / "b.toml", {"more": more})).memories
    assert (memory.read_cycles, memory.write_cycles, memory.external) == (3.0, 1.5, True)


@pytest.mark.parametrize(
    ("memories", "message"),
    [
        ([{"more": "read_cycles = -1"}], "finite, and not negative"),
        ([{"more": "write_cycles = inf"}], "finite, and not negative"),
        ([{"more": "read_cycles = nan"}], "finite, and not negative"),
        ([{"more": 'read_cycles = "3"'}], "'memories\\[0\\].read_cycles' must be a number"),
        ([{"more": "read_cycles = true"}], "'memories\\[0\\].read_cycles' must be a number"),
        ([{"more": "external = 1"}], "'memories\\[0\\].external' must be true or false"),
        ([{"kind": "flash", "more": "write_cycles = 2"}], "which nothing writes"),
        ([{"name": "D-TCM"}], "for example 'd_tcm_0'"),
        ([{}, {"base": 64}], "two memories are named 'a'"),
        ([{}, {"name": "b", "base": 63}], "'a' and 'b' overlap"),
    ],
)
def test_nonsense_of_memories(
    tmp_path: Path, memories: list[dict[str, object]], message: str
) -> None:
    with pytest.raises(BadTarget, match=message):
        load_target(with_memories(tmp_path / "bad.toml", *memories))


def test_code_and_arena_need_memories_on_the_chip(tmp_path: Path) -> None:
    path = with_memories(tmp_path / "bad.toml", {"more": "external = true"})
    path.write_text('zig = ["-target", "x"]\n' + path.read_text())
    with pytest.raises(BadTarget, match="kind 'ram' on the chip"):
        load_target(path)


def test_chosen_memories() -> None:
    target = load_target("cortex-m7")
    found = choose_memories(target, {"dtcm": 1000, "axi_sram": None, "flash": None})
    assert [(m.name, m.size_bytes) for m in found] == [
        ("flash", (2 << 20) - CODE_BYTES),
        ("axi_sram", 512 << 10),
        ("dtcm", 1000),
    ]
    assert choose_memories(target, {}) == ()
    assert choose_memories(load_target("host"), {"all": None}) == ()


def test_all_memories_are_those_on_the_chip() -> None:
    target = load_target("cortex-m7")
    found = choose_memories(target, {"all": None, "psram": None})
    assert {m.name for m in found} == {m.name for m in target.on_chip} | {"psram"}


def test_memories_that_the_target_does_not_have() -> None:
    target = load_target("cortex-m7")
    with pytest.raises(UnknownName, match=r"no memory named itcm") as caught:
        choose_memories(target, {"itcm": None})
    assert "psram (not on the chip)" in str(caught.value)
    with pytest.raises(BadOption, match="'dtcm' of STM32H743ZI has 131,072 bytes"):
        choose_memories(target, {"dtcm": 131_073, "flash": None})


FPGA = """
description = "mine"
core = "fpga"
part = "X"
isa = []
kernels = ["{kernels}"]
{more}
[fpga]
family = "ecp5"
device = "25k"
package = "p"
speed = "6"
luts = 1
dsps = 1
block_rams = 1
block_ram_shapes = ["{shape}"]
pe = {pe}
simd = 4
lanes = {lanes}
"""


def test_fpga_of_the_user(tmp_path: Path) -> None:
    path = tmp_path / "board.toml"
    path.write_text(FPGA.format(kernels="rtl", more="", shape="512x36", pe=8, lanes=2))
    fpga = load_target(path).fpga
    assert fpga is not None and fpga.ram_shapes == ((512, 36),)
    path.write_text(
        FPGA.format(kernels="generic", more='zig = ["-target", "x"]', shape="many", pe=6, lanes=1)
    )
    with pytest.raises(BadTarget) as caught:
        load_target(path)
    for part in ('["rtl"]', "no compiler", "block_ram_shapes", "'fpga.pe'", "'fpga.lanes'"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('kind = "asic"', "'kind' must be core or hls"),
        ('kind = "hls"', "'kernels' must be \\[\"hls\"\\]"),
    ],
)
def test_a_kind_that_the_kernels_do_not_fit(tmp_path: Path, lines: str, message: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(GOOD + lines)
    with pytest.raises(BadTarget, match=message):
        load_target(path)
