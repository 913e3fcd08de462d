"""Laws of the engine in Verilog: byte for byte what `execute` says, in exactly so many cycles."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codegen.ir.engine import Command, Kind, Shape, Walk
from codegen.lower.rtl.weight_stream import reads_weights, stream_weights, words_of
from tests.emit.rtl.bench import ARENA_BYTES, COMMANDS, Bench, build
from tests.emit.rtl.random_commands import Maker

pytestmark = pytest.mark.skipif(shutil.which("verilator") is None, reason="no verilator")
KINDS = (*[Kind.MAC] * 4, Kind.MAX, Kind.ADD, *[k for k in Kind if k > Kind.ADD])
FRAMES = 2
RING = 256
RING_FRAMES = 5


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return build(Shape(8, 8, 2), tmp_path_factory.mktemp("engine"))


@pytest.fixture(scope="module")
def ring_bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return build(Shape(8, 8, 2, RING), tmp_path_factory.mktemp("ring"))


def draw(maker: Maker, kind: Kind) -> Command:
    """Return a random command, whose weights half of a ring holds."""
    most = maker.shape.ring // 2
    if most and kind is Kind.MAC and maker.any_of(0, 1, 1, 1):
        return maker.dense(most)
    while True:
        command = maker.command(kind)
        if not most or not reads_weights(command) or words_of(command)[1] <= most:
            return command


def check_random(
    bench: Bench, folder: Path, seed: int, stall_percent: int, frame_count: int = FRAMES
) -> None:
    """Run a random program between the receive of the whole arena and its send."""
    rng = np.random.default_rng(seed)
    maker = Maker(bench.shape, ARENA_BYTES, rng)
    kinds = rng.choice(len(KINDS) // 2 if bench.shape.ring else len(KINDS), COMMANDS)
    commands = [
        Command(Kind.RECEIVE, row_bytes=ARENA_BYTES),
        *(draw(maker, KINDS[i]) for i in kinds),
        Command(Kind.SEND, address=Walk(0), row_bytes=ARENA_BYTES),
    ]
    memories = maker.memories(2, 2)
    if bench.shape.ring:
        owned = [(command, 0) for command in commands]
        words, owned = stream_weights(bench.shape.ring, memories.weights, owned)
        memories = replace(memories, weights=words)
        commands = [command for command, _ in owned]
    taken = [command.row_bytes for command in commands if command.kind is Kind.RECEIVE]
    frames = rng.integers(-128, 128, (frame_count, sum(taken))).astype(np.int8)
    bench.check(folder, memories, commands, frames, stall_percent)


@pytest.mark.parametrize("seed", range(20))
def test_random_programs(bench: Bench, tmp_path: Path, seed: int) -> None:
    check_random(bench, tmp_path, seed, 30 * (seed % 2))


@pytest.mark.parametrize("seed", [1, 2, 5, 6])
def test_weights_from_a_stream(ring_bench: Bench, tmp_path: Path, seed: int) -> None:
    check_random(ring_bench, tmp_path, seed, 30 * (seed % 2), RING_FRAMES)


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
