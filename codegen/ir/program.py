"""Program: all that emission may see. Every name and number is final; templates decide nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from codegen.ir.engine import Shape
from codegen.ir.interface import Interface
from codegen.ir.schedule import Kernel, Need
from codegen.ir.types import Array

ARENA = "arena"
"""The base of addresses in the arena."""


def arena_base(memory: str) -> str:
    """Return the base of addresses in the arena of a memory, or in the only one if it is ""."""
    return f"{memory}_{ARENA}" if memory else ARENA


def is_arena(base: str) -> bool:
    """The base is that of an arena, not of anything that the caller keeps."""
    return base == ARENA or base.endswith(f"_{ARENA}")


@dataclass(frozen=True, slots=True)
class Place:
    """A byte: `offset` bytes from `base`."""

    base: str
    offset: int


def float_literal(value: np.floating[Any]) -> str:
    """Return a finite single as a C constant.

    >>> float_literal(np.float32(0.1)), float_literal(np.float32(3))
    ('0.1f', '3.0f')
    """
    return f"{np.float32(value)!s}f"


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A const array of the weights file: C element type, data in storage order, what it holds.

    `memory` is that of the target it lies in, "" where the target's one place for constants is.
    """

    name: str
    ctype: str
    values: Array
    comment: str
    memory: str = ""

    @property
    def size_bytes(self) -> int:
        return int(self.values.nbytes)


@dataclass(frozen=True, slots=True)
class Field:
    """A number that a function is told at each call, and its C type."""

    name: str
    ctype: str


@dataclass(frozen=True, slots=True)
class Part:
    """A function that kernels call, made of a file of templates/runtime/ and what it is told."""

    name: str
    template: str
    params: tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class Function:
    """One instance of a kernel: its template filled with `params`. Layers share it.

    Layers of different shapes give it the numbers that stand as fields among its parameters.
    """

    name: str
    kernel: Kernel
    summary: str
    params: Mapping[str, object]
    parts: tuple[Part, ...] = ()

    @property
    def fields(self) -> tuple[Field, ...]:
        """What a call tells it, in order."""
        parts = (v if isinstance(v, tuple) else (v,) for v in self.params.values())
        return tuple(part for value in parts for part in value if isinstance(part, Field))


@dataclass(frozen=True, slots=True)
class Operand:
    """Where a layer finds the rows of an operand: the rows of its window for each output row.

    Its first byte stands `offset` bytes from `base`, which names a parameter of the C function.
    Of its `height` rows `kept` are in memory at a time; fewer than all form a ring. A direct
    operand is passed as a pointer to its one row (or to its first byte, to a kernel of whole
    values); any other as an array of row pointers. Rows
    beyond the image are null pointers.
    """

    name: str
    base: str
    offset: int
    pitch: int
    height: int
    kept: int
    window: int
    stride: int
    dilation: int
    pad: int
    divisor: int
    clipped: bool
    is_direct: bool


@dataclass(frozen=True, slots=True)
class KernelCall:
    """A call of a kernel for some filters of a layer, `times` in turn, each after its weights.

    `weights` are decoded, of `packs` packs. `shape` are the numbers of its function's fields.
    """

    function: Function
    filters: int
    times: int
    packs: int
    weights: int
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Decoding:
    """How a layer's weights come from fewer bits into its scratch, where the kernel reads them.

    `decode` writes them from constants, the `codes` first; `spread`, if there is one, takes them to
    where the kernel reads them, packs of `pack_bytes`, with what stands in `ends` between:
    `end_words` for each filter. `once`: for all rows, before the first. `calls` make the
    channels of all filters in turn. `ctype`: of a weight to the kernel. Its own scratch begins at
    `own_scratch`, None if it has none.
    """

    decode: str
    codes: str
    tables: tuple[str, ...]
    spread: str
    ends: str
    end_words: int
    once: bool
    ctype: str
    calls: tuple[KernelCall, ...]
    pack_bytes: int
    own_scratch: int | None
    parts: tuple[Part, ...]
    uses: tuple[str, ...]

    @property
    def constants(self) -> tuple[str, ...]:
        """The names of all that it reads."""
        return (self.codes, *self.tables, *((self.ends,) if self.ends else ()))


@dataclass(frozen=True, slots=True)
class Layer:
    """One C function that is called `rows` times, each for one row of a node's result.

    One that accumulates is called for each operand row and told which. `output_kept` rows of the
    result are in memory at a time. `bases` are all that its addresses count from, in the order of
    the C parameters. `shape` are the numbers of its function's fields. `constants` are those that
    its kernel is given; weights that are decoded come from the scratch instead.
    """

    name: str
    comment: tuple[str, ...]
    function: Function
    operands: tuple[Operand, ...]
    bases: tuple[str, ...]
    output_base: str
    output_offset: int
    output_pitch: int
    output_kept: int
    rows: int
    constants: tuple[str, ...]
    shape: tuple[int, ...]
    scratch_base: str
    scratch_offset: int | None
    decoding: Decoding | None = None


@dataclass(frozen=True, slots=True)
class Nest:
    """Layers whose rows are computed together; needs count layers from the program's first.

    Always the latest layer that may, makes a row: what it needs is made, and one of its `wants`,
    if it has any, asks for the row.
    `bases` are those of all its layers, in the order of the C parameters.
    """

    layers: tuple[Layer, ...]
    needs: tuple[tuple[Need, ...], ...]
    wants: tuple[tuple[Need, ...], ...]
    bases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class State:
    """What a network whose rows are pushed keeps between two calls, and where in the arena.

    Counters of `counter_bytes` for the layers of the first nest, of which the first receives the
    rows; `mark` tells a state from what stood there before.
    """

    base: str
    offset: int
    size_bytes: int
    counter_bytes: int
    mark: int


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Interface, functions, nests of layers in order, constants; where the arena has the ports.

    A port that is not in the arena has no place. `state`: where rows are pushed. `compact`: kernels
    share inner loops as functions, instead of each having its own. `engine`: what it runs on, if
    that is the shared engine in hardware; its functions' parameters are then commands.
    """

    interface: Interface
    functions: tuple[Function, ...]
    nests: tuple[Nest, ...]
    constants: tuple[Constant, ...]
    input_places: tuple[Place | None, ...]
    output_places: tuple[Place | None, ...]
    state: State | None
    target: str
    model: str
    digest: str
    macs: int
    compact: bool = False
    engine: Shape | None = None

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All layers in order."""
        return tuple(layer for nest in self.nests for layer in nest.layers)

    @property
    def indexes(self) -> bool:
        """Its kernels find bytes by their places in the arena, which tools of HLS ask for."""
        return any(function.kernel.indexes for function in self.functions)


def all_functions(programs: Sequence[Program]) -> tuple[Function, ...]:
    """Return the functions of programs that were lowered beside each other, each once."""
    return tuple({f.name: f for program in programs for f in program.functions}.values())


def all_constants(programs: Sequence[Program]) -> tuple[Constant, ...]:
    """Return the constants of programs that were lowered beside each other, each once."""
    return tuple({c.name: c for program in programs for c in program.constants}.values())


def all_decodings(programs: Sequence[Program]) -> tuple[Decoding, ...]:
    """Return how weights are decoded in programs, in the order of their layers."""
    layers = (layer for program in programs for layer in program.layers)
    return tuple(layer.decoding for layer in layers if layer.decoding is not None)
