"""Simulate emitted Verilog, and compare every byte of every layer with the reference."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from codegen.emit.rtl.cycles import frame_cycles
from codegen.emit.rtl.flow import flow_streams, wires
from codegen.emit.rtl.program import bank_words_of, streams_of
from codegen.emit.rtl.streams import Streams, output_words, sent_bytes
from codegen.errors import VerificationFailed
from codegen.ir.engine import Kind
from codegen.ir.evaluate import evaluate
from codegen.ir.flow import Flow
from codegen.ir.program import Program
from codegen.ir.report import Check
from codegen.ir.types import Array
from codegen.lower.rtl import Image, link
from codegen.toolchain.verilator import Simulation, Simulator, build_verilator, run_verilator
from codegen.verify.check import Subject, compare
from codegen.verify.commands import check_commands, frames_of, outputs_of
from codegen.verify.engine import execute

PLACE = "verilator"
MEMORIES = ("hex", "bin")
"""How files end that the design and its testbench read."""
STALL_PERCENT = 20
"""How often a stream waits, in each cycle."""
STEADY_FRAMES = 3
"""Frames after which all later ones take as long as the last."""
CYCLES_REGISTER = 2


def check_hardware(subject: Subject, program: Program, *, seed: int = 0) -> tuple[Check, ...]:
    """Return the checks of a program's commands, and of the Verilog in a folder."""
    image = link(program)
    return check_commands(subject, image), check_verilog(subject, program, image, seed=seed)


def check_verilog(subject: Subject, program: Program, image: Image, *, seed: int = 0) -> Check:
    """Simulate frames back to back, with random stalls, then some without, whose cycles must be
    those that were planned; MissingTool, ToolFailed.

    Where a layer leaves other bytes in the arena than its commands do, the cause names it.
    """
    name, frames = program.interface.name, frames_of(subject.inputs.arrays)
    again = frames[np.arange(STEADY_FRAMES) % len(frames)]
    planned = sum(frame_cycles(image.shape, image.commands))
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        simulator = _build(subject, streams_of(program), work, bank_words=bank_words_of(program))
        check, found = _simulate(subject, simulator, work, seed)
        cycles = run_verilator(simulator, work, again).registers[CYCLES_REGISTER]
    if cycles != planned:
        raise VerificationFailed(f"{name}: a frame takes {cycles} cycles, not {planned} as planned")
    at = _first_difference(image, frames, found.arenas)
    if at is None:
        return check
    sample, owner = at
    layer = program.layers[owner].comment[0] if owner >= 0 else "a port"
    return _with_layer(check, layer, sample)


def check_flow(subject: Subject, flow: Flow, word: int, *, seed: int = 0) -> Check:
    """Simulate a flow in a folder, frames back to back, with random stalls on both streams.

    Where the stream of a layer has other bytes than the reference, the cause names it. `word` is
    that of the outer streams. Raises MissingTool, ToolFailed.
    """
    streams, links = flow_streams(flow, word), wires(flow)
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        simulator = _build(subject, streams, work, observed=tuple(links.values()))
        check, found = _simulate(subject, simulator, work, seed)
    streamed = dict(zip(links, found.observed, strict=True))
    names = {node.output: node.loc.node or node.output for node in subject.graph.nodes}
    for sample in range(len(subject.inputs)):
        inputs = subject.inputs.select(sample, sample + 1).arrays
        expected = evaluate(subject.graph, inputs, keep=[stage.output for stage in flow.stages])
        for stage in flow.stages:
            first = sample * stage.y.size_bytes
            found_bytes = streamed[stage.output][first : first + stage.y.size_bytes]
            if not np.array_equal(found_bytes, expected[stage.output].ravel()):
                return _with_layer(check, names[stage.output], sample)
    return check


def _build(
    subject: Subject,
    streams: Streams,
    work: Path,
    *,
    bank_words: int = 0,
    observed: Sequence[str] = (),
) -> Simulator:
    """Return a folder's Verilog built in `work`, what its memories hold beside it."""
    name = subject.interface.name
    for kind in MEMORIES:
        for file in subject.folder.glob(f"{name}_*.{kind}"):
            shutil.copy(file, work)
    modules = sorted(subject.folder.glob(f"{name}_*.v"))
    return build_verilator(name, modules, streams, work, bank_words=bank_words, observed=observed)


def _simulate(
    subject: Subject, simulator: Simulator, work: Path, seed: int
) -> tuple[Check, Simulation]:
    """Return the check of what is sent for a subject's inputs, and all that was seen."""
    interface, streams = subject.interface, simulator.streams
    frames = frames_of(subject.inputs.arrays)
    found = run_verilator(simulator, work, frames, stall_percent=STALL_PERCENT, seed=seed + 1)
    sent = sent_bytes(streams, found.words)
    if output_words(streams, sent) != found.words:
        raise VerificationFailed(f"{interface.name}: tkeep or tlast do not tell where outputs end")
    return compare(PLACE, subject, outputs_of(sent, interface.outputs)), found


def _with_layer(check: Check, layer: str, sample: int) -> Check:
    """Return the check with the layer at fault; VerificationFailed where its outputs are equal."""
    if check.difference is None:
        raise VerificationFailed(
            f"outputs in {PLACE} are equal, but not what {layer} makes of input {sample}"
        )
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
