"""`codegen emit --rtl-mode dataflow`: folders of Verilog, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from codegen.report.flow import load_flow
from tests.cli.conftest import Run
from tests.emit.rtl.test_flow import needs_verilator
from tests.toolchain.test_synthesis import find_or_skip

FLOW = ("--target", "ecp5-85k", "--rtl-mode", "dataflow")


def test_a_network_becomes_a_folder(run: Run, toy: str, tmp_path: Path) -> None:
    shown = run("emit", toy, *FLOW, "--dsp", "20", "-o", "net")
    assert shown.exit_code == 0, shown.output
    report = json.loads((tmp_path / "net" / "report.json").read_text())
    assert report["schema"] == "codegen.dataflow/1"
    assert report["cost"]["dsp"] <= 20
    assert f"A frame every {report['interval_cycles']:,} cycles" in shown.stdout
    assert "module toy_top (" in (tmp_path / "net" / "toy_top.v").read_text()
    words = (tmp_path / "net" / "toy_stage0_conv2d_weights.hex").read_text().split()
    fold = report["stages"][0]
    assert all(len(word) == 2 * fold["pe"] * fold["simd"] for word in words)
    again = run("emit", toy, *FLOW, "--fps", "50_000", "-o", "net", "--force", "--json")
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["interval_cycles"] <= 2000


def test_a_report_is_read_back(run: Run, toy: str, tmp_path: Path) -> None:
    written = run("emit", toy, *FLOW, "--json", "-o", "net").stdout
    assert run("report", "net", "--json").stdout == written
    assert "A frame every" in run("report", "net").stdout
    assert run("report", "net", "--memory").exit_code == 2
    path = tmp_path / "net" / "report.json"
    path.write_text(written.replace('"stages"', '"steps"'))
    found = run("report", "net")
    assert found.exit_code == 1 and "lacks or contradicts" in found.stderr


@needs_verilator
def test_verilog_is_verified_layer_by_layer(run: Run, toy: str, tmp_path: Path) -> None:
    run("emit", toy, *FLOW, "--dsp", "20", "-o", "net")
    found = run("verify", "net", "--samples", "5")
    assert found.exit_code == 0, found.stderr
    assert "reference and Verilog, simulated, rtl kernels: 5 inputs" in found.stdout
    assert run("verify", "net", "-t", "host").exit_code == 2
    weights = tmp_path / "net" / "toy_stage0_conv2d_weights.hex"
    words = weights.read_text()
    weights.write_text(f"{int(words[0], 16) ^ 8:x}{words[1:]}")
    found = run("verify", "net", "--samples", "5")
    assert found.exit_code == 3
    assert re.search("layer that differs is|but not what .* makes", found.stderr), found.stderr


@needs_verilator
def test_a_model_is_verified_as_a_flow(run: Run, toy: str) -> None:
    found = run("verify", toy, *FLOW, "--fps", "1000", "--samples", "2", "--json")
    assert found.exit_code == 0, found.stderr
    (check,) = json.loads(found.stdout)["checks"]
    assert (check["place"], check["inputs"], check["equal"]) == ("verilator", 2, True)


@pytest.mark.slow
def test_synthesis_finds_what_was_counted(run: Run, toy: str, tmp_path: Path) -> None:
    find_or_skip("yosys", "nextpnr-ecp5")
    run("emit", toy, *FLOW, "-o", "net")
    found = run("synth", "net", "--seeds", "1", "--freq", "1")
    assert found.exit_code == 0, found.stderr
    report = load_flow(tmp_path / "net" / "report.json")
    made = report.synthesis
    assert made is not None
    assert (made.dsps, made.block_rams) == (report.cost.dsp, report.cost.block_ram)
    assert f"{made.timings[0].mhz:.2f}" in run("report", "net").stdout


def test_what_is_out_of_reach_does_not_fit(run: Run, toy: str) -> None:
    found = run("emit", toy, *FLOW, "--dsp", "1")
    assert found.exit_code == 4
    assert "multipliers of 1" in found.stderr


def test_options_of_dataflow_alone(run: Run, toy: str) -> None:
    assert run("emit", toy, "--target", "ecp5-85k", "--fps", "10").exit_code == 2
    found = run("emit", toy, "--target", "cortex-m4", "--rtl-mode", "dataflow")
    assert found.exit_code == 2
    assert "is no FPGA" in found.stderr
