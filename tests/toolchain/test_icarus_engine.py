"""A whole network's engine in Icarus: what is not initialized reaches no output, even at first."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from codegen.emit.rtl.streams import Streams
from codegen.ir.evaluate import evaluate
from codegen.ir.text import load_graph
from codegen.ir.types import Array
from codegen.options import Options
from codegen.project import emit_project
from codegen.toolchain.icarus import run_icarus
from codegen.toolchain.netlist import run_netlist
from codegen.verify import make_inputs
from tests.toolchain.test_synthesis import find_or_skip
from tests.toy_model import write_toy

pytestmark = pytest.mark.skipif(shutil.which("iverilog") is None, reason="no iverilog")
NAME = "toy"
FRAMES = 2


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Streams, Array, Array]:
    """A folder emitted for an FPGA, its streams, frames, and what must come of them."""
    out = tmp_path_factory.mktemp("icarus")
    folder = out / NAME
    report = emit_project(Options(str(write_toy(out)), "ecp5-85k"), folder)
    graph = load_graph(folder / f"{NAME}_graph.npz")
    inputs = make_inputs(graph, (), FRAMES).arrays
    frames = [array[:FRAMES] for array in inputs]
    values = evaluate(graph, frames, list(graph.outputs))
    ports = report.interface
    assert report.hardware is not None
    streams = Streams(
        report.hardware.simd,
        tuple(port.size_bytes for port in ports.inputs),
        tuple(port.size_bytes for port in ports.outputs),
    )
    return folder, streams, _rows(frames), _rows([values[name] for name in graph.outputs])


def _rows(arrays: list[Array]) -> Array:
    """Return a row of bytes a frame."""
    rows = [array.reshape(len(array), -1).view(np.int8) for array in arrays]
    return np.concatenate(rows, axis=1)


@pytest.mark.parametrize("stall_percent", [0, 40])
def test_the_engine(
    network: tuple[Path, Streams, Array, Array], tmp_path: Path, stall_percent: int
) -> None:
    folder, streams, frames, outputs = network
    for image in folder.glob("*.hex"):
        shutil.copy(image, tmp_path)
    files = sorted(folder.glob(f"{NAME}_*.v"))
    found = run_icarus(NAME, files, tmp_path, streams, frames, outputs, stall_percent=stall_percent)
    assert found.passed, found.output


@pytest.fixture
def copied(network: tuple[Path, Streams, Array, Array], tmp_path: Path) -> Path:
    return shutil.copytree(network[0], tmp_path / NAME)


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
def test_the_netlist(network: tuple[Path, Streams, Array, Array], tmp_path: Path) -> None:
    find_or_skip("yosys")
    folder, streams, frames, outputs = network
    found = run_netlist(NAME, folder, streams, frames, outputs, tmp_path)
    assert found.passed, found.output
