"""codegen emit, as a user meets it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from codegen.report import SCHEMA
from codegen.verify import check_plan, load_plan
from tests.cli.conftest import Run

FILES = {
    "CMakeLists.txt",
    "plan.json",
    "report.html",
    "report.json",
    "toy.c",
    "toy.h",
    "toy_graph.npz",
    "toy_test.h",
    "toy_weights.c",
    "toy_weights.h",
}


def test_emit_writes_the_folder_and_prints_a_report(run: Run, toy: str, tmp_path: Path) -> None:
    result = run("emit", toy, "--target", "cortex-m4")
    assert result.exit_code == 0, result.stderr
    assert {path.name for path in (tmp_path / "toy").iterdir()} == FILES
    for words in ("toy for cortex-m4", "RAM", "Flash", "SYNTHETIC", "at 120 MHz", "wrote toy/"):
        assert words in result.stdout
    assert "equal     reference and host C" in result.stdout
    assert "equal     reference and cortex-m4 (emulated)" in result.stdout
    assert result.stderr == ""


def test_json_is_all_there_is_on_stdout(run: Run, toy: str, tmp_path: Path) -> None:
    result = run("emit", toy, "--target", "cortex-m7", "--json")
    report = json.loads(result.stdout)
    assert report["schema"] == SCHEMA
    assert (tmp_path / "toy" / "report.json").read_text(encoding="utf-8") == result.stdout
    assert all(check["equal"] for check in report["checks"])
    unknown = {name for name, value in report["totals"].items() if value is None}
    assert unknown == {"lost_cycles", "lost_cycles_lower_bound"}


def test_calibration_with_data_is_told_apart(run: Run, toy: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "data.npz", image=rng.normal(size=(5, 2, 6, 6)).astype(np.float32))
    result = run("emit", toy, "--target", "host", "--calibrate", "data.npz")
    assert result.exit_code == 0, result.stderr
    assert "from 5 samples of data.npz, by min-max" in result.stdout
    assert "SYNTHETIC" not in result.stdout


def test_activations_may_have_16_bits(run: Run, toy: str, tmp_path: Path) -> None:
    """From the command to the emulated core; `verify` finds the same in the folder."""
    result = run("emit", toy, "--target", "cortex-m4", "--activations", "int16")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.count("equal     reference and") == 2
    assert (
        "const int16_t *toy_output(const void *arena);" in (tmp_path / "toy" / "toy.h").read_text()
    )
    again = run("verify", "toy", "--target", "host")
    assert again.exit_code == 0, again.stderr


@pytest.mark.parametrize(("name", "stem"), [("My_Net", "my_net"), ("kws", "kws"), ("net2", "net2")])
def test_name_is_that_of_symbols_and_files(
    run: Run, toy: str, tmp_path: Path, name: str, stem: str
) -> None:
    assert run("emit", toy, "-t", "host", "--no-measure", "--name", name).exit_code == 0
    header = (tmp_path / stem / f"{stem}.h").read_text(encoding="utf-8")
    assert f"void {stem}_invoke(void *arena)" in header
    assert f"#define {stem.upper()}_ARENA_SIZE" in header


@pytest.mark.parametrize("name", ["int", "string", "2d", "a b", "a__b", "_x", "", "ünet"])
def test_names_that_are_not_for_c_are_refused(run: Run, toy: str, name: str) -> None:
    result = run("emit", toy, "-t", "host", "--name", name)
    assert result.exit_code == 2
    assert "bad-option" in result.stderr
    assert "for example --name" in result.stderr


def test_existing_output_needs_force(run: Run, toy: str, tmp_path: Path) -> None:
    options = ("emit", toy, "-t", "host", "--no-measure", "-o", "out")
    assert run(*options).exit_code == 0
    (tmp_path / "out" / "extra").touch()
    result = run(*options)
    assert result.exit_code == 1
    assert "output-exists" in result.stderr
    assert (tmp_path / "out" / "extra").exists()
    assert run(*options, "--force").exit_code == 0
    assert not (tmp_path / "out" / "extra").exists()


def test_force_spares_what_codegen_did_not_write(run: Run, toy: str, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    result = run("emit", toy, "-t", "host", "-o", "mine", "--force")
    assert result.exit_code == 1
    assert "output-exists" in result.stderr
    assert (tmp_path / "mine" / "thesis.tex").exists()


def test_an_unwritable_place_is_an_error(run: Run, toy: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run("emit", toy, "-t", "host", "-o", "file/out")
    assert result.exit_code == 1
    assert "output-not-writable" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("nonet", "-t", "host"), 2, "unknown-name"),
        (("no.onnx", "-t", "host"), 1, "unreadable-file"),
        (("toy.onnx", "-t", "cortex-m77"), 2, "unknown-name"),
        (("toy.onnx", "-t", "mine.toml"), 1, "unreadable-file"),
        (("toy.onnx", "-t", "host", "--alpha", "0.5"), 2, "bad-option"),
        (("toy.onnx", "-t", "host", "--weights", "w.npz"), 2, "bad-option"),
        (("mobilenet_v1", "-t", "host", "--alpha", "0"), 2, "bad-option"),
        (("mobilenet_v1", "-t", "host", "--weights", "w.npz"), 1, "unreadable-file"),
        (("toy.onnx", "-t", "host", "--calibrate", "none.npz"), 1, "unreadable-file"),
        (("toy.onnx", "-t", "host", "--calibrate", "nan.npz"), 1, "bad-data"),
        (("toy.onnx", "-t", "host", "--calibrate", "shape.npz"), 1, "bad-data"),
        (("toy.onnx", "-t", "host", "--ram", "10"), 4, "does-not-fit"),
        (("toy.onnx", "-t", "host", "--dump-ir", "toy.onnx"), 1, "output-not-writable"),
        ((".", "-t", "host"), 1, "unreadable-file"),
    ],
)
def test_errors_have_a_code_a_status_and_leave_nothing(
    run: Run, toy: str, tmp_path: Path, arguments: tuple[str, ...], status: int, code: str
) -> None:
    np.savez(tmp_path / "nan.npz", image=np.full((2, 2, 6, 6), np.nan, np.float32))
    np.savez(tmp_path / "shape.npz", image=np.zeros((2, 6, 6, 3), np.float32))
    before = {path.name for path in tmp_path.iterdir()}
    result = run("emit", *arguments)
    assert (result.exit_code, f"error[{code}]" in result.stderr) == (status, True), result.stderr
    assert result.stdout == ""
    assert {path.name for path in tmp_path.iterdir()} == before


def test_a_missing_argument_is_a_usage_error(run: Run, toy: str) -> None:
    assert run("emit", toy).exit_code == 2
    assert run("emit").exit_code == 2
    assert run("emit", toy, "-t", "host", "--ram", "much").exit_code == 2


def test_budget_names_what_binds(run: Run, toy: str) -> None:
    result = run("emit", toy, "-t", "host", "--ram", "100")
    assert "where these are live at once" in result.stderr
    assert run("emit", toy, "-t", "host", "--no-measure", "--ram", "64k").exit_code == 0


def test_what_would_help_is_told_with_its_gain(run: Run, toy: str) -> None:
    result = run("emit", toy, "-t", "cortex-m3", "--ram", "100")
    gains = [
        int(gain) for gain in re.findall(r"--input \w+ .*: \d+ bytes, (\d+) less", result.stderr)
    ]
    assert gains == sorted(gains, reverse=True)
    assert gains


def test_arena_and_stack_obey_the_limit(run: Run, toy: str) -> None:
    def totals(*given: str) -> dict[str, int]:
        options = ("-t", "cortex-m4", "--json", "--force", "-o", "out")
        result = run("emit", toy, *options, *given)
        assert result.exit_code == 0, result.stderr
        found: dict[str, int] = json.loads(result.stdout)["totals"]
        return found

    fastest, least = totals(), totals("--ram", "min")
    assert least["arena_bytes"] <= fastest["arena_bytes"]
    both = least["arena_bytes"] + least["stack_bytes"]
    given = totals("--ram", str(both))
    assert given["arena_bytes"] + given["stack_bytes"] <= both
    short = run("emit", toy, "-t", "cortex-m4", "--ram", str(least["arena_lower_bound_bytes"]))
    assert (short.exit_code, "of them for the stack" in short.stderr) == (4, True)


def test_dump_ir_writes_every_stage(run: Run, toy: str, tmp_path: Path) -> None:
    assert run("emit", toy, "-t", "host", "--no-measure", "--dump-ir", "ir").exit_code == 0
    names = sorted(path.name for path in (tmp_path / "ir").iterdir())
    assert names == [
        "1_import.txt",
        "2_canonicalize.txt",
        "3_quantize.txt",
        "4_shrink.txt",
        "5_schedule.txt",
        "6_plan.txt",
    ]
    assert "conv2d" in (tmp_path / "ir" / "3_quantize.txt").read_text(encoding="utf-8")


def test_without_measuring_figures_are_null_and_noted(run: Run, toy: str) -> None:
    report = json.loads(run("emit", toy, "-t", "cortex-m7", "--no-measure", "--json").stdout)
    assert report["totals"]["code_bytes"] is None
    assert report["totals"]["arena_bytes"] > 0
    assert report["checks"] == []
    assert any("--no-measure" in note for note in report["notes"])


def test_the_written_plan_can_be_checked(run: Run, toy: str, tmp_path: Path) -> None:
    assert run("emit", toy, "-t", "cortex-m7", "--no-measure").exit_code == 0
    plan = load_plan(tmp_path / "toy" / "plan.json")
    report = json.loads((tmp_path / "toy" / "report.json").read_text(encoding="utf-8"))
    assert plan.bases[0].size_bytes == report["totals"]["arena_bytes"]
    assert check_plan(plan) == plan.calls > 0


@pytest.mark.parametrize("options", [("--optimize", "size"), ("--optimize", "speed", "--tune")])
def test_kernels_are_chosen_as_asked(
    run: Run, toy: str, options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Emitting compares every output byte with the reference."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    result = run("emit", toy, "-t", "cortex-m4", *options)
    assert result.exit_code == 0, result.stderr
    assert list((tmp_path / "cache").rglob("*.json"))
    assert run("emit", toy, "-t", "host", *options, "--force").exit_code == 2
