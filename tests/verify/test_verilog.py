"""Emitted Verilog under Verilator: equal to the reference, and an edited line is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from codegen.errors import BadOption
from codegen.options import Options
from codegen.project import emit_project, verify_model, verify_project
from tests.toy_model import write_toy

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("verilator") is None, reason="no verilator"),
]
SAMPLES = 16


@pytest.mark.parametrize("target", ["ecp5-85k", "ecp5-25k"])
def test_folder(tmp_path: Path, target: str) -> None:
    folder = tmp_path / "out"
    emit_project(Options(str(write_toy(tmp_path)), target), folder)
    checks = verify_project(folder, count=SAMPLES)
    assert [check.place for check in checks] == ["commands", "verilator"]
    assert all(check.equal and check.inputs == SAMPLES for check in checks)
    with pytest.raises(BadOption, match="holds Verilog"):
        verify_project(folder, ("cortex-m4",), count=1)


def test_an_edit_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    emit_project(Options(str(write_toy(tmp_path)), "ecp5-85k"), folder)
    weights = folder / "toy_weights_00.hex"
    first, *others = weights.read_text().splitlines()
    weights.write_text("\n".join(["7f" * (len(first) // 2), *others]) + "\n")
    _, check = verify_project(folder, count=4)
    assert check.difference is not None
    assert "the first layer that differs is" in check.difference.cause


def check_network(model: str, target: str, *, stream_weights: bool, **network: object) -> None:
    options = Options(model, target, network=network, stream_weights=stream_weights)
    checks = verify_model(options, (target,), count=SAMPLES)
    assert all(check.equal for check in checks) and len(checks) == 2


FILES = (
    "mlperf_tiny_vww_mobilenetv1_025_96_int8.onnx",
    "mlperf_tiny_ic_resnet8_int8.onnx",
    "mlperf_tiny_kws_dscnn_int8.onnx",
    "mlperf_tiny_ad_autoencoder_int8.onnx",
)


@pytest.mark.parametrize("file", FILES)
def test_a_network_of_the_shared_folder(shared_models: Path, file: str) -> None:
    check_network(str(shared_models / file), "ecp5-85k", stream_weights=False)


def test_weights_from_a_stream(shared_models: Path) -> None:
    check_network(str(shared_models / FILES[0]), "ecp5-25k", stream_weights=True)


ZOO = {
    "cifar10_cnn": {},
    "mobilenet_v1": {"alpha": 0.25, "resolution": 96},
    "mobilenet_v2": {"alpha": 0.35, "resolution": 96},
    "squeezenet": {"version": "1.1", "resolution": 64},
    "shufflenet_v1": {"scale": 0.25, "groups": 3, "resolution": 64},
}
"""Networks, and their options; all but the first have more weights than block RAM holds."""


@pytest.mark.parametrize("name", ZOO)
def test_a_network_of_the_zoo(name: str) -> None:
    check_network(name, "ecp5-85k", stream_weights=bool(ZOO[name]), **ZOO[name])
