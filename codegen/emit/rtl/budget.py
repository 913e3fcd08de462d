"""What an engine takes of an FPGA, before anything is synthesized."""

from __future__ import annotations

from collections.abc import Sequence

from codegen.emit.rtl.descriptor import WORD_BITS
from codegen.emit.rtl.design import Sizes, weight_bits
from codegen.emit.rtl.memory_image import SLICES, Images, parameter_bits, slices_of
from codegen.errors import DoesNotFit, Problem
from codegen.ir.engine import Shape
from codegen.ir.report import BlockRams, Hardware
from codegen.targets import Fpga, Target

RESCALER_DSPS = 4
"""Multipliers of a rescaler: digits of 18 bits of a sum and of its multiplier."""
BYTE = 8
DEEPEST = SLICES[-1][0]
"""Words of the deepest slice of a memory."""


def budget(target: Target, shape: Shape, sizes: Sizes, images: Images, cycles: int) -> Hardware:
    """Return what an engine with these memories takes; a frame takes it so many cycles."""
    fpga = target.fpga
    assert fpga is not None, "the target is not an FPGA"
    products, sums = shape.pe * shape.simd, RESCALER_DSPS * shape.lanes
    in_logic = fpga.dsps == 0
    return Hardware(
        family=fpga.family,
        device=fpga.device,
        pe=shape.pe,
        simd=shape.simd,
        lanes=shape.lanes,
        cycles=cycles,
        multipliers=products + sums,
        dsps=0 if in_logic else products + sums,
        dsps_available=fpga.dsps,
        block_rams=tuple(_memories(fpga, shape, sizes, images)),
        block_rams_available=fpga.block_rams,
    )


def check_budget(target: Target, hardware: Hardware) -> None:
    """Raise DoesNotFit with all that binds."""
    fpga = target.fpga
    assert fpga is not None, "the target is not an FPGA"
    problems = []
    if hardware.dsps > fpga.dsps:
        problems.append(
            Problem(
                f"the engine takes {hardware.dsps} multipliers, {target.part} has {fpga.dsps}",
                hint="a smaller pe or simd in a target file of yours",
            )
        )
    if hardware.block_ram_count > fpga.block_rams:
        largest = sorted(hardware.block_rams, key=lambda use: -use.blocks)
        shares = ", ".join(f"{use.memory} {use.blocks}" for use in largest if use.blocks)
        problems.append(
            Problem(
                f"the memories take {hardware.block_ram_count} block RAMs, {target.part} has"
                f" {fpga.block_rams}: {shares}",
                hint="a smaller network or input, or a larger device",
            )
        )
    if problems:
        raise DoesNotFit.collect(problems)


def _memories(fpga: Fpga, shape: Shape, sizes: Sizes, images: Images) -> Sequence[BlockRams]:
    """Return the use of each memory, by its name."""
    shapes = fpga.ram_shapes
    word = BYTE * shape.simd
    roms = (
        ("weights", images.weights, weight_bits(shape), 1),
        ("parameters", images.parameters, parameter_bits(shape, images.acc_bits), 1),
        ("program", images.program, WORD_BITS, 1),
        ("tables", images.tables, BYTE, shape.lanes),
        ("exponentials", images.exponentials, WORD_BITS, 1),
    )
    banks = 2 * blocks_of(sizes.bank_words, word, in_bytes(shapes))
    return (
        BlockRams("arena", 2 * sizes.bank_words, word, banks),
        *(
            BlockRams(name, len(words), bits, copies * _rom_blocks(words, bits, shapes))
            for name, words, bits, copies in roms
        ),
    )


def _rom_blocks(words: Sequence[int], bits: int, shapes: Sequence[tuple[int, int]]) -> int:
    """Return the blocks of a memory that is only read: bits that never change take none."""
    parts = (part for part, _ in slices_of(words, bits))
    return sum(blocks_of(len(part), changing_bits(part), shapes) for part in parts)


def changing_bits(words: Sequence[int]) -> int:
    """Return how many bits are not the same in all words.

    >>> changing_bits([0b1001, 0b0011])
    2
    """
    ones = zeros = 0
    for word in words:
        ones |= word
        zeros |= ~word
    return (ones & zeros).bit_count()


def blocks_of(words: int, bits: int, shapes: Sequence[tuple[int, int]]) -> int:
    """Return how many blocks a memory takes: of the least depth that holds all its words.

    Where more words than slices have are held, synthesis uses blocks so that they are fewest.

    >>> blocks_of(3571, 512, [(2048, 9), (4096, 4)])
    128
    """
    if not words:
        return 0
    deep_enough = [shape for shape in shapes if words <= shape[0] <= DEEPEST]
    usable = [min(deep_enough)] if deep_enough else shapes
    return min(-(-words // deep) * -(-bits // wide) for deep, wide in usable)


def in_bytes(shapes: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the shapes in which each byte can be written by itself: no parity bits.

    >>> in_bytes([(4096, 4), (2048, 9)])
    [(4096, 4), (2048, 8)]
    """
    return [(words, bits // BYTE * BYTE if bits > BYTE else bits) for words, bits in shapes]
