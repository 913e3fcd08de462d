"""The shared engine as files: a Verilog module a file, an image a memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codegen.emit.c import environment
from codegen.emit.rtl.descriptor import (
    HEADER,
    HEADER_WORDS,
    LOOP,
    LOOP_WORDS,
    WORD_BITS,
    spell_out,
)
from codegen.emit.rtl.memory_image import (
    Images,
    parameter_bits,
    slice_bits,
    slices_of,
    to_hex,
)
from codegen.ir.engine import LEVELS, Command, Kind, Shape

RING_MODULE = "weight_ring"
"""The file that weights from a stream need besides."""
MODULES = (
    "block_register",
    "rom",
    "copy",
    "multiplier",
    "sliced_rom",
    "ram",
    "delay",
    "adder_tree",
    "dot_product",
    "rescale",
    "rescalers",
    "walk",
    "loops",
    "skid",
    "issue",
    "mask",
    "arena",
    "operands",
    "array",
    "argmax",
    "softmax",
    "specials",
    "drain",
    "results",
    "finish",
    "receive",
    "send",
    "writer",
    "sequencer",
    "engine",
    "registers",
    "top",
)
"""The files of templates/rtl/ that make up the engine, each after those that it uses."""
VERSION_DIGITS = 8
HISTORY = 2
"""Columns before the one that is read, which a slide remembers."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes that an engine is built with, and which of its parts it has.

    weight_words: those that are held at a time.
    """

    commands: int
    acc_bits: int
    address_bits: int
    bank_words: int
    count_bits: int
    column_bits: int
    row_bits: int
    program_words: int
    weight_words: int
    parameter_rows: int
    tables: int
    exponentials: int
    ties: bool
    greatest: bool
    add: bool
    argmax: bool


def measure(shape: Shape, images: Images, commands: Sequence[Command], arena_bytes: int) -> Sizes:
    """Return the sizes that just suffice."""
    spelled = [spell_out(shape, command) for command in commands]
    bank = bank_words(shape, arena_bytes)
    columns = [
        bound for run in spelled for bound in (*run.column.bounds(run.counts), run.row_bytes)
    ]
    rows = [bound for run in spelled for bound in (*run.row.bounds(run.counts), run.rows)]
    turns = [turns - 1 for run in spelled for turns in run.counts]
    kinds = {run.kind for run in spelled}
    return Sizes(
        commands=len(commands),
        acc_bits=images.acc_bits,
        address_bits=(2 * shape.simd * bank - 1).bit_length(),
        bank_words=bank,
        count_bits=max(4, *(count.bit_length() for count in turns)),
        column_bits=max(6, *(_signed_bits(column) for column in columns)),
        row_bits=max(2, *(_signed_bits(row) for row in rows)),
        program_words=len(images.program),
        weight_words=shape.ring or max(len(images.weights), 2),
        parameter_rows=max(len(images.parameters), 2),
        tables=len(images.tables) // 256,
        exponentials=len(images.exponentials) // 256,
        ties=any(run.ties for run in spelled),
        greatest=Kind.MAX in kinds,
        add=Kind.ADD in kinds,
        argmax=Kind.ARGMAX in kinds,
    )


def bank_words(shape: Shape, arena_bytes: int) -> int:
    """Return the words of each of the two banks of an arena."""
    return max(-(-arena_bytes // (2 * shape.simd)), 2)


def version_of(digest: str) -> int:
    """Return what the register of the version holds: the first bits of a model's digest."""
    return int(digest[:VERSION_DIGITS], 16)


