"""What every runner of an emitted network shares: its functions, and batches as bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from codegen.errors import BadCalibrationData
from codegen.ir.interface import Interface, Port
from codegen.ir.program import arena_base
from codegen.ir.types import Array


@dataclass(frozen=True, slots=True)
class FunctionNames:
    """The C functions of a network; one accessor a port in the arena.

    `start` is NAME_invoke, or NAME_begin where rows are pushed.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    start: str
    push_row: str
    run: str

    @property
    def all(self) -> tuple[str, ...]:
        """Every function a caller may use."""
        push_row = (self.push_row,) if self.push_row else ()
        return (*self.inputs, *self.outputs, self.start, *push_row, self.run)


def function_names(interface: Interface) -> FunctionNames:
    """Return the functions of the C API; accessors are numbered where there are several."""
    name, transfer = interface.name, interface.transfer
    by_rows = transfer.inputs == "rows"
    return FunctionNames(
        inputs=_numbered(f"{name}_input", interface.inputs) if transfer.inputs == "arena" else (),
        outputs=_numbered(f"{name}_output", interface.outputs)
        if transfer.outputs == "arena"
        else (),
        start=f"{name}_begin" if by_rows else f"{name}_invoke",
        push_row=f"{name}_push_row" if by_rows else "",
        run=f"{name}_run",
    )


def arena_blocks(interface: Interface) -> tuple[tuple[str, str], ...]:
    """Return for the arena, or each of its parts, a C name and what begins its macros."""
    prefix = f"{interface.name.upper()}_ARENA"
    return tuple(
        (arena_base(arena.memory), f"{prefix}_{arena.memory.upper()}" if arena.memory else prefix)
        for arena in interface.blocks
    )


def check_batch(interface: Interface, inputs: Sequence[Array]) -> None:
    """Raise BadCalibrationData unless the inputs are as many samples of each port, of its type."""
    expected = tuple((port.dtype.value, port.shape) for port in interface.inputs)
    found = tuple((array.dtype.name, tuple(array.shape[1:])) for array in inputs)
    counts = {len(array) for array in inputs}
    if expected != found or len(counts) != 1:
        given = ", ".join(f"{array.dtype.name} {array.shape}" for array in inputs)
        taken = ", ".join(f"{dtype} {('samples', *shape)}" for dtype, shape in expected)
        raise BadCalibrationData(
            f"the inputs are {given}; the network takes {taken}".replace("'samples'", "samples")
        )


def split_batch(interface: Interface, inputs: Sequence[Array]) -> tuple[tuple[bytes, ...], ...]:
    """Return the bytes of each port of each sample; raises BadCalibrationData on other shapes."""
    check_batch(interface, inputs)
    return tuple(tuple(a[i].tobytes() for a in inputs) for i in range(len(inputs[0])))


def join_batch(interface: Interface, samples: Sequence[Sequence[bytes]]) -> tuple[Array, ...]:
    """Return an (N, *shape) array for each output from the bytes of each sample."""
    return tuple(
        np.frombuffer(b"".join(sample[i] for sample in samples), port.dtype.numpy).reshape(
            -1, *port.shape
        )
        for i, port in enumerate(interface.outputs)
    )


def guard(size_bytes: int) -> Array:
    """Return `size_bytes` of reproducible junk, writable, as uint8."""
    return np.random.default_rng(0).integers(0, 256, size_bytes, dtype=np.uint8)


def _numbered(stem: str, ports: tuple[Port, ...]) -> tuple[str, ...]:
    if len(ports) == 1:
        return (stem,)
    return tuple(f"{stem}_{i}" for i in range(len(ports)))
