"""--shape fixes what a model leaves open, wherever a model file is taken."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from tests.cli.conftest import Run
from tests.toy_model import SEGMENT_TEXT, SHAPES, TEXT, toy_model


@pytest.fixture
def open_model(tmp_path: Path) -> str:
    """The path of a network whose image has no fixed size."""
    text = SEGMENT_TEXT.replace("N, 2, 24, 9", "N, 2, rows, columns").replace(
        "N, 3, 24, 9", "N,M,R,C"
    )
    onnx.save(toy_model(text, {"w1": (3, 2, 3, 3)}), tmp_path / "open.onnx")
    return "open.onnx"


SHAPE = ("--shape", "image=1,2,12,7")


def test_emit_and_verify_take_a_shape(run: Run, open_model: str) -> None:
    done = run("emit", open_model, "-t", "host", *SHAPE)
    assert done.exit_code == 0, done.stderr
    report = json.loads(Path("open/report.json").read_text(encoding="utf-8"))
    assert [port["shape"] for port in report["interface"]["inputs"]] == [[12, 7, 2]]
    assert run("verify", "open").exit_code == 0
    done = run("verify", open_model, *SHAPE, "--samples", "1")
    assert done.exit_code == 0, done.stderr


def test_report_takes_a_shape(run: Run, open_model: str) -> None:
    done = run("report", open_model, "--json", *SHAPE)
    assert json.loads(done.stdout)["totals"]["macs"] == 12 * 7 * 3 * 2 * 9


def test_without_it_the_error_names_it(run: Run, open_model: str) -> None:
    for command in (("emit", open_model, "-t", "host"), ("report", open_model)):
        done = run(*command)
        assert done.exit_code == 1
        assert "--shape image=1,2,ROWS,COLUMNS" in done.stderr


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ("picture=1,2,12,7", "no input of that name, but image"),
        ("image=1,2,12", "the input has 4 dimensions, not 3"),
        ("image=1,3,12,7", "dimension 1 is 2, not 3"),
        ("image=1,2,x,7", "is no shape"),
        ("image=1,2,0,7", "is no shape"),
        ("1,2,12,7", "of which input?"),
    ],
)
def test_bad_shapes_are_usage_errors(run: Run, open_model: str, shape: str, message: str) -> None:
    done = run("emit", open_model, "-t", "host", "--shape", shape)
    assert done.exit_code == 2
    assert done.stderr.startswith("error[bad-option]: --shape")
    assert message in done.stderr
    assert not Path("open").exists()


def test_a_shape_is_given_once(run: Run, open_model: str) -> None:
    done = run("emit", open_model, "-t", "host", *SHAPE, *SHAPE)
    assert done.exit_code == 2
    assert "given more than once for image" in done.stderr


def test_of_several_networks_one_is_named(run: Run, open_model: str) -> None:
    onnx.save(toy_model(TEXT, SHAPES), "toy.onnx")
    emit = (
        "emit",
        open_model,
        "toy.onnx",
        "--share-arena",
        "--no-measure",
        "-t",
        "host",
        "-o",
        "both",
    )
    done = run(*emit, *SHAPE)
    assert done.exit_code == 2
    assert "which of the networks open, toy is meant?" in done.stderr
    done = run(*emit, "--shape", "open=image=1,2,12,7")
    assert done.exit_code == 0, done.stderr
