"""codegen verify, as a user meets it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.fixture
def folder(run: Run, toy: str, tmp_path: Path) -> Path:
    """A folder emitted for Cortex-M4."""
    assert run("emit", toy, "-t", "cortex-m4", "--no-measure").exit_code == 0
    return tmp_path / "toy"


def test_a_folder_is_verified_on_the_host_and_its_target(run: Run, folder: Path) -> None:
    result = run("verify", "toy")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines == [
        "equal     reference and host C, arm_dsp kernels: 20 inputs, 60 output bytes",
        "equal     reference and cortex-m4 (emulated), arm_dsp kernels: 2 inputs, 6 output bytes",
    ]


def test_other_targets_and_counts_may_be_asked_for(run: Run, folder: Path) -> None:
    result = run(
        "verify", "toy", "-t", "cortex-m0plus", "-t", "rv32imc", "--samples", "3", "--json"
    )
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["schema"] == "codegen.verify/1"
    assert document["equal"] is True
    places = [(check["place"], check["inputs"]) for check in document["checks"]]
    assert places == [("host", 3), ("cortex-m0plus", 2), ("rv32imc", 2)]


def test_a_model_is_verified_for_each_kind_of_kernels(run: Run, toy: str) -> None:
    targets = [part for name in ("cortex-m4", "cortex-m7", "cortex-m3") for part in ("-t", name)]
    document = json.loads(run("verify", toy, "--samples", "5", "--json", *targets).stdout)
    found = [(check["place"], check["kernels"]) for check in document["checks"]]
    assert found == [
        ("host", "arm_dsp"),
        ("cortex-m4", "arm_dsp"),
        ("cortex-m7", "arm_dsp"),
        ("host", "generic"),
        ("cortex-m3", "generic"),
    ]


def test_a_zoo_network_is_verified_on_the_host_by_default(run: Run) -> None:
    result = run("verify", "mobilenet_v1", "--alpha", "0.1", "--resolution", "32", "--samples", "4")
    assert result.exit_code == 0, result.stderr
    assert "4 inputs, 4,000 output bytes" in result.stdout


def test_a_changed_weight_is_found_and_placed(run: Run, folder: Path) -> None:
    path = folder / "toy_weights.c"
    text = path.read_text(encoding="utf-8")
    changed = re.sub(r"(weights\[\d+\] .*\{\s+)(-?\d+)", r"\g<1>\g<2>000", text, count=1)
    assert changed != text
    path.write_text(changed, encoding="utf-8")
    result = run("verify", "toy", "--json")
    assert result.exit_code == 3
    assert "error[verification-failed]: the C on host differs" in result.stderr
    assert "toy_weights.c, line" in result.stderr
    document = json.loads(result.stdout)
    assert document["equal"] is False
    difference = document["checks"][0]["difference"]
    assert difference["output"] == "scores"
    assert "layer_000" in difference["cause"]


def test_a_changed_memory_plan_is_found(run: Run, folder: Path) -> None:
    path = folder / "plan.json"
    text = path.read_text(encoding="utf-8")
    for old, new, words in (
        ('"stride": 2', '"stride": 1', "reads other rows|does not find row|that are not live"),
        ('"size_bytes": ', '"size_bytes": 1', "contradicts itself"),
        ('"offset_bytes": 0', '"offset_bytes": 4', "contradicts itself"),
    ):
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        result = run("verify", "toy", "--samples", "1")
        assert result.exit_code == 3
        assert re.search(words, result.stderr), result.stderr
        assert "plan.json" in result.stderr


def test_c_that_the_plan_does_not_describe_is_found(run: Run, folder: Path) -> None:
    path = folder / "toy.h"
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"(ARENA_SIZE \d+)", r"\g<1>0", text), encoding="utf-8")
    result = run("verify", "toy", "--samples", "1")
    assert result.exit_code == 3
    assert "the C and plan.json differ: TOY_ARENA_SIZE is" in result.stderr


def test_c_that_does_not_compile_is_told(run: Run, folder: Path) -> None:
    path = folder / "toy.c"
    path.write_text(path.read_text(encoding="utf-8") + "\nint oops\n", encoding="utf-8")
    result = run("verify", "toy")
    assert result.exit_code == 1
    assert "error[tool-failed]" in result.stderr
    assert "oops" in result.stderr


@pytest.mark.parametrize("name", ["report.json", "plan.json", "toy_graph.npz"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"PK\x03\x04 not really"])
def test_a_damaged_folder_is_unreadable(
    run: Run, folder: Path, name: str, content: bytes | None
) -> None:
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    result = run("verify", "toy")
    assert result.exit_code == 1
    assert "error[unreadable-file]" in result.stderr


def test_options_of_a_model_do_not_fit_a_folder(run: Run, folder: Path) -> None:
    result = run("verify", "toy", "--alpha", "0.5", "--ram", "64k")
    assert result.exit_code == 2
    assert "--alpha, --ram" in result.stderr
    assert run("verify", "toy", "--seed", "5", "--samples", "2").exit_code == 0
