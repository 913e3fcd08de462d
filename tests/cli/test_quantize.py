"""codegen quantize, as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from codegen.ir.text import load_graph
from codegen.verify.same_graph import find_difference
from tests.cli.conftest import Run
from tests.toy_model import toy_model


def test_the_file_runs_and_says_how_near_it_is(run: Run, toy: str, tmp_path: Path) -> None:
    result = run("quantize", toy, "-o", "net/toy.qdq.onnx")
    assert result.exit_code == 0, result.stderr
    for words in ("SYNTHETIC", "int8", "read back: the same 5 layers", "wrote net/toy.qdq.onnx"):
        assert words in result.stdout
    session = onnxruntime.InferenceSession(tmp_path / "net" / "toy.qdq.onnx")
    image = np.zeros((1, 2, 6, 6), np.float32)
    (scores,) = session.run(None, {"image": image})
    assert scores.shape == (1, 3) and abs(scores.sum() - 1) < 0.02
    assert [path.name for path in (tmp_path / "net").iterdir()] == ["toy.qdq.onnx"]


def test_the_file_becomes_the_c_that_the_model_becomes(run: Run, toy: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "data.npz", image=rng.normal(size=(5, 2, 6, 6)).astype(np.float32))
    given = ("--calibrate", "data.npz")
    assert run("quantize", toy, *given).exit_code == 0
    for model, folder, options in (
        (toy, "direct", given),
        ("toy.qdq.onnx", "read", ("--name", "toy")),
    ):
        result = run("emit", model, "-t", "cortex-m4", "-o", folder, "--no-measure", *options)
        assert result.exit_code == 0, result.stderr
    graphs = [load_graph(tmp_path / folder / "toy_graph.npz") for folder in ("direct", "read")]
    assert find_difference(*graphs) == ""
    weights = [tmp_path / folder / "toy_weights.c" for folder in ("direct", "read")]
    assert numbers(weights[0]) == numbers(weights[1])


def numbers(path: Path) -> list[str]:
    """Return the lines of a C file that hold numbers alone."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.strip().strip("-0123456789, ")]


def test_a_file_that_exists_is_replaced_only_by_force(run: Run, toy: str, tmp_path: Path) -> None:
    path = tmp_path / "toy.qdq.onnx"
    path.write_text("mine", encoding="utf-8")
    result = run("quantize", toy)
    assert result.exit_code == 1 and "error[output-exists]" in result.stderr
    assert path.read_text(encoding="utf-8") == "mine"
    assert run("quantize", toy, "--force").exit_code == 0
    onnx.checker.check_model(onnx.load(path))


def test_nothing_appears_where_an_operator_has_no_form(run: Run, tmp_path: Path) -> None:
    text = """
    <ir_version: 8, opset_import: ["" : 17]>
    net (float[1, 4, 6, 6] x) => (float[1, 4, 6, 6] z)
    {
        a = LpPool <kernel_shape=[3, 3], pads=[1, 1, 1, 1]> (x)
        b = Relu (a)
        z = LpPool <kernel_shape=[3, 3], pads=[1, 1, 1, 1]> (b)
    }
    """
    onnx.save(toy_model(text, {}), tmp_path / "net.onnx")
    result = run("quantize", "net.onnx", "-o", "made/net.qdq.onnx")
    assert result.exit_code == 1
    assert result.stderr.count("error[unsupported-op]") == 2
    assert not (tmp_path / "made").exists()


def test_options_of_emission_are_not_taken(run: Run, toy: str) -> None:
    result = run("quantize", toy, "--ram", "64k")
    assert result.exit_code == 2 and "No such option" in result.stderr


def test_activations_of_16_bits_ask_for_a_later_opset(run: Run, toy: str, tmp_path: Path) -> None:
    assert run("quantize", toy, "--activations", "int16").exit_code == 0
    assert onnx.load(tmp_path / "toy.qdq.onnx").opset_import[0].version == 21


def test_powers_of_two_show_their_q_formats(run: Run, toy: str, tmp_path: Path) -> None:
    result = run("quantize", toy, "--scheme", "pow2")
    assert result.exit_code == 0, result.stderr
    assert "int8 Q0.7" in result.stdout
    result = run("emit", "toy.qdq.onnx", "-t", "host", "--scheme", "pow2", "-o", "net")
    assert result.exit_code == 0, result.stderr
    assert "Format" in result.stdout and "Q0.7" in result.stdout
    layers = json.loads((tmp_path / "net" / "report.json").read_text(encoding="utf-8"))["layers"]
    assert all(layer["q_format"].startswith("Q") for layer in layers)
    assert run("quantize", toy, "-o", "affine.qdq.onnx").exit_code == 0
    result = run("emit", "affine.qdq.onnx", "-t", "host", "--scheme", "pow2")
    assert result.exit_code == 1 and "error[bad-quantization]" in result.stderr
