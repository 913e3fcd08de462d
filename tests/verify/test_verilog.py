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


def test_a_network_of_the_shared_folder(shared_models: Path) -> None:
    model = shared_models / "mlperf_tiny_vww_mobilenetv1_025_96_int8.onnx"
    checks = verify_model(Options(str(model), "ecp5-85k"), ("ecp5-85k",), count=SAMPLES)
    assert all(check.equal for check in checks) and len(checks) == 2
