"""A lowered program as hardware: the modules of its engine, and what their memories hold."""

from __future__ import annotations

from codegen.emit.rtl.budget import budget, check_budget
from codegen.emit.rtl.cycles import command_cycles
from codegen.emit.rtl.descriptor import unfit
from codegen.emit.rtl.design import Sizes, bank_words, emit_engine, emit_images, measure
from codegen.emit.rtl.memory_image import Images, make_images
from codegen.emit.rtl.streams import Streams
from codegen.errors import DoesNotFit, Problem
from codegen.ir.program import Program
from codegen.ir.report import Hardware
from codegen.lower.rtl import Image, link
from codegen.targets import Target

VERSION_DIGITS = 8
"""Of the model's digest, in the register of the version."""


def emit_rtl(program: Program) -> dict[str, str]:
    """Return file name -> text of a program that was lowered for an engine."""
    image = link(program)
    name, shape = program.interface.name, image.shape
    images, sizes = memories_of(image)
    version = int(program.digest[:VERSION_DIGITS], 16)
    return {
        **emit_engine(name, shape, sizes, version),
        **emit_images(name, shape, images),
    }


def streams_of(program: Program) -> Streams:
    """Return what goes in and out of a program that was lowered for an engine."""
    assert program.engine is not None, "the program is not for an engine"
    ports = (program.interface.inputs, program.interface.outputs)
    inputs, outputs = (tuple(port.size_bytes for port in side) for side in ports)
    return Streams(program.engine.simd, inputs, outputs)


def measure_hardware(program: Program, target: Target) -> tuple[Hardware, tuple[int, ...]]:
    """Return what a program takes of its target, and the cycles of each of its layers.

    DoesNotFit with all that binds.
    """
    image = link(program)
    check_fields(program, image)
    layers = [0] * len(program.layers)
    total = 0
    for owner, command in zip(image.owners, image.commands, strict=True):
        cycles = command_cycles(image.shape, command)
        total += cycles
        if owner >= 0:
            layers[owner] += cycles
    images, sizes = memories_of(image)
    hardware = budget(target, image.shape, sizes, images, total)
    check_budget(target, hardware)
    return hardware, tuple(layers)


def bank_words_of(program: Program) -> int:
    """Return the words of each of the two banks of an engine's arena."""
    image = link(program)
    return bank_words(image.shape, image.arena_bytes)


def memories_of(image: Image) -> tuple[Images, Sizes]:
    """Return what the memories of an engine hold, and the sizes that it is built with."""
    images = make_images(image.shape, image.memories, image.commands, image.acc_bits)
    return images, measure(image.shape, images, image.commands, image.arena_bytes)


def check_fields(program: Program, image: Image) -> None:
    """Raise DoesNotFit where a number of a command exceeds its field."""
    problems = [
        Problem(f"a command of the engine cannot hold {text}", _where(program, owner))
        for command, owner in zip(image.commands, image.owners, strict=True)
        for text in unfit(image.shape, command)
    ]
    if problems:
        raise DoesNotFit.collect(problems)


def _where(program: Program, owner: int) -> str:
    return program.layers[owner].comment[0] if owner >= 0 else "a port"
