"""codegen emit --target hls: what is written, proved and said, and what cannot be asked for."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import onnx
import onnx.parser
import pytest

from codegen.options import Options
from codegen.project import emit_project, verify_project
from tests.cli.conftest import Run
from tests.emit.test_unsigned import qlinear
from tests.toy_model import write_sibling

NOTE = "no HLS tool has synthesized these files"


@pytest.fixture
def folder(run: Run, toy: str, tmp_path: Path) -> Path:
    result = run("emit", toy, "--target", "hls")
    assert result.exit_code == 0, result.stderr
    for words in (
        "equal     reference and host C, hls kernels: 4 inputs",
        "equal     reference and top function and testbench on the host, hls kernels: 4 inputs",
        f"note: {NOTE}",
    ):
        assert words in result.stdout
    return tmp_path / "toy"


def test_the_folder_says_what_was_proved_and_what_was_not(folder: Path) -> None:
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert NOTE in report["notes"]
    assert [check["place"] for check in report["checks"]] == ["host", "top function"]
    assert "No HLS tool has synthesized these files." in (folder / "toy_hls.c").read_text()


def test_make_runs_the_testbench(folder: Path) -> None:
    if shutil.which("make") is None or shutil.which("cc") is None:
        pytest.skip("make or cc is not installed")
    done = subprocess.run(["make", "-C", str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    assert "toy: 0 output values differ from the reference" in done.stdout


def test_a_folder_is_verified_as_it_is_now(run: Run, folder: Path) -> None:
    result = run("verify", str(folder), "--json")
    assert result.exit_code == 0, result.stderr
    checks = json.loads(result.stdout)["checks"]
    assert [check["place"] for check in checks] == ["host", "top function"]
    assert all(check["equal"] and check["inputs"] >= 16 for check in checks)


def test_a_changed_top_function_is_found_and_placed(run: Run, folder: Path) -> None:
    top = folder / "toy_hls.c"
    text = top.read_text(encoding="utf-8")
    changed = text.replace("output[i] = arena", "output[i] = (int8_t)-arena")
    assert changed != text
    top.write_text(changed, encoding="utf-8")
    result = run("verify", str(folder))
    assert result.exit_code == 3
    assert "toy_hls.c, line" in result.stdout + result.stderr


def test_a_changed_golden_value_is_found(run: Run, folder: Path) -> None:
    header = folder / "toy_test.h"
    start, name, rest = header.read_text(encoding="utf-8").partition("toy_golden_output[3] = {\n")
    value, comma, others = rest.partition(",")
    header.write_text(f"{start}{name}    {int(value) + 1}{comma}{others}", encoding="utf-8")
    result = run("verify", str(folder))
    assert result.exit_code == 3
    assert "toy_hls_tb.c returned 1" in result.stderr


def test_a_changed_place_is_not_what_the_plan_says(run: Run, folder: Path) -> None:
    source = folder / "toy.c"
    text = source.read_text(encoding="utf-8")
    changed = re.sub(r"(\n    const int32_t y = )(\d+;)", r"\g<1>1\2", text, count=1)
    assert changed != text
    source.write_text(changed, encoding="utf-8")
    result = run("verify", str(folder))
    assert result.exit_code == 3
    assert "has its y not at arena" in result.stderr


@pytest.mark.parametrize("options", [("--input", "rows"), ("--input", "const")])
def test_inputs_pass_whole(run: Run, toy: str, options: tuple[str, ...]) -> None:
    result = run("emit", toy, "--target", "hls", *options)
    assert result.exit_code == 2
    assert "error[bad-option]: --target hls: the top function copies whole inputs" in result.stderr


def test_a_network_becomes_hardware_alone(run: Run, toy: str, tmp_path: Path) -> None:
    sibling = str(write_sibling(tmp_path))
    result = run("emit", toy, sibling, "--share-arena", "--target", "hls")
    assert result.exit_code == 2
    assert "error[bad-option]: --target hls: a network becomes hardware alone" in result.stderr


def test_what_has_no_kernel_is_named(run: Run, toy: str) -> None:
    result = run("emit", toy, "--target", "hls", "--activations", "int16")
    assert result.exit_code == 1
    assert "error[unsupported-op]: no hls kernel for conv2d" in result.stderr
    assert "error[unsupported-op]: no hls kernel for softmax" in result.stderr


def test_what_computes_nothing_is_no_hardware(run: Run, tmp_path: Path) -> None:
    text = """
    <ir_version: 8, opset_import: ["" : 17]>
    still (float[N, 2, 6] x) => (float[N, 12] y) { y = Flatten (x) }
    """
    onnx.save(onnx.parser.parse_model(text), tmp_path / "still.onnx")
    result = run("emit", "still.onnx", "--target", "hls")
    assert result.exit_code == 2
    assert "error[bad-option]: --target hls: the network computes nothing" in result.stderr


def test_bytes_without_a_sign_pass_as_they_are(tmp_path: Path) -> None:
    onnx.save(qlinear(), tmp_path / "image.onnx")
    report = emit_project(Options(str(tmp_path / "image.onnx"), "hls"), tmp_path / "net")
    assert [(check.place, check.equal) for check in report.checks] == [
        ("host", True),
        ("top function", True),
    ]
    assert "void image_top(const uint8_t input[" in (tmp_path / "net/image_hls.h").read_text()


def test_a_folder_for_a_core_has_no_top_function(run: Run, toy: str) -> None:
    assert run("emit", toy, "--target", "cortex-m4", "--no-measure").exit_code == 0
    result = run("verify", "toy", "--target", "hls")
    assert result.exit_code == 1
    assert "there is no toy_hls.c" in result.stderr


def test_a_model_is_verified_without_a_folder(run: Run, toy: str) -> None:
    result = run("verify", toy, "--target", "hls")
    assert result.exit_code == 0, result.stderr
    assert "top function and testbench on the host" in result.stdout


def test_a_real_network(shared_models: Path, tmp_path: Path) -> None:
    """Keyword spotting of MLPerf Tiny: every output byte on 16 inputs."""
    model = shared_models / "mlperf_tiny_kws_dscnn_int8.onnx"
    emit_project(Options(str(model), "hls"), tmp_path / "kws", measure=False)
    checks = verify_project(tmp_path / "kws", count=16)
    assert [(check.place, check.inputs) for check in checks] == [
        ("host", 16),
        ("top function", 16),
    ]
    assert all(check.equal for check in checks)
