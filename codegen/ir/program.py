"""Program: all that emission may see. Every name and number is final; templates decide nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from codegen.ir.interface import Interface
from codegen.ir.schedule import Kernel
from codegen.ir.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A const array of the weights file: C element type, data in storage order, what it holds."""

    name: str
    ctype: str
    values: Array
    comment: str

    @property
    def size_bytes(self) -> int:
        return int(self.values.nbytes)


@dataclass(frozen=True, slots=True)
class Function:
    """One instance of a kernel: its template filled with `params`. Layers of one shape share it."""

    name: str
    kernel: Kernel
    summary: str
    params: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Operand:
    """Where a layer finds the rows of an operand: `window` rows for each output row.

    A direct operand is passed as a pointer to its one row (or to its first byte, to a kernel of
    whole values); any other as an array of row pointers. `outside` is the C expression for rows
    beyond the image.
    """

    name: str
    offset: int
    pitch: int
    height: int
    window: int
    stride: int
    dilation: int
    pad: int
    outside: str
    is_direct: bool


@dataclass(frozen=True, slots=True)
class Layer:
    """One C function that computes one node: a loop of `rows` kernel calls, or one call."""

    name: str
    comment: tuple[str, ...]
    function: Function
    operands: tuple[Operand, ...]
    output_offset: int
    output_pitch: int
    rows: int
    constants: tuple[str, ...]
    scratch_offset: int | None
    outside_offset: int | None
    outside_bytes: int
    outside_value: int


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Interface, functions, layers in order, constants; offsets of the ports in the arena."""

    interface: Interface
    functions: tuple[Function, ...]
    layers: tuple[Layer, ...]
    constants: tuple[Constant, ...]
    input_offsets: tuple[int, ...]
    output_offsets: tuple[int, ...]
    target: str
    model: str
    digest: str
    macs: int
