"""Laws of the engine in Verilog: byte for byte what `execute` says, in exactly so many cycles."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from codegen.ir.engine import Command, Kind, Shape, Walk
from tests.emit.rtl.bench import ARENA_BYTES, COMMANDS, Bench, build
from tests.emit.rtl.random_commands import Maker

pytestmark = pytest.mark.skipif(shutil.which("verilator") is None, reason="no verilator")
KINDS = (*[Kind.MAC] * 4, Kind.MAX, Kind.ADD, *[k for k in Kind if k > Kind.ADD])
FRAMES = 2


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return build(Shape(8, 8, 2), tmp_path_factory.mktemp("engine"))


def check_random(bench: Bench, folder: Path, seed: int, stall_percent: int) -> None:
    """Run a random program between the receive of the whole arena and its send."""
    rng = np.random.default_rng(seed)
    maker = Maker(bench.shape, ARENA_BYTES, rng)
    kinds = rng.choice(len(KINDS), COMMANDS)
    commands = [
        Command(Kind.RECEIVE, row_bytes=ARENA_BYTES),
        *(maker.command(KINDS[i]) for i in kinds),
        Command(Kind.SEND, address=Walk(0), row_bytes=ARENA_BYTES),
    ]
    taken = [command.row_bytes for command in commands if command.kind is Kind.RECEIVE]
    frames = rng.integers(-128, 128, (FRAMES, sum(taken))).astype(np.int8)
    bench.check(folder, maker.memories(2, 2), commands, frames, stall_percent)


@pytest.mark.parametrize("seed", range(20))
def test_random_programs(bench: Bench, tmp_path: Path, seed: int) -> None:
    check_random(bench, tmp_path, seed, 30 * (seed % 2))


@pytest.mark.slow
@pytest.mark.parametrize("shape", [Shape(16, 8, 4), Shape(4, 4, 2)], ids=str)
def test_random_programs_of_other_shapes(tmp_path: Path, shape: Shape) -> None:
    built = tmp_path / "engine"
    built.mkdir()
    bench = build(shape, built)
    for seed in range(12):
        folder = tmp_path / str(seed)
        folder.mkdir()
        check_random(bench, folder, seed, 30 * (seed % 2))
