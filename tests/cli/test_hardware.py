"""Networks as hardware: the folder, its report, and what cannot be asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from codegen.dataflow import FlowGoal, emit_dataflow
from codegen.errors import BadOption, DoesNotFit, UnsupportedOperator
from codegen.options import Options
from codegen.project import emit_bundle, emit_project, read_project
from codegen.report import report_to_json
from tests.cli.conftest import Run
from tests.toolchain.test_synthesis import find_or_skip
from tests.toy_model import write_toy

BOARD = "ecp5-85k"


def test_folder(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    report = emit_project(Options(str(write_toy(tmp_path)), BOARD), folder)
    images = {"toy_program_00.hex", "toy_weights_00.hex"}
    wanted = {"toy_top.v", "toy_engine.v", "plan.json", *images}
    assert wanted <= {file.name for file in folder.iterdir()}
    assert not list(folder.glob("*.[ch]"))
    assert [check.place for check in report.checks] == ["commands"] and report.checks[0].equal
    hardware = report.hardware
    assert hardware is not None and hardware.dsps == 72 and hardware.cycles == report.totals.cycles
    assert sum(layer.cycles or 0 for layer in report.layers) < hardware.cycles
    (found,) = read_project(folder).networks
    assert json.loads(report_to_json(found)) == json.loads((folder / "report.json").read_text())


def test_what_binds(tmp_path: Path) -> None:
    options = Options("cifar10_cnn", "ice40up5k", samples=1)
    with pytest.raises(DoesNotFit, match=r"block RAMs.*has 30: ") as caught:
        emit_project(options, tmp_path / "out", measure=False)
    assert "logic cells, iCE40UP5K-SG48 has 5,280" in str(caught.value)
    assert caught.value.exit_status == 4
    assert not (tmp_path / "out").exists()


def test_weights_from_a_stream(tmp_path: Path) -> None:
    """Commands are cut as the ring asks, and do the same; without the option memories are full."""
    options = Options("cifar10_cnn", "ecp5-25k", samples=1)
    with pytest.raises(DoesNotFit, match="--stream-weights"):
        emit_project(options, tmp_path / "rom", measure=False)
    folder = tmp_path / "ring"
    report = emit_project(replace(options, stream_weights=True), folder)
    hardware = report.hardware
    assert hardware is not None and hardware.block_ram_count <= hardware.block_rams_available
    assert report.checks[0].equal and hardware.ring >= 2
    stream = (folder / "cifar10_cnn_weights.bin").read_bytes()
    assert len(stream) > hardware.ring * hardware.pe * hardware.simd
    assert not list(folder.glob("*_weights_*.hex"))


def test_what_a_stream_of_weights_is_not_for(tmp_path: Path) -> None:
    options = Options(str(write_toy(tmp_path)), "cortex-m4", stream_weights=True)
    with pytest.raises(BadOption, match="is no FPGA"):
        emit_project(options, tmp_path / "out")
    flow = replace(options, target=BOARD)
    with pytest.raises(BadOption, match="--stream-weights"):
        emit_dataflow(flow, FlowGoal(), tmp_path / "out")


def test_what_an_fpga_is_not_asked_for(tmp_path: Path) -> None:
    options = Options(
        str(write_toy(tmp_path)), BOARD, input_mode="rows", flash_bytes=1 << 20, name="toy"
    )
    with pytest.raises(BadOption) as caught:
        emit_bundle("two", (options, options), tmp_path / "out")
    text = str(caught.value)
    assert "--flash" in text


def test_rows_of_the_input_are_for_c(tmp_path: Path) -> None:
    options = Options(str(write_toy(tmp_path)), BOARD, input_mode="rows")
    with pytest.raises(BadOption, match="--input, --output: not for target 'ecp5-85k'"):
        emit_project(options, tmp_path / "out")


def test_values_of_16_bits_are_unsupported(tmp_path: Path) -> None:
    options = Options(str(write_toy(tmp_path)), BOARD, activations="int16")
    with pytest.raises(UnsupportedOperator, match="the engine has, of int8: add"):
        emit_project(options, tmp_path / "out")


def test_c_is_not_synthesized(run: Run, toy: str) -> None:
    run("emit", toy, "-t", "host", "--no-measure")
    found = run("synth", "toy")
    assert found.exit_code == 2 and "no FPGA" in found.stderr


@pytest.mark.slow
def test_synthesis_is_merged_into_the_report(run: Run, toy: str) -> None:
    find_or_skip("yosys", "nextpnr-ecp5")
    run("emit", toy, "-t", BOARD)
    found = run("synth", "toy", "--seeds", "1", "--freq", "1")
    assert found.exit_code == 0, found.stderr
    (report,) = read_project(Path("toy")).networks
    made, counted = report.synthesis, report.hardware
    assert made is not None and counted is not None
    assert (made.dsps, made.block_rams) == (counted.dsps, counted.block_ram_count)
    assert made.logic_cells == pytest.approx(counted.logic_cells, rel=0.25)
    assert f"{made.timings[0].mhz:.2f}" in found.stdout
    assert run("synth", "toy", "--seeds", "1", "--freq", "900").exit_code == 4
