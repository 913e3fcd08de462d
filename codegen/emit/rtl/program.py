"""A lowered program as hardware: the modules of its engine, and what their memories hold."""

from __future__ import annotations

from dataclasses import replace

from codegen.emit.rtl.budget import budget, check_budget
from codegen.emit.rtl.cycles import frame_cycles
from codegen.emit.rtl.descriptor import unfit
from codegen.emit.rtl.design import Sizes, bank_words, emit_engine, emit_images, measure, version_of
from codegen.emit.rtl.memory_image import Images, make_images
from codegen.emit.rtl.streams import Streams
from codegen.errors import DoesNotFit, Problem
from codegen.ir.program import Program
from codegen.ir.report import Hardware
from codegen.lower.rtl import Image, least_ring, link
from codegen.targets import Target

MOST_RING_BITS = 15
"""Of an address of the largest ring of weights, which a command's count of them can hold."""


def emit_rtl(program: Program) -> dict[str, str | bytes]:
    """Return file name -> text of a program that was lowered for an engine."""
    image = link(program)
    name, shape = program.interface.name, image.shape
    images, sizes = memories_of(image)
    return {
        **emit_engine(name, shape, sizes, version_of(program.digest)),
        **emit_images(name, shape, images),
    }


def streams_of(program: Program) -> Streams:
    """Return what goes in and out of a program that was lowered for an engine."""
    image = link(program)
    ports = (program.interface.inputs, program.interface.outputs)
    inputs, outputs = (tuple(port.size_bytes for port in side) for side in ports)
    weights = image.memories.weights.size if image.shape.ring else 0
    return Streams(image.shape.simd, inputs, outputs, weights)


def measure_hardware(program: Program, target: Target) -> tuple[Hardware, tuple[int, ...]]:
    """Return what a program takes of its target, and the cycles of each of its layers.

    DoesNotFit with all that binds.
    """
    image = link(program)
    check_fields(program, image)
    layers = [0] * len(program.layers)
    total = 0
    each = frame_cycles(image.shape, image.commands)
    for owner, cycles in zip(image.owners, each, strict=True):
        total += cycles
        if owner >= 0:
            layers[owner] += cycles
    hardware = budget_of(image, target, total)
    check_budget(target, hardware)
    return hardware, tuple(layers)


def budget_of(image: Image, target: Target, cycles: int) -> Hardware:
    """Return what an image takes of its target, with frames of so many cycles."""
    images, sizes = memories_of(image)
    return budget(target, image.shape, sizes, images, cycles)


def with_ring(program: Program, target: Target) -> Program:
    """Return the program with weights from a stream: a ring of them as large as fits.

    Where none fits it is the least that holds a block's weights. No command that is cut for a
    larger one takes longer.
    """
    assert program.engine is not None and target.fpga is not None, "the program is not for an FPGA"
    image = link(program)
    least = least_ring(image.commands)
    sizes = [1 << i for i in range(least.bit_length() - 1, MOST_RING_BITS + 1)]
    found = [replace(program, engine=replace(program.engine, ring=words)) for words in sizes]
    fits = (
        each
        for each, words in zip(reversed(found), reversed(sizes), strict=True)
        if words < 2 * len(image.memories.weights)
        and budget_of(link(each), target, 0).block_ram_count <= target.fpga.block_rams
    )
    return next(fits, found[0])


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
