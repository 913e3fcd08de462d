"""codegen bench: what a network costs, and what a change does to that."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.toolchain.toy_network import needs_target_tools
from tests.toy_model import write_toy

pytestmark = needs_target_tools


def runs_of(run: Run, *arguments: str) -> list[dict[str, Any]]:
    result = run("bench", *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    found: list[dict[str, Any]] = json.loads(result.stdout)["runs"]
    return found


def test_a_folder_costs_what_its_report_says(run: Run, toy: str) -> None:
    report = json.loads(run("emit", toy, "-t", "cortex-m4", "--json").stdout)
    (found,) = runs_of(run, "toy")
    for key in ("instructions", "cycles", "stack_bytes", "flash_bytes", "macs", "time_ms"):
        assert found[key] == report["totals"][key]
    for layer, reported in zip(found["layers"], report["layers"], strict=True):
        for key in ("name", "kernel", "macs", "instructions", "cycles"):
            assert layer[key] == reported[key]
        assert sum(layer["classes"].values()) == layer["instructions"]
        assert sum(layer["opcodes"].values()) == layer["instructions"]
    assert sum(found["classes"].values()) == found["instructions"]
    assert found["layers"][0]["loop"]["instructions"] <= found["layers"][0]["instructions"]


def test_a_column_for_each_target(run: Run, toy: str) -> None:
    arguments = (toy, "--cpu", "cortex-m4", "--cpu", "rv32imc")
    four, riscv = runs_of(run, *arguments)
    assert (four["target"], riscv["target"]) == ("cortex-m4", "rv32imc")
    assert "smlad" in four["opcodes"] and "smlad" not in riscv["opcodes"]
    shown = run("bench", *arguments, "--per-layer").stdout
    for found in (four, riscv):
        assert f"{found['instructions']:,}" in shown
        assert f"{found['layers'][0]['cycles']:,}" in shown


def test_the_leading_loop_of_each_layer_is_named(run: Run, toy: str) -> None:
    shown = run("bench", toy, "--per-layer").stdout
    (found,) = runs_of(run, toy)
    for layer in found["layers"]:
        if layer["loop"]:
            assert f"{layer['loop']['function']}+0x{layer['loop']['start_bytes']:x}" in shown


def test_an_edit_shows_against_what_was_saved(run: Run, toy: str, tmp_path: Path) -> None:
    run("emit", toy, "-t", "cortex-m4", "--no-measure")
    assert run("bench", "toy", "--save", "before.json").exit_code == 0
    assert "1.000" in run("bench", "toy", "--diff", "before.json").stdout
    source = tmp_path / "toy" / "toy.c"
    text = source.read_text(encoding="utf-8")
    head, name, rest = text.rpartition("void layer_000(")
    loop = "{\n    for (volatile int32_t i = 0; i < 100; ++i) {\n    }\n"
    source.write_text(f"{head}{name}{rest.replace('{', loop, 1)}", encoding="utf-8")
    result = run("bench", "toy", "--diff", "before.json", "--json")
    (comparison,) = json.loads(result.stdout)["comparisons"]
    changed = [layer for layer in comparison["layers"] if layer["before"] != layer["after"]]
    assert [layer["name"] for layer in changed] == [comparison["layers"][0]["name"]]
    added = comparison["total"]["after"]["instructions"]
    added -= comparison["total"]["before"]["instructions"]
    assert comparison["layers"][0]["after"]["instructions"] >= added >= 300
    shown = run("bench", "toy", "--diff", "before.json").stdout
    assert changed[0]["name"] in shown and comparison["layers"][1]["name"] not in shown
    assert run("bench", "toy", "-c", "cortex-m3", "--diff", "before.json").exit_code == 2


def test_what_is_wrong_is_not_measured(run: Run, toy: str, tmp_path: Path) -> None:
    run("emit", toy, "-t", "cortex-m4", "--no-measure")
    source = tmp_path / "toy" / "toy.c"
    text = source.read_text(encoding="utf-8")
    source.write_text(text.replace("    layer_001(", "    (void)sizeof("), encoding="utf-8")
    result = run("bench", "toy")
    assert result.exit_code == 3 and "differs from the reference" in result.stderr


def test_two_models_side_by_side(run: Run, toy: str, tmp_path: Path) -> None:
    other = str(write_toy(tmp_path, "other.onnx"))
    result = run("bench", toy, "--against", other, "--json")
    (comparison,) = json.loads(result.stdout)["comparisons"]
    assert comparison["before"].startswith("other") and comparison["after"].startswith("toy")
    assert comparison["total"]["cycles_ratio"] == 1


def test_two_compilers_side_by_side(run: Run, toy: str) -> None:
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is absent (apt-get install gcc-arm-none-eabi)")
    result = run("bench", toy, "--against", "gcc", "--json")
    (comparison,) = json.loads(result.stdout)["comparisons"]
    assert comparison["before"].endswith("gcc") and comparison["after"].endswith("zig")
    assert comparison["total"]["before"] != comparison["total"]["after"]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("--against", "gcc", "--diff", "x.json"), 2),
        (("--diff", "x.json"), 1),
        (("--cpu", "host"), 1),
        (("--cpu", "cortex-m99"), 2),
        (("--compiler", "icc"), 2),
        (("other.onnx", "--against", "third.onnx"), 2),
        (("other.onnx", "--name", "both"), 2),
        (("--save", "nowhere/x.json"), 1),
    ],
)
def test_what_cannot_be_asked(run: Run, toy: str, arguments: tuple[str, ...], status: int) -> None:
    result = run("bench", toy, *arguments)
    assert result.exit_code == status
    assert "Traceback" not in result.output and result.stderr
