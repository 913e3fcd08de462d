"""Samples and methods on the command line: folders of images, functions, and their errors."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen.cli.console import progress_bar
from tests.cli.conftest import Run
from tests.toy_model import toy_model

Image = pytest.importorskip("PIL.Image")

COLORS = """
<ir_version: 8, opset_import: ["" : 17]>
colors (float[N, 3, 8, 8] image) => (float[N, 4] scores)
{
    a = Conv <kernel_shape = [3, 3], strides = [2, 2]> (image, w1)
    b = Relu (a)
    c = Flatten (b)
    scores = Gemm <transB = 1> (c, w2)
}
"""
FUNCTION = """
import numpy as np

def train():
    for index in range(12):
        yield np.full((3, 8, 8), index / 12, np.float32)

def fails():
    raise OSError("no data here")
"""
EMIT = ("emit", "colors.onnx", "--target", "host", "--no-measure", "--json")


@pytest.fixture
def colors(tmp_path: Path) -> Iterator[Path]:
    """A folder with a network, images, and a module with a function."""
    model = toy_model(COLORS, {"w1": (5, 3, 3, 3), "w2": (4, 45)})
    (tmp_path / "colors.onnx").write_bytes(model.SerializeToString())
    (tmp_path / "photos").mkdir()
    rng = np.random.default_rng(2)
    for index in range(6):
        pixels = rng.integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{index}.png")
    (tmp_path / "cli_samples.py").write_text(FUNCTION)
    path = list(sys.path)
    yield tmp_path
    sys.path[:] = path
    sys.modules.pop("cli_samples", None)


def report(run: Run, *arguments: str) -> dict[str, Any]:
    result = run(*EMIT, *arguments)
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_images(run: Run, colors: Path) -> None:
    """All pixels occur, so red and green reach from -2 to 2."""
    found = report(run, "--calibrate", "photos", "--mean", "0.5", "--std", "0.25,0.25,0.5")
    given = {"kind": "samples", "samples": 6, "source": "photos", "method": "min-max"}
    assert found["calibration"] == given
    assert found["interface"]["inputs"][0]["scale"] == pytest.approx(4 / 255, rel=0.02)


@pytest.mark.parametrize("method", ["percentile", "mse", "entropy"])
def test_methods(run: Run, colors: Path, method: str) -> None:
    given = ("--calibrate", "cli_samples:train", "--calibration-method", method)
    found = report(run, *given, "--percentile", "99")["calibration"]
    name = "percentile 99" if method == "percentile" else method
    assert found["method"] == name and found["samples"] == 12
    assert found["source"] == "cli_samples:train"


def test_accuracy_on_images(run: Run, colors: Path) -> None:
    np.save(colors / "classes.npy", np.arange(6) % 4)
    scaling = ("--mean", "127.5", "--std", "127.5")
    data = ("--calibrate", "cli_samples:train", "--data", "photos", "--labels", "classes.npy")
    result = run("accuracy", "colors.onnx", *data, *scaling, "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["samples"] == 6 and found["labelled"] and found["data"] == "photos"


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (
            ("--calibrate", "cli_samples:fails"),
            1,
            "error[bad-data]: cli_samples:fails raises OSError",
        ),
        (("--calibrate", "no_such:f"), 1, "error[unreadable-file]: cannot be imported"),
        (("--calibrate", "photos.txt"), 1, "error[unreadable-file]: this is no file of samples"),
        (("--calibrate", "photos", "--mean", "1,2"), 2, "error[bad-option]: --mean has 2 numbers"),
        (("--calibrate", "photos", "--std", "0"), 2, "deviations above zero"),
        (("--calibrate", "photos", "--mean", "a"), 2, "'a' is no list of numbers"),
        (("--calibrate", "photos", "--layout", "nhwc"), 1, "error[bad-data]: images have 1 or 3"),
        (
            ("--calibrate", "cli_samples:train", "--mean", "1"),
            2,
            "error[bad-option]: --mean, --std",
        ),
        (("--mean", "1"), 2, "error[bad-option]: --mean, --std and --layout are for images"),
        (("--percentile", "50"), 2, "--percentile"),
        (("--calibration-method", "magic"), 2, "--calibration-method"),
    ],
)
def test_errors(
    run: Run, colors: Path, arguments: tuple[str, ...], status: int, words: str
) -> None:
    result = run(*EMIT, *arguments)
    assert result.exit_code == status and words in result.stderr
    assert "Traceback" not in result.stderr and not (colors / "colors").exists()


def test_progress_without_a_total(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the number of samples is open, those done are told; then a bar with a total follows."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_bar() as update:
        update("calibrating", 1200, None)
    assert "calibrating, 1,200 so far" in capsys.readouterr().err
    with progress_bar() as update:
        update("calibrating", 3, None)
        update("repairing", 1, 4)
    shown = capsys.readouterr().err
    assert "repairing" in shown and "so far" not in shown.rpartition("repairing")[2]
