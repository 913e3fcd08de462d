"""A lowered program as hardware: the modules of its engine, and what their memories hold."""

from __future__ import annotations

from codegen.emit.rtl.budget import budget, check_budget
from codegen.emit.rtl.cycles import command_cycles
from codegen.emit.rtl.descriptor import unfit
from codegen.emit.rtl.design import Sizes, emit_engine, emit_images, measure
from codegen.emit.rtl.memory_image import make_images
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
    images = make_images(shape, image.memories, image.commands)
    version = int(program.digest[:VERSION_DIGITS], 16)
    return {
        **emit_engine(name, shape, sizes_of(image), version),
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
    images = make_images(image.shape, image.memories, image.commands)
    hardware = budget(target, image.shape, sizes_of(image), images, total)
    check_budget(target, hardware)
    return hardware, tuple(layers)


def sizes_of(image: Image) -> Sizes:
    """Return what the engine of an image is built with."""
    images = make_images(image.shape, image.memories, image.commands)
    return measure(image.shape, images, image.commands, image.arena_bytes, image.acc_bits)


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
