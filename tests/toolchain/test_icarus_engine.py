"""A whole network's engine in Icarus: what is not initialized reaches no output, even at first."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from codegen.emit.rtl.streams import Streams, output_words
from codegen.ir.evaluate import evaluate
from codegen.ir.text import load_graph
from codegen.ir.types import Array
from codegen.options import Options
from codegen.project import emit_project
from codegen.toolchain.icarus import Outcome, run_icarus
from codegen.toolchain.netlist import run_netlist
from codegen.verify import make_inputs
from tests.toolchain.test_synthesis import find_or_skip
from tests.toy_model import write_every, write_toy

pytestmark = pytest.mark.skipif(shutil.which("iverilog") is None, reason="no iverilog")
BOARD = "ecp5-85k"
NAME = "toy"
FRAMES = 2


@dataclass(frozen=True, slots=True)
class Emitted:
    """A folder emitted for an FPGA, its streams, frames, and what must come of them."""

    folder: Path
    streams: Streams
    frames: Array
    outputs: Array

    @property
    def name(self) -> str:
        return self.folder.name


def emit(options: Options, folder: Path) -> Emitted:
    report = emit_project(replace(options, name=folder.name), folder)
    graph = load_graph(folder / f"{folder.name}_graph.npz")
    frames = [array[:FRAMES] for array in make_inputs(graph, (), FRAMES).arrays]
    values = evaluate(graph, frames, list(graph.outputs))
    weights = folder / f"{folder.name}_weights.bin"
    assert report.hardware is not None
    streams = Streams(
        report.hardware.simd,
        tuple(port.size_bytes for port in report.interface.inputs),
        tuple(port.size_bytes for port in report.interface.outputs),
        weights.stat().st_size if weights.exists() else 0,
    )
    return Emitted(folder, streams, _rows(frames), _rows([values[name] for name in graph.outputs]))


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Emitted:
    out = tmp_path_factory.mktemp("icarus")
    return emit(Options(str(write_toy(out)), BOARD), out / NAME)


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Emitted:
    out = tmp_path_factory.mktemp("every")
    return emit(Options(str(write_every(out)), BOARD), out / "every")


@pytest.fixture(scope="module")
def streamed(tmp_path_factory: pytest.TempPathFactory) -> Emitted:
    out = tmp_path_factory.mktemp("streamed")
    return emit(Options(str(write_every(out)), BOARD, stream_weights=True), out / "streamed")


def _rows(arrays: list[Array]) -> Array:
    """Return a row of bytes a frame."""
    rows = [array.reshape(len(array), -1).view(np.int8) for array in arrays]
    return np.concatenate(rows, axis=1)


def run(network: Emitted, folder: Path, stall_percent: int) -> Outcome:
    for kind in ("hex", "bin"):
        for image in network.folder.glob(f"*_*.{kind}"):
            shutil.copy(image, folder)
    return run_icarus(
        network.name,
        sorted(network.folder.glob(f"{network.name}_*.v")),
        folder,
        network.streams,
        network.frames,
        network.outputs,
        stall_percent=stall_percent,
    )


@pytest.mark.parametrize("stall_percent", [0, 40])
def test_the_engine(network: Emitted, tmp_path: Path, stall_percent: int) -> None:
    found = run(network, tmp_path, stall_percent)
    assert found.passed, found.output


@pytest.mark.slow
def test_every_kind_of_layer(every: Emitted, tmp_path: Path) -> None:
    found = run(every, tmp_path, 20)
    assert found.passed, found.output


@pytest.mark.slow
def test_weights_from_a_stream(streamed: Emitted, tmp_path: Path) -> None:
    """What its ring holds before weights come reaches no output."""
    found = run(streamed, tmp_path, 20)
    assert found.passed, found.output


@pytest.fixture
def copied(network: Emitted, tmp_path: Path) -> Path:
    return shutil.copytree(network.folder, tmp_path / NAME)


def test_make_icarus(copied: Path) -> None:
    done = subprocess.run(["make", "icarus"], cwd=copied, capture_output=True, text=True)
    assert "PASS: 1 words, 0 wrong" in done.stdout, done.stderr


@pytest.mark.skipif(importlib.util.find_spec("cocotb") is None, reason="no cocotb")
def test_make_cocotb(copied: Path) -> None:
    """A word that is not as stored is a failure."""
    path = f"PATH={Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(["env", path, "make", "cocotb"], cwd=copied, check=True)
    expected = copied / f"{NAME}_expected.hex"
    text = expected.read_text()
    expected.write_text(text[:-2] + f"{int(text[-2], 16) ^ 1:x}\n")
    assert subprocess.run(["env", path, "make", "cocotb"], cwd=copied).returncode


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("verilator") is None, reason="no verilator")
def test_make_sim(copied: Path) -> None:
    subprocess.run(["make", "sim"], cwd=copied, check=True)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("verilator") is None, reason="no verilator")
def test_the_netlist_of_every_kind_of_layer(every: Emitted, tmp_path: Path) -> None:
    find_or_skip("yosys")
    found = run_netlist(every.name, every.folder, every.streams, every.frames, tmp_path)
    assert found.words == output_words(every.streams, every.outputs)