def emit_engine(name: str, shape: Shape, sizes: Sizes, version: int) -> dict[str, str]:
    """Return file name -> text of each module; names begin with `name`."""
    env = environment()
    context = {
        "name": name,
        "simd": shape.simd,
        "ring": shape.ring,
        "version": f"32'h{version:08x}",
        "engine": parameters(name, shape, sizes),
        "fields": HEADER,
        "loops": LOOP,
        "header": HEADER_WORDS,
        "loop_fields": LOOP_WORDS,
        "header_words": len(HEADER_WORDS),
        "loop_words": len(LOOP_WORDS),
        "levels": len(LEVELS),
        "kinds": [(kind.name, f"3'd{kind.value}") for kind in Kind],
    }
    return {
        f"{name}_{module}.v": env.get_template(f"rtl/{module}.v.j2").render(context)
        for module in (*([RING_MODULE] if shape.ring else []), *MODULES)
    }


def emit_images(name: str, shape: Shape, images: Images) -> dict[str, str | bytes]:
    """Return file name -> text of each memory that is not empty; of some, of each slice.

    Weights that come in a stream are bytes in its order.
    """
    memories = {
        "tables": (images.tables, 8),
        "exponentials": (images.exponentials, 32),
    }
    whole: dict[str, str | bytes] = {
        f"{name}_{memory}.hex": to_hex(words, bits)
        for memory, (words, bits) in memories.items()
        if words
    }
    sliced = {
        "program": (images.program, WORD_BITS),
        "params": (images.parameters or (0, 0), parameter_bits(shape, images.acc_bits)),
    }
    if shape.ring:
        size = weight_bits(shape) // 8
        words_ = (word.to_bytes(size, "little") for word in images.weights)
        whole[weights_file(name)] = b"".join(words_)
    else:
        sliced["weights"] = (images.weights or (0, 0), weight_bits(shape))
    return whole | {
        f"{name}_{memory}_{index:02d}.hex": to_hex(part, bits)
        for memory, (words, width) in sliced.items()
        for index, (part, bits) in enumerate(slices_of(words, width))
    }


def weights_file(name: str) -> str:
    """Return the file of the weights that a stream brings."""
    return f"{name}_weights.bin"


def weight_bits(shape: Shape) -> int:
    """Return the bits of a word of weights."""
    return 8 * shape.pe * shape.simd


def parameters(name: str, shape: Shape, sizes: Sizes) -> list[tuple[str, str]]:
    """Return the parameters of the engine's module as finished literals."""
    numbers = {
        "PE": shape.pe,
        "SIMD": shape.simd,
        "LANES": shape.lanes,
        "HISTORY": HISTORY,
        "ACC_BITS": sizes.acc_bits,
        "ADDRESS_BITS": sizes.address_bits,
        "BANK_WORDS": sizes.bank_words,
        "COUNT_BITS": sizes.count_bits,
        "COLUMN_BITS": sizes.column_bits,
        "ROW_BITS": sizes.row_bits,
        "COMMANDS": sizes.commands,
        "PROGRAM_WORDS": sizes.program_words,
        "PROGRAM_SLICE": slice_bits(sizes.program_words, WORD_BITS),
        "WEIGHT_WORDS": sizes.weight_words,
        "PARAMETER_ROWS": sizes.parameter_rows,
        "PARAMETERS_SLICE": slice_bits(sizes.parameter_rows, parameter_bits(shape, sizes.acc_bits)),
        "TABLES": sizes.tables,
        "EXPONENTIALS": sizes.exponentials,
        "WITH_TIES": int(sizes.ties),
        "WITH_MAX": int(sizes.greatest),
        "WITH_ADD": int(sizes.add),
        "WITH_ARGMAX": int(sizes.argmax),
    }
    files = ("tables", "exponentials")
    stems = {"PROGRAM": "program", "PARAMETERS": "params"}
    if not shape.ring:
        numbers["WEIGHTS_SLICE"] = slice_bits(sizes.weight_words, weight_bits(shape))
        stems["WEIGHTS"] = "weights"
    return [
        *((key, str(value)) for key, value in numbers.items()),
        *((f"{file.upper()}_FILE", f'"{name}_{file}.hex"') for file in files),
        *((f"{key}_STEM", f'"{name}_{stem}"') for key, stem in stems.items()),
    ]


def _signed_bits(value: int) -> int:
    return (value if value >= 0 else ~value).bit_length() + 1
