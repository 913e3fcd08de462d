"""Interface: what a caller of the generated C sees; all that running it takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from codegen.ir.memory import Arena
from codegen.ir.types import DType, Origin, Quant, TensorType
from codegen.options import InputMode, OutputMode


@dataclass(frozen=True, slots=True)
class Transfer:
    """How inputs and outputs pass between the caller and the network.

    Inputs: the caller writes them into the arena ("arena"), they are read where the caller has
    them ("const"), or the caller pushes the one input row by row ("rows"). Outputs: they stand in
    the arena, or the rows of the one output go to a function of the caller.
    """

    inputs: InputMode = "arena"
    outputs: OutputMode = "arena"


BY_ARENA = Transfer()
"""Inputs and outputs stand in the arena."""


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output of the network.

    `tensor`, `perm` and `batched` tell which ONNX tensor it shows (`Origin`); `shape` excludes the
    batch and is in the order of the bytes.
    """

    tensor: str
    shape: tuple[int, ...]
    scale: float
    zero_point: int
    perm: tuple[int, ...] = ()
    dtype: DType = DType.INT8
    batched: bool = True

    @property
    def size_bytes(self) -> int:
        return self.type.size_bytes

    @property
    def type(self) -> TensorType:
        return TensorType(self.shape, self.dtype, Quant((self.scale,), self.zero_point))

    @property
    def origin(self) -> Origin:
        return Origin(self.tensor, self.perm, self.batched)


@dataclass(frozen=True, slots=True)
class Interface:
    """The C identifier, the ports, and the arena of one emitted network.

    Functions are `{name}_invoke(arena)` and so on in lower case; macros are upper case. With
    several inputs the accessors are `{name}_input_0`, `{name}_input_1`, ...; likewise outputs.
    `library` names the files that it shares with other networks; "" where it is alone.

    An arena in parts has `arenas`, one in each memory of the target that is used, and is passed as
    a struct of pointers; its size is that of all, its alignment the greatest. `sections` are the
    memories that hold constants, () where all lie in one place.
    """

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    arena_bytes: int
    arena_align: int
    transfer: Transfer = BY_ARENA
    library: str = ""
    arenas: tuple[Arena, ...] = ()
    sections: tuple[str, ...] = ()

    @property
    def stem(self) -> str:
        """What the names of the files with its code and weights begin with."""
        return self.library or self.name

    @property
    def prefix(self) -> str:
        """What the names of its static functions begin with."""
        return f"{self.name}_" if self.library else ""

    @property
    def blocks(self) -> tuple[Arena, ...]:
        """The stretches of RAM that the caller provides; the only one has no memory's name."""
        return self.arenas or (Arena("", self.arena_bytes, self.arena_align),)


def shared_arena(interfaces: Sequence[Interface]) -> tuple[int, int]:
    """Return size and alignment of an arena in which any of the networks can run."""
    return (
        max(interface.arena_bytes for interface in interfaces),
        math.lcm(*(interface.arena_align for interface in interfaces)),
    )
