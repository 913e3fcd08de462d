"""An engine built with Verilator once, which runs any program that fits its sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from codegen.emit.rtl.cycles import FRAME, command_cycles
from codegen.emit.rtl.descriptor import COMMAND_WORDS
from codegen.emit.rtl.design import Sizes, emit_engine, emit_images
from codegen.emit.rtl.memory_image import Images, make_images
from codegen.emit.rtl.streams import Streams, output_words
from codegen.ir.engine import Command, Kind, Memories, Shape
from codegen.ir.types import Array
from codegen.toolchain.verilator import Simulator, build_verilator, run_verilator
from codegen.verify.engine import execute

NAME = "net"
ARENA_BYTES = 4096
COMMANDS = 8
"""Between the receive of a whole arena and its send."""
PORTS = (Kind.RECEIVE, Kind.SEND)
VERSION = 0x12345678
CYCLES_REGISTER, VERSION_REGISTER = 2, 3


def sizes() -> Sizes:
    return Sizes(
        commands=COMMANDS + 2,
        acc_bits=29,
        address_bits=12,
        bank_words=0,
        count_bits=14,
        column_bits=18,
        row_bits=12,
        program_words=(COMMANDS + 2) * COMMAND_WORDS,
        weight_words=4096,
        parameter_rows=1024,
        tables=2,
        exponentials=COMMANDS,
        ties=True,
        greatest=True,
        add=True,
        argmax=True,
    )


@dataclass(frozen=True, slots=True)
class Bench:
    """A built engine."""

    shape: Shape
    simulator: Simulator

    def check(
        self,
        folder: Path,
        memories: Memories,
        commands: Sequence[Command],
        frames: Array,
        stall_percent: int,
    ) -> None:
        """Run frames; compare the arena after each command, what is sent, and the cycles."""
        built = sizes()
        images = make_images(self.shape, memories, commands, 29)
        padded = Images(
            images.acc_bits,
            _fill(images.program, built.program_words),
            _fill(images.weights, built.weight_words),
            _fill(images.parameters, built.parameter_rows),
            _fill(images.tables, 256 * built.tables),
            _fill(images.exponentials, 256 * built.exponentials),
        )
        for name, text in emit_images(NAME, self.shape, padded).items():
            (folder / name).write_text(text)
        arena = np.zeros(ARENA_BYTES, np.int8)
        sent, states = [], []
        for frame in frames:
            taken = 0
            for command in commands:
                used = command.row_bytes if command.kind is Kind.RECEIVE else 0
                out = execute(self.shape, memories, [command], arena, frame[taken:])
                taken += used
                sent.append(out)
                states.append(arena.copy())
        wanted = np.concatenate(sent)
        sizes_in, sizes_out = (
            tuple(command.row_bytes for command in commands if command.kind is kind)
            for kind in PORTS
        )
        streams = Streams(self.shape.simd, sizes_in, sizes_out)
        simulator = replace(self.simulator, streams=streams)
        ran = run_verilator(
            simulator, folder, frames, stall_percent=stall_percent, seed=stall_percent + 1
        )
        for i, (state, arena_now) in enumerate(zip(states, ran.arenas, strict=False)):
            command = commands[i % len(commands)]
            wrong = np.flatnonzero(state != arena_now)
            assert not wrong.size, (
                f"command {i}: {command} at {wrong[:20]}:"
                f" {arena_now[wrong[:20]]} instead of {state[wrong[:20]]}"
            )
        assert ran.commands.tolist() == list(range(len(commands))) * len(frames)
        assert ran.words == output_words(streams, wanted.reshape(len(frames), -1))
        taken_cycles = np.diff(ran.command_ends)
        for i, took in enumerate(taken_cycles.tolist(), 1):
            command = commands[i % len(commands)]
            if stall_percent and command.kind in PORTS:
                continue
            wait = FRAME if i % len(commands) == 0 else 0
            assert took == command_cycles(self.shape, command) + wait, (command, took)
        assert ran.registers[VERSION_REGISTER:] == (VERSION, len(frames))
        if not stall_percent:
            cycles = sum(command_cycles(self.shape, command) for command in commands)
            assert ran.registers[CYCLES_REGISTER] == cycles


def build(shape: Shape, folder: Path) -> Bench:
    """Build an engine of a shape with Verilator."""
    built = replace(sizes(), bank_words=ARENA_BYTES // (2 * shape.simd))
    files = emit_engine(NAME, shape, built, VERSION)
    for name, text in files.items():
        (folder / name).write_text(text)
    modules = sorted(folder.glob("*.v"))
    streams = Streams(shape.simd, (), ())
    return Bench(
        shape, build_verilator(NAME, modules, streams, folder, bank_words=built.bank_words)
    )


def _fill(words: Sequence[int], count: int) -> tuple[int, ...]:
    assert len(words) <= count
    return (*words, *(0,) * (count - len(words)))
