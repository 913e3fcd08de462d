"""codegen accuracy: what it reads, what it measures, what it says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from codegen.accuracy import load_evaluation, measure_accuracy
from codegen.cli import cli
from codegen.errors import BadCalibrationData, VerificationFailed
from codegen.ir.types import Array
from codegen.options import Options
from codegen.pipeline import Compiled, compile_model
from tests.quantize import real_models as real
from tests.toy_model import toy_model, write_toy

COUNT = 90
AUTOENCODER = """
<ir_version: 8, opset_import: ["" : 17]>
rebuild (float[N, 6] window) => (float[N, 6] same)
{
    a = Gemm <transB = 1> (window, w1)
    b = Relu (a)
    same = Gemm <transB = 1> (b, w2)
}
"""
IMAGES = np.random.default_rng(3).normal(0, 1, (COUNT, 2, 6, 6)).astype(np.float32)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["accuracy", *arguments], prog_name="codegen")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    folder = tmp_path_factory.mktemp("toy")
    np.savez(folder / "samples.npz", image=IMAGES)
    model = str(write_toy(folder))
    return compile_model(Options(model, "host", calibrate=folder / "samples.npz", shrink=False))


def float_scores(compiled: Compiled) -> Array:
    model, graph = compiled.network.model, compiled.network.graph
    samples = compiled.network.samples
    return real.run_onnxruntime(model, graph, samples)


def test_labels_are_counted(compiled: Compiled, tmp_path: Path) -> None:
    """Labels that the float network gives itself are all right, but for a tenth."""
    scores = float_scores(compiled)
    labels = scores.argmax(axis=1)
    labels[: COUNT // 10] = (labels[: COUNT // 10] + 1) % 3
    np.savez(tmp_path / "eval.npz", image=IMAGES, labels=labels)
    data = load_evaluation(tmp_path / "eval.npz", compiled.network.graph)
    found = measure_accuracy(compiled, data)
    assert found.scores[0].top1 == 0.9
    assert found.scores[0].top5 is None, "there are three classes"
    fixed = real.run_fixed(compiled.network.graph, compiled.network.samples)
    assert found.scores[1].top1 == (fixed.argmax(axis=1) == labels).mean()
    assert found.scores[2].top1 == found.scores[1].top1
    assert found.agreement == (fixed.argmax(axis=1) == scores.argmax(axis=1)).mean() > 0.9
    changed = sum(pair.samples for pair in found.confusions)
    assert changed == round((1 - found.agreement) * COUNT)
    error = float(np.square(fixed - scores).mean())
    assert found.outputs[0].mean_squared_error == pytest.approx(error)


def test_layers_are_ranked(compiled: Compiled, tmp_path: Path) -> None:
    np.savez(tmp_path / "eval.npz", image=IMAGES)
    data = load_evaluation(tmp_path / "eval.npz", compiled.network.graph)
    found = measure_accuracy(compiled, data.first(20))
    assert found.samples == 20 and not found.labelled
    ratios = [layer.sqnr_db for layer in found.layers]
    assert len(ratios) >= 3 and ratios == sorted(ratios)
    first = next(layer for layer in found.layers if layer.op == "conv2d")
    assert first.sqnr_db == pytest.approx(first.alone_db), "its operand is the input"
    assert all(20 < layer.alone_db < 80 for layer in found.layers)


def test_wrong_c_is_found(compiled: Compiled, tmp_path: Path) -> None:
    files = dict(compiled.files)
    weights = files["toy_weights.c"]
    assert isinstance(weights, str)
    start = weights.index("{", weights.index("const int32_t")) + 1
    files["toy_weights.c"] = weights[:start] + "1000000 + " + weights[start:].lstrip()
    np.savez(tmp_path / "eval.npz", image=IMAGES)
    data = load_evaluation(tmp_path / "eval.npz", compiled.network.graph)
    with pytest.raises(VerificationFailed, match="reference and host C differ"):
        measure_accuracy(replace(compiled, files=files), data.first(4))


def test_reconstruction_is_measured(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    model = toy_model(AUTOENCODER, {"w1": (4, 6), "w2": (6, 4)})
    (tmp_path / "rebuild.onnx").write_bytes(model.SerializeToString())
    windows = rng.normal(0, 1, (40, 6)).astype(np.float32)
    labels = np.repeat([0, 1], 20)
    windows[20:] *= 4
    np.savez(tmp_path / "eval.npz", window=windows, anomaly=labels)
    path = tmp_path / "rebuild.onnx"
    options = Options(str(path), "host", shrink=False)
    compiled = compile_model(options)
    data = load_evaluation(tmp_path / "eval.npz", compiled.network.graph, "anomaly")
    found = measure_accuracy(compiled, data)
    same = real.run_onnxruntime(compiled.network.model, compiled.network.graph, data.samples)
    error = np.square(same - windows).mean(axis=1)
    assert found.scores[0].reconstruction == pytest.approx(error.mean())
    assert found.scores[0].auc is not None and found.scores[0].auc > 0.8
    assert found.agreement is None, "there are no classes"


@pytest.mark.parametrize(
    ("labels", "option", "message"),
    [
        (np.zeros(3, int), None, "labels of shape"),
        (np.full(COUNT, 0.5), None, "one integer for each sample"),
        (np.zeros(COUNT, int), "classes", "no array 'classes'"),
    ],
)
def test_labels_that_are_none_are_refused(
    compiled: Compiled, tmp_path: Path, labels: Array, option: str | None, message: str
) -> None:
    np.savez(tmp_path / "eval.npz", image=IMAGES, labels=labels)
    with pytest.raises(BadCalibrationData) as caught:
        load_evaluation(tmp_path / "eval.npz", compiled.network.graph, option)
    assert message in str(caught.value)


def test_the_command(tmp_path: Path) -> None:
    model = str(write_toy(tmp_path))
    np.savez(tmp_path / "eval.npz", image=IMAGES)
    np.save(tmp_path / "classes.npy", np.zeros(COUNT, int))
    data = str(tmp_path / "eval.npz")
    given = [model, "--data", data, "--calibrate", data, "--labels", str(tmp_path / "classes.npy")]
    shown = run(*given)
    assert shown.exit_code == 0, shown.stderr
    assert "toy.onnx on 90 samples of eval.npz" in shown.stdout
    for text in ("Top-1", "host C", "Same top-1 in float and fixed point", "Layer, worst first"):
        assert text in shown.stdout
    document = json.loads(run(*given, "--json", "--limit", "5").stdout)
    assert document["schema"] == "codegen.accuracy/1"
    assert document["samples"] == 5
    assert {scores["form"] for scores in document["scores"]} == {"float", "fixed point", "host C"}
    missing = run(model, "--data", str(tmp_path / "none.npz"))
    assert missing.exit_code == 1 and "none.npz" in missing.stderr
