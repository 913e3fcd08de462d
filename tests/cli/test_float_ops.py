"""Layers in floats as a user meets them: never silently, and told wherever layers are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.cli.conftest import Run
from tests.frontend.compare import make_model

HINT = "hint: --float-ops allow computes this layer in floats"


@pytest.fixture
def powers(tmp_path: Path) -> tuple[str, ...]:
    """What emits a network with a power of about 1e-12 for a target, and samples of it."""
    shapes = {"x": (4, 6), "e": (4, 6)}
    model = make_model("r = Relu (x) p = Pow (r, e) y = Neg (p)", shapes=shapes)
    for node in model.graph.node:
        node.name = f"the_{node.op_type.lower()}"
    onnx.save(model, tmp_path / "net.onnx")
    rng = np.random.default_rng(0)
    x, e = rng.uniform(2e-4, 1e-3, (8, 4, 6)), rng.uniform(3.5, 4.5, (8, 4, 6))
    np.savez(tmp_path / "data.npz", x=x.astype(np.float32), e=e.astype(np.float32))
    return ("net.onnx", "--target", "cortex-m0plus", "--calibrate", "data.npz")


@pytest.fixture
def prescribed(tmp_path: Path) -> str:
    """A quantized network whose difference is in far finer steps than its operands."""
    number = {"s": np.float32(0.5), "fine": np.float32(1e-9), "zero": np.int8(0)}
    body = (
        "qa = QuantizeLinear (a, s, zero) da = DequantizeLinear (qa, s, zero)"
        " qb = QuantizeLinear (b, s, zero) db = DequantizeLinear (qb, s, zero)"
        " d = Sub (da, db)"
        " qy = QuantizeLinear (d, fine, zero) y = DequantizeLinear (qy, fine, zero)"
    )
    constants = {name: np.asarray(value) for name, value in number.items()}
    model = make_model(body, constants, {"a": (3, 4), "b": (3, 4)})
    model.graph.node[4].name = "the_sub"
    onnx.save(model, tmp_path / "qdq.onnx")
    return "qdq.onnx"


def test_without_the_option_it_is_an_error(run: Run, powers: tuple[str, ...]) -> None:
    result = run("emit", *powers)
    assert result.exit_code == 1
    assert "error[bad-quantization]" in result.stderr and HINT in result.stderr
    assert not Path("net").exists()


def test_with_it_report_and_header_tell(run: Run, powers: tuple[str, ...]) -> None:
    result = run("emit", *powers, "--float-ops", "allow")
    assert result.exit_code == 0, result.stderr
    assert "in floating point: the_pow" in result.stdout
    report = json.loads(Path("net/report.json").read_text(encoding="utf-8"))
    layers = {layer["name"]: layer for layer in report["layers"]}
    assert [name for name, layer in layers.items() if layer["in_float"]] == ["the_pow"]
    assert (layers["the_pow"]["op"], layers["the_pow"]["kernel"]) == (
        "elementwise",
        "power_in_float",
    )
    assert layers["the_pow"]["cycles"] > 24 * 1000, "no FPU"
    assert all(check["equal"] for check in report["checks"]) and len(report["checks"]) == 2
    header = Path("net/net.h").read_text(encoding="utf-8")
    assert "no floating point" not in header and "Pow 'the_pow'" in header
    assert "math.h" not in Path("net/net.c").read_text(encoding="utf-8")
    assert "in floating point: the_pow" in Path("net/report.html").read_text(encoding="utf-8")
    assert "in floating point: the_pow" in run("report", "net").stdout
    assert run("verify", "net", "--target", "cortex-m4").exit_code == 0


def test_check_tells_what_a_file_asks_for(run: Run, prescribed: str) -> None:
    refused = run("check", prescribed)
    assert refused.exit_code == 1 and HINT in refused.output
    allowed = run("check", prescribed, "--float-ops", "allow")
    assert allowed.exit_code == 0
    assert "Floats" in allowed.output and "'the_sub' (Sub)" in allowed.output
    found = json.loads(run("check", prescribed, "--float-ops", "allow", "--json").output)
    assert found["floats"] == ["qdq.onnx: node 'the_sub' (Sub)"]


def test_what_a_file_asks_for_is_emitted(run: Run, prescribed: str) -> None:
    options = ("--float-ops", "allow", "--target", "host")
    assert run("emit", prescribed, *options).exit_code == 0
