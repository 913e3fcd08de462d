"""Many samples through the emitted C on this machine, by a loop in C (host_loop.c).

It does for a network whose inputs and outputs stand in the arena what a call of each function from
Python does, which takes longer than a small network.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codegen.ir.types import Array

LOOP_SOURCE = Path(__file__).parent / "host_loop.c"
SAMPLES_A_CALL = 16
"""So that the user can interrupt."""


@dataclass(frozen=True, slots=True, eq=False)
class Guarded:
    """Memory, and what it is to hold before each sample; only `start` to `end` may change."""

    memory: Array
    pristine: Array
    start: int
    end: int

    @property
    def address(self) -> int:
        """Where the part that may change begins."""
        return int(self.memory.ctypes.data) + self.start

    def fill(self) -> None:
        """Make the memory hold what it is to hold before a sample."""
        self.memory[:] = self.pristine

    def is_intact(self) -> bool:
        """Only the part that may change has changed."""
        outside = slice(None, self.start), slice(self.end, None)
        return all(np.array_equal(self.memory[part], self.pristine[part]) for part in outside)


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """The samples of a port, (N, *shape), and the address at which the network has one."""

    address: int
    samples: Array


class _Block(ctypes.Structure):
    _fields_ = (
        ("memory", ctypes.c_void_p),
        ("pristine", ctypes.c_void_p),
        ("before", ctypes.c_uint64),
        ("size", ctypes.c_uint64),
        ("after", ctypes.c_uint64),
    )


class _Port(ctypes.Structure):
    _fields_ = (
        ("place", ctypes.c_void_p),
        ("data", ctypes.c_void_p),
        ("bytes", ctypes.c_uint64),
    )


class _Loop(ctypes.Structure):
    _fields_ = (
        ("invoke", ctypes.c_void_p),
        ("arena", ctypes.c_void_p),
        ("blocks", ctypes.POINTER(_Block)),
        ("inputs", ctypes.POINTER(_Port)),
        ("outputs", ctypes.POINTER(_Port)),
        ("block_count", ctypes.c_uint32),
        ("input_count", ctypes.c_uint32),
        ("output_count", ctypes.c_uint32),
    )


def run_samples(
    library: ctypes.CDLL,
    invoke: str,
    arena: int,
    blocks: Sequence[Guarded],
    inputs: Sequence[Placed],
    outputs: Sequence[Placed],
) -> int:
    """Fill `outputs` from `inputs`; return the first sample that wrote to a guard, else how many.

    `arena` is what the function named `invoke` takes. All arrays are contiguous.
    """
    count = len(outputs[0].samples)
    loop = _Loop(
        ctypes.cast(library[invoke], ctypes.c_void_p),
        arena,
        (_Block * len(blocks))(*map(_block, blocks)),
        (_Port * len(inputs))(*map(_port, inputs)),
        (_Port * len(outputs))(*map(_port, outputs)),
        len(blocks),
        len(inputs),
        len(outputs),
    )
    run = library["codegen_run_samples"]
    run.restype = ctypes.c_uint64
    run.argtypes = (ctypes.POINTER(_Loop), ctypes.c_uint64, ctypes.c_uint64)
    for first in range(0, count, SAMPLES_A_CALL):
        end = min(count, first + SAMPLES_A_CALL)
        stopped = int(run(ctypes.byref(loop), first, end))
        if stopped < end:
            return stopped
    return count


def _block(block: Guarded) -> _Block:
    after = block.memory.nbytes - block.end
    places = block.memory.ctypes.data, block.pristine.ctypes.data
    return _Block(*places, block.start, block.end - block.start, after)


def _port(port: Placed) -> _Port:
    samples = port.samples
    return _Port(port.address, samples.ctypes.data, samples.nbytes // max(len(samples), 1))
