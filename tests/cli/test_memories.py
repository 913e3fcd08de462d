"""--memories, as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.test_emit import FILES
from tests.toolchain.toy_network import needs_target_tools

SPREAD = "dtcm=100,axi_sram,flash=150,qspi"


@needs_target_tools
def test_a_network_in_several_memories(run: Run, toy: str, tmp_path: Path) -> None:
    result = run("emit", toy, "--target", "cortex-m7", "--memories", SPREAD)
    assert result.exit_code == 0, result.stderr
    folder = tmp_path / "toy"
    assert {path.name for path in folder.iterdir()} == FILES | {"toy_sections.ld"}
    for words in ("in dtcm of 100", "in axi_sram of 524,288", "in qspi of 16,777,216", "Lost"):
        assert words in result.stdout
    assert "lost to slow memories besides" in result.stdout
    assert "equal     reference and host C" in result.stdout
    assert "equal     reference and cortex-m7 (emulated)" in result.stdout
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    used = {memory["name"]: memory["used_bytes"] for memory in report["memories"]}
    assert 0 < used["dtcm"] <= 100 and 0 < used["flash"] <= 150
    assert used["axi_sram"] > 0 and used["qspi"] > 0
    parts = {arena["memory"]: arena["size_bytes"] for arena in report["interface"]["arenas"]}
    assert parts == {name: used[name] for name in ("dtcm", "axi_sram")}
    assert report["totals"]["arena_bytes"] == sum(parts.values())
    by_memory = sum(memory["lost_cycles"] for memory in report["memories"])
    assert abs(report["totals"]["lost_cycles"] - by_memory) <= len(used)
    by_layer = sum(layer["lost_cycles"] for layer in report["layers"])
    assert 0 < by_layer <= report["totals"]["lost_cycles"] + len(report["layers"])


@needs_target_tools
def test_a_folder_in_several_memories_is_verified(run: Run, toy: str, tmp_path: Path) -> None:
    arguments = ("--target", "cortex-m7", "--memories", SPREAD, "--no-measure")
    assert run("emit", toy, *arguments).exit_code == 0
    result = run("verify", "toy", "--target", "cortex-m7", "--target", "cortex-m0plus")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.count("equal") == 3
    source = tmp_path / "toy" / "toy_weights.c"
    text = source.read_text(encoding="utf-8")
    at = text.index("_weights[")
    first = text.index("    ", at)
    changed = "    1, " if not text[first:].startswith("    1,") else "    2, "
    source.write_text(text[:first] + changed + text[text.index(",", first) + 2 :], "utf-8")
    result = run("verify", "toy", "--target", "host")
    assert result.exit_code == 3
    assert "toy_weights.c, line" in result.stdout + result.stderr


@pytest.mark.parametrize("target", ["cortex-m4", "rv32imc"])
def test_one_region_is_emitted_as_without_the_option(
    run: Run, toy: str, tmp_path: Path, target: str
) -> None:
    arguments = ("emit", toy, "--target", target, "--no-measure")
    assert run(*arguments, "-o", "plain").exit_code == 0
    assert run(*arguments, "--memories", "all", "-o", "all").exit_code == 0
    names = {path.name for path in (tmp_path / "plain").iterdir()}
    assert names == {path.name for path in (tmp_path / "all").iterdir()}
    for name in names - {"report.json", "report.html"}:
        assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "all" / name).read_bytes()


@pytest.mark.parametrize(
    ("memories", "status", "message"),
    [
        ("itcm", 2, "target 'cortex-m7' has no memory named itcm"),
        ("dtcm=200k", 2, "has 131,072 bytes"),
        ("dtcm=10,axi_sram=20", 4, "have no room in dtcm (10) and axi_sram (20)"),
        ("dtcm=10", 4, "have no room in dtcm (10)"),
        ("flash=10,qspi=20", 4, "the weights and tables take"),
        ("dtcm=x", 2, "'x' is no size"),
        ("dtcm,,flash", 2, "is no list of memories"),
        ("dtcm,dtcm", 2, "is no list of memories"),
        ("all=10", 2, "is no list of memories"),
        ("", 2, "is no list of memories"),
    ],
)
def test_errors(
    run: Run, toy: str, tmp_path: Path, memories: str, status: int, message: str
) -> None:
    result = run("emit", toy, "--target", "cortex-m7", "--memories", memories)
    assert result.exit_code == status
    assert message in " ".join((result.stdout + result.stderr).split()).replace("│ ", "")
    assert not (tmp_path / "toy").exists()


def test_ram_is_that_of_all_arenas(run: Run, toy: str) -> None:
    spread = ("--target", "cortex-m7", "--memories", "dtcm=100,axi_sram", "--no-measure")
    result = run("emit", toy, *spread, "--ram", "101")
    assert result.exit_code == 4
    assert "given" in result.stderr
