"""The emitted C on this machine: a shared library called through cffi, its arena under guard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cffi
import numpy as np

from codegen.errors import VerificationFailed
from codegen.ir.interface import Interface
from codegen.ir.memory import Arena
from codegen.ir.types import Array
from codegen.toolchain.drive import find_addresses, infer
from codegen.toolchain.ports import declarations, function_names, guard, join_batch, split_batch
from codegen.toolchain.tools import Compiler, host_compiler, run_tool

GUARD_BYTES = 256

FFI: Any = cffi.FFI
"""cffi comes without types."""


@dataclass(frozen=True, slots=True)
class HostBuild:
    """A shared library made from the C files as they were emitted, and the network to run."""

    library: Path
    interface: Interface


def build_host(
    folder: Path, interface: Interface, out: Path, compiler: Compiler | None = None
) -> HostBuild:
    """Compile the emitted files into `out`; raises MissingTool or ToolFailed."""
    command = (compiler or host_compiler()).c
    library = out / f"lib{interface.stem}.so"
    flags = ("-std=c99", "-O2", "-fPIC", "-shared")
    run_tool((*command, *flags, "-o", library, *sources(folder, interface)))
    return HostBuild(library, interface)


def sources(folder: Path, interface: Interface) -> tuple[Path, Path]:
    """Return the C files of an emitted folder."""
    return folder / f"{interface.stem}.c", folder / f"{interface.stem}_weights.c"


def run_host(
    build: HostBuild, inputs: Sequence[Array], arena: Array | None = None
) -> tuple[Array, ...]:
    """Run the network on each sample; (N, *shape) int8 arrays, in and out, one a port.

    The arena holds junk before each sample, so that what is read before it is written shows, and
    stands between guard bytes. With `arena`, bytes that may be more than it takes, it holds those
    instead, and they become what it holds afterwards. Raises VerificationFailed where the C writes
    outside of it, or to an input that is not its own.
    """
    ffi = FFI()
    ffi.cdef(declarations(build.interface))
    library = ffi.dlopen(str(build.library))
    try:
        return _run(ffi, library, build.interface, inputs, arena)
    finally:
        ffi.dlclose(library)


def _run(
    ffi: Any, library: Any, interface: Interface, inputs: Sequence[Array], held: Array | None
) -> tuple[Array, ...]:
    device = HostDevice(ffi, library, interface)
    addresses = find_addresses(interface, device)
    names, outputs = function_names(interface), []
    for index, sample in enumerate(split_batch(interface, inputs)):
        device.fill_arena()
        outputs.append(infer(interface, device, addresses, sample, held))
        if not device.is_intact():
            function = names.push_row or names.start
            raise VerificationFailed(
                f"{function} wrote outside the arena, on the host", where=f"sample {index}"
            )
    return join_batch(interface, outputs)


class HostDevice:
    """A library loaded into this process, and an arena between guards, each part of it."""

    def __init__(self, ffi: Any, library: Any, interface: Interface) -> None:
        self.rows: list[tuple[int, bytes]] = []
        self._ffi, self._library = ffi, library
        self._blocks = tuple(_GuardedBlock(arena) for arena in interface.blocks)
        self._struct = np.array([block.address for block in self._blocks], np.uintp)
        self.arena = self._struct.ctypes.data if interface.arenas else self._blocks[0].address
        self._lent: dict[int, tuple[Array, Array]] = {}
        self._lent_intact = True
        row_bytes = interface.outputs[0].type.row_bytes

        def take_row(user: Any, row: int, data: Any) -> None:
            self.rows.append((row, bytes(ffi.buffer(data, row_bytes))))

        self._sink = ffi.callback("void(void *, int32_t, const int8_t *)", take_row)

    @property
    def sink(self) -> int:
        return int(self._ffi.cast("uintptr_t", self._sink))

    def call(self, function: str, *arguments: int) -> int:
        """Call a function with the arena and further arguments."""
        return getattr(self._library, function)(self.arena, *arguments) or 0

    def write(self, address: int, data: bytes) -> None:
        self._ffi.memmove(self._ffi.cast("void *", address), data, len(data))

    def read(self, address: int, size: int) -> bytes:
        return bytes(self._ffi.buffer(self._ffi.cast("char *", address), size))

    def lend(self, index: int, data: bytes) -> int:
        """Put data between guards, in place of what was lent at that index and has its size."""
        if index not in self._lent:
            junk = guard(len(data) + 2 * GUARD_BYTES)
            self._lent[index] = junk, junk.copy()
        memory, expected = self._lent[index]
        self._lent_intact &= np.array_equal(memory, expected)
        for array in (memory, expected):
            array[GUARD_BYTES:-GUARD_BYTES] = np.frombuffer(data, np.uint8)
        return int(memory.ctypes.data) + GUARD_BYTES

    def fill_arena(self) -> None:
        """Put junk into the arena."""
        for block in self._blocks:
            block.fill()

    def is_intact(self) -> bool:
        """Nothing but the arena has changed."""
        lent = all(np.array_equal(a, b) for a, b in self._lent.values()) and self._lent_intact
        return lent and all(block.is_intact() for block in self._blocks)


class _GuardedBlock:
    """Junk with room for the arena, or a part of it, and its guards."""

    def __init__(self, arena: Arena) -> None:
        self._memory = guard(arena.size_bytes + 2 * GUARD_BYTES + arena.align)
        self._pristine = self._memory.copy()
        address = self._memory.ctypes.data + GUARD_BYTES
        self.address = address + -address % arena.align
        start = self.address - self._memory.ctypes.data
        self._inside = slice(start, start + arena.size_bytes)

    def fill(self) -> None:
        self._memory[self._inside] = self._pristine[self._inside]

    def is_intact(self) -> bool:
        outside = (slice(None, self._inside.start), slice(self._inside.stop, None))
        return all(np.array_equal(self._memory[at], self._pristine[at]) for at in outside)
