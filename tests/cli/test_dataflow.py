"""`codegen emit --rtl-mode dataflow`: folders of Verilog, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run

FLOW = ("--target", "ecp5-85k", "--rtl-mode", "dataflow")


def test_a_network_becomes_a_folder(run: Run, toy: str, tmp_path: Path) -> None:
    shown = run("emit", toy, *FLOW, "--dsp", "20", "-o", "net")
    assert shown.exit_code == 0, shown.output
    report = json.loads((tmp_path / "net" / "report.json").read_text())
    assert report["schema"] == "codegen.dataflow/1"
    assert report["cost"]["dsp"] <= 20
    assert f"A frame every {report['interval_cycles']:,} cycles" in shown.stdout
    assert "module toy_top (" in (tmp_path / "net" / "toy_top.v").read_text()
    words = (tmp_path / "net" / "stage0_conv2d_weights.hex").read_text().split()
    fold = report["stages"][0]
    assert all(len(word) == 2 * fold["pe"] * fold["simd"] for word in words)
    again = run("emit", toy, *FLOW, "--fps", "50_000", "-o", "net", "--force", "--json")
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["interval_cycles"] <= 2000


def test_what_is_out_of_reach_does_not_fit(run: Run, toy: str) -> None:
    found = run("emit", toy, *FLOW, "--dsp", "1")
    assert found.exit_code == 4
    assert "multipliers of 1" in found.stderr


def test_options_of_dataflow_alone(run: Run, toy: str) -> None:
    assert run("emit", toy, "--target", "ecp5-85k", "--fps", "10").exit_code == 2
    found = run("emit", toy, "--target", "cortex-m4", "--rtl-mode", "dataflow")
    assert found.exit_code == 2
    assert "is no FPGA" in found.stderr
