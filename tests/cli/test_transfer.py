"""--input and --output, as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.toy_model import write_segment


@pytest.mark.parametrize("mode", ["const", "rows"])
def test_a_folder_is_emitted_reported_and_verified(
    run: Run, toy: str, tmp_path: Path, mode: str
) -> None:
    emitted = run("emit", toy, "-t", "cortex-m4", "--input", mode, "--json")
    assert emitted.exit_code == 0, emitted.stderr
    document = json.loads(emitted.stdout)
    assert (document["interface"]["input"], document["interface"]["output"]) == (mode, "arena")
    assert len(document["checks"]) == 2
    assert run("report", "toy", "--json").stdout == emitted.stdout
    assert "input," not in run("report", "toy").stdout.replace("rows of the input,", "")
    assert run("verify", "toy", "--samples", "3").exit_code == 0


def test_an_edit_is_found_in_every_mode(run: Run, toy: str, tmp_path: Path) -> None:
    assert run("emit", toy, "-t", "cortex-m3", "--input", "rows", "--no-measure").exit_code == 0
    code = tmp_path / "toy" / "toy.c"
    before = code.read_text().splitlines()
    code.write_text(code.read_text().replace("{ bias[quad], bias", "{ bias[quad] + 900, bias"))
    after = code.read_text().splitlines()
    (changed,) = [i for i, (a, b) in enumerate(zip(before, after, strict=True), 1) if a != b]
    result = run("verify", "toy", "--samples", "3")
    assert result.exit_code == 3, result.stdout
    assert f"toy.c, line {changed}" in result.stderr


def test_a_model_is_measured_and_verified(run: Run, tmp_path: Path) -> None:
    """Rows in, rows out: of a channels-first file, too, rows are those of the image."""
    write_segment(tmp_path)
    options = ("segment.onnx", "--input", "rows", "--output", "rows")
    result = run("verify", *options, "-t", "cortex-m4", "--samples", "3")
    assert result.exit_code == 0, result.stderr
    result = run("report", *options, "-t", "cortex-m4", "--json")
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["totals"]["instructions"] > 0
    assert document["interface"]["outputs"][0]["shape"] == [24, 9, 3]
    assert document["totals"]["arena_bytes"] < document["totals"]["input_bytes"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("emit", "toy.onnx", "-t", "host", "--output", "rows"), "--output rows needs one output"),
        (("verify", "toy.onnx", "--output", "rows"), "the output is 3: a single row"),
        (("report", "toy.onnx", "--input", "rows"), "--input: counting needs no such thing"),
        (("emit", "toy.onnx", "-t", "host", "--input", "flash"), "'flash' is not one of"),
        (("emit", "toy.onnx", "-t", "host", "--output", "const"), "'const' is not one of"),
    ],
)
def test_what_cannot_be_is_refused(
    run: Run, toy: str, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    before = sorted(path.name for path in tmp_path.iterdir())
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())
    assert result.stdout == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_folder_passes_its_ports_as_it_was_emitted(run: Run, toy: str) -> None:
    assert run("emit", toy, "-t", "host", "--no-measure").exit_code == 0
    result = run("verify", "toy", "--input", "const")
    assert result.exit_code == 2
    assert "--input: an emitted folder is taken as it is" in result.stderr


def test_a_report_with_another_mode_is_refused(run: Run, toy: str, tmp_path: Path) -> None:
    assert run("emit", toy, "-t", "host", "--no-measure").exit_code == 0
    path = tmp_path / "toy" / "report.json"
    path.write_text(path.read_text().replace('"input": "arena"', '"input": "dma"'))
    result = run("report", "toy")
    assert result.exit_code == 1
    assert "unreadable-file" in result.stderr
