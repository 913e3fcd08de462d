"""Simulate an emitted engine, and compare every byte of every layer with the reference."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from codegen.emit.rtl.program import bank_words_of, streams_of
from codegen.emit.rtl.streams import output_words, sent_bytes
from codegen.errors import VerificationFailed
from codegen.ir.engine import Kind
from codegen.ir.program import Program
from codegen.ir.report import Check
from codegen.ir.types import Array
from codegen.lower.rtl import Image, link
from codegen.toolchain.verilator import build_verilator, run_verilator
from codegen.verify.check import Subject, compare
from codegen.verify.commands import check_commands, frames_of, outputs_of
from codegen.verify.engine import execute

PLACE = "verilator"
STALL_PERCENT = 20
"""How often a stream waits, in each cycle."""


def check_hardware(subject: Subject, program: Program, *, seed: int = 0) -> tuple[Check, ...]:
    """Return the checks of a program's commands, and of the Verilog in a folder."""
    image = link(program)
    return check_commands(subject, image), check_verilog(subject, program, image, seed=seed)


def check_verilog(subject: Subject, program: Program, image: Image, *, seed: int = 0) -> Check:
    """Simulate frames back to back, with random stalls; MissingTool, ToolFailed.

    Where a layer leaves other bytes in the arena than its commands do, the cause names it.
    """
    name, streams = program.interface.name, streams_of(program)
    frames = frames_of(subject.inputs.arrays)
    modules = sorted(subject.folder.glob(f"{name}_*.v"))
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        for file in subject.folder.glob(f"{name}_*.hex"):
            shutil.copy(file, work)
        banks = bank_words_of(program)
        simulator = build_verilator(name, modules, streams, work, bank_words=banks)
        found = run_verilator(simulator, work, frames, stall_percent=STALL_PERCENT, seed=seed + 1)
    sent = sent_bytes(streams, found.words)
    if output_words(streams, sent) != found.words:
        raise VerificationFailed(f"{name}: tkeep or tlast do not tell where outputs end")
    check = compare(PLACE, subject, outputs_of(sent, program.interface.outputs))
    at = _first_difference(image, frames, found.arenas)
    if at is None:
        return check
    sample, owner = at
    layer = program.layers[owner].comment[0] if owner >= 0 else "a port"
    if check.difference is None:
        raise AssertionError(f"outputs are equal, but not what {layer} makes of input {sample}")
    cause = f"the first layer that differs is {layer}"
    return replace(check, difference=replace(check.difference, cause=cause))


def _first_difference(image: Image, frames: Array, arenas: Array) -> tuple[int, int] | None:
    """Return the frame and the layer after which the arena differs; None if none does."""
    arena = np.zeros(arenas.shape[1], np.int8)
    states = iter(arenas)
    for index, frame in enumerate(frames):
        taken = 0
        for command, owner in zip(image.commands, image.owners, strict=True):
            execute(image.shape, image.memories, [command], arena, frame[taken:])
            taken += command.row_bytes if command.kind is Kind.RECEIVE else 0
            if not np.array_equal(next(states), arena):
                return index, owner
    return None
