"""Inputs and outputs as finished C text: declarations, sizes, places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from codegen.emit.layers import member
from codegen.emit.layout import comment_text
from codegen.ir.interface import Port
from codegen.ir.program import Place, Program
from codegen.ir.types import DType


@dataclass(frozen=True, slots=True)
class PortView:
    """A port as the header shows it. `suffix` is empty where there is only one.

    `dtype` is the element type as ONNX calls it, with the range of bytes. `length` and `row_length`
    count elements, by the sizes in bytes. `place`: the address of the first in the arena.
    """

    suffix: str
    dtype: str
    ctype: str
    length: str
    row_length: str
    kind: str
    tensor: str
    dims: str
    shape: str
    size: int
    by_rows: bool
    rows: int
    row_size: int
    place: str
    scale: str
    zero_point: int


def view_inputs(program: Program) -> tuple[PortView, ...]:
    by_rows = program.interface.transfer.inputs == "rows"
    return _ports(program, "input", program.interface.inputs, program.input_places, by_rows)


def view_outputs(program: Program) -> tuple[PortView, ...]:
    by_rows = program.interface.transfer.outputs == "rows"
    return _ports(program, "output", program.interface.outputs, program.output_places, by_rows)


def _ports(
    program: Program,
    kind: str,
    ports: tuple[Port, ...],
    places: tuple[Place | None, ...],
    by_rows: bool,
) -> tuple[PortView, ...]:
    stem = f"{program.interface.name}_{kind}".upper()
    return tuple(
        PortView(
            suffix=suffix(i, len(ports)),
            dtype=f"{port.dtype.value}{', 0 to 255,' if port.dtype is DType.UINT8 else ''}",
            ctype=port.dtype.ctype,
            length=_count(f"{stem}{suffix(i, len(ports))}_SIZE", port),
            row_length=_count(f"{stem}_ROW_SIZE", port),
            kind=kind,
            tensor=comment_text(port.tensor),
            dims="x".join(map(str, port.shape)) or "1",
            shape=", ".join(map(str, port.shape)),
            size=port.size_bytes,
            by_rows=by_rows,
            rows=port.type.rows,
            row_size=port.type.row_bytes,
            place=_address(where, port) if where else "",
            scale=f"{float(np.float32(port.scale))!r}f",
            zero_point=port.zero_point,
        )
        for i, (port, where) in enumerate(zip(ports, places, strict=True))
    )


def _count(size: str, port: Port) -> str:
    """Return how many elements `size` bytes are."""
    return size if port.dtype.size_bytes == 1 else f"({size} / {port.dtype.size_bytes})"


def _address(place: Place, port: Port) -> str:
    """Return the address of a port's first element, by elements from that of the arena."""
    elements, rest = divmod(place.offset, port.dtype.size_bytes)
    assert not rest, f"{port.tensor} is not aligned"
    return f"{member(place.base)} + {elements}"


def run_parameters(program: Program) -> str:
    """Return the parameters of NAME_run after the arena."""
    ins, outs = program.interface.inputs, program.interface.outputs
    inputs = [
        f", const {port.dtype.ctype} *input{suffix(i, len(ins))}" for i, port in enumerate(ins)
    ]
    outputs = [f", {port.dtype.ctype} *output{suffix(i, len(outs))}" for i, port in enumerate(outs)]
    return "".join(inputs + outputs)


def taken(program: Program) -> str:
    """Return the parameters by which NAME_invoke or NAME_begin takes what it is given."""
    types = [f"const {port.dtype.ctype} *" for port in program.interface.inputs]
    return passed(program, "input", f"{program.interface.name}_sink sink, void *user", types)


def passed(program: Program, given: str, sink: str, types: Sequence[str] = ()) -> str:
    """Return what is passed besides the arena: constant inputs, and where output rows go.

    A declaration has the `types` of inputs.
    """
    transfer, count = program.interface.transfer, len(program.interface.inputs)
    inputs = range(count) if transfer.inputs == "const" else ()
    passed = [f", {types[i] if types else ''}{given}{suffix(i, count)}" for i in inputs]
    return "".join(passed + ([f", {sink}"] if transfer.outputs == "rows" else []))


def suffix(index: int, count: int) -> str:
    """Return the number of a port, where there are several."""
    return f"_{index}" if count > 1 else ""
