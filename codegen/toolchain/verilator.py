"""The emitted Verilog built by Verilator: its outputs, its cycles, its arena after each command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codegen.emit.rtl.memory_image import to_hex
from codegen.emit.rtl.streams import Streams, frame_words
from codegen.emit.rtl.testbench import BANKS, verilator_testbench
from codegen.errors import ToolFailed
from codegen.ir.fixed_point import Int64s
from codegen.ir.types import Array
from codegen.toolchain.tools import find_program, run_tool

VERILATOR = "verilator"
FRAMES = "run_frames.hex"


@dataclass(frozen=True, slots=True)
class Simulator:
    """A built design: any memory images of its sizes may stand in the folder it runs in.

    `bank_words` are those of a bank of its arena, 0 if it has none; `observed` its streams between
    layers.
    """

    binary: Path
    streams: Streams
    bank_words: int
    observed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Simulation:
    """What frames gave.

    `words`: all that were sent, as `output_words` makes them. `ends`: the cycle of each frame's
    last word. For each command that was done, in order: its number, its cycle, the arena's bytes
    then; empty for a design without commands. `observed`: the bytes that went over each stream
    between layers that is. `registers` in the order of their addresses.
    """

    words: tuple[int, ...]
    ends: Int64s
    commands: Int64s
    command_ends: Int64s
    arenas: Array
    observed: tuple[Array, ...]
    registers: tuple[int, ...]

    @property
    def intervals(self) -> Int64s:
        """Cycles from each frame's last word to that of the next."""
        return np.diff(self.ends)


def build_verilator(
    name: str,
    files: Sequence[Path],
    streams: Streams,
    out: Path,
    *,
    bank_words: int = 0,
    observed: Sequence[str] = (),
) -> Simulator:
    """Build module NAME_top of Verilog files in `out`; raises MissingTool or ToolFailed.

    What is not initialized holds random bits, other ones with each seed.
    """
    program = find_program(VERILATOR, VERILATOR)
    bench = out / f"{name}_tb.cpp"
    text = verilator_testbench(name, streams, bank_words, observed)
    bench.write_text(text, encoding="utf-8")
    random = ("--x-initial", "unique", "--x-assign", "unique")
    build = (
        "--cc",
        "--exe",
        "--build",
        "-Wno-fatal",
        "-Wno-WIDTH",
        "-Wno-PINMISSING",
        "-CFLAGS",
        "-O1",
    )
    where = ("--top-module", f"{name}_top", "--Mdir", out, "-o", f"{name}_tb")
    run_tool((program, *build, *random, *where, bench, *files))
    return Simulator(out / f"{name}_tb", streams, bank_words, tuple(observed))


def run_verilator(
    simulator: Simulator, folder: Path, frames: Array, *, stall_percent: int = 0, seed: int = 1
) -> Simulation:
    """Run frames, whose rows hold the bytes of all inputs, with the memory images in `folder`.

    With `stall_percent` 0 they come back to back. ToolFailed if the design makes no progress.
    """
    streams = simulator.streams
    text = to_hex(frame_words(streams, frames), streams.in_bits)
    (folder / FRAMES).write_text(text, encoding="utf-8")
    numbers = (len(frames), streams.words_in, streams.words_out, stall_percent, seed)
    command: Sequence[str | Path] = (simulator.binary, FRAMES, *map(str, numbers))
    printed = run_tool(command, folder=folder)
    sent = (folder / "sent.hex").read_text(encoding="utf-8").split()
    ends = (folder / "frames.txt").read_text(encoding="utf-8").split()
    size = BANKS * streams.simd * simulator.bank_words
    record = np.dtype([("head", "<i8", 2), ("arena", "i1", (size,))])
    done = np.fromfile(folder / "commands.bin", record) if size else np.zeros(0, record)
    if len(ends) != len(frames):
        raise ToolFailed(f"{simulator.binary.name} ended after {len(ends)} of {len(frames)} frames")
    return Simulation(
        tuple(int(word, 16) for word in sent),
        np.array(ends, np.int64),
        done["head"][:, 0],
        done["head"][:, 1],
        done["arena"],
        tuple(np.fromfile(folder / f"{stream}.bin", np.int8) for stream in simulator.observed),
        tuple(map(int, printed.split())),
    )
