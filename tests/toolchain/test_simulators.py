"""Simulators of Verilog: what they send is read right, and what is wrong is found."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from codegen.emit.rtl.streams import output_words
from codegen.errors import MissingTool, ToolFailed
from codegen.toolchain.icarus import run_icarus
from codegen.toolchain.verilator import build_verilator, run_verilator
from tests.toolchain.echo_network import NAME, STREAMS, VERILOG, make_frames, write_network

FRAMES = 5
needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="no iverilog")
needs_verilator = pytest.mark.skipif(shutil.which("verilator") is None, reason="no verilator")


@needs_verilator
def test_verilator_tells_words_and_cycles_or_that_it_is_stuck(tmp_path: Path) -> None:
    simulator = build_verilator(NAME, write_network(tmp_path), STREAMS, tmp_path)
    frames, outputs = make_frames(FRAMES)
    swift = run_verilator(simulator, tmp_path, frames)
    assert swift.words == output_words(STREAMS, outputs)
    assert swift.intervals.tolist() == [3] * (FRAMES - 1), "a word a cycle, back to back"
    assert swift.registers == (7,) * 5
    slow = [run_verilator(simulator, tmp_path, frames, stall_percent=60, seed=s) for s in (1, 2)]
    assert all(run.words == swift.words and run.ends[-1] > swift.ends[-1] for run in slow)
    assert not np.array_equal(slow[0].ends, slow[1].ends), "another seed stalls at other times"
    with pytest.raises(ToolFailed, match="no progress since cycle"):
        run_verilator(simulator, tmp_path, frames, stall_percent=100)


@needs_icarus
@pytest.mark.parametrize("stall_percent", [0, 50])
def test_icarus_passes_what_is_right(tmp_path: Path, stall_percent: int) -> None:
    files, (frames, outputs) = write_network(tmp_path), make_frames(FRAMES)
    done = run_icarus(NAME, files, tmp_path, STREAMS, frames, outputs, stall_percent=stall_percent)
    assert done.passed and f"{3 * FRAMES} words, 0 wrong" in done.output


@needs_icarus
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (" = 8'd1;", ";"),
        ("4'b0011", "4'b0111"),
        ("m_axis_tlast <= word == 2'd2", "m_axis_tlast <= 1'b0"),
        ("table_of[", "~table_of["),
    ],
    ids=["unknown", "keep", "last", "bytes"],
)
def test_icarus_fails_what_is_wrong(tmp_path: Path, right: str, wrong: str) -> None:
    files, (frames, outputs) = write_network(tmp_path), make_frames(1)
    assert right in VERILOG
    files[0].write_text(VERILOG.replace(right, wrong))
    assert not run_icarus(NAME, files, tmp_path, STREAMS, frames, outputs).passed


def test_a_simulator_that_is_absent_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    frames, outputs = make_frames(1)
    with pytest.raises(MissingTool, match="iverilog is not installed"):
        run_icarus(NAME, [], tmp_path, STREAMS, frames, outputs)
    with pytest.raises(MissingTool, match="verilator is not installed"):
        build_verilator(NAME, [], STREAMS, tmp_path)
