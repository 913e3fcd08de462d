"""The emitted C on this machine: a shared library loaded by ctypes, its arena under guard."""

from __future__ import annotations

import ctypes
import platform
from _ctypes import dlclose
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from codegen.errors import VerificationFailed
from codegen.ir.interface import BY_ARENA, Interface
from codegen.ir.memory import Arena
from codegen.ir.types import Array
from codegen.toolchain.drive import find_addresses, infer
from codegen.toolchain.host_loop import LOOP_SOURCE, Guarded, Placed, run_samples
from codegen.toolchain.ports import check_batch, function_names, guard, join_batch, split_batch
from codegen.toolchain.tools import Compiler, host_compiler, run_tool

GUARD_BYTES = 256
NATIVE = {
    "x86_64": "-march=native",
    "AMD64": "-march=native",
    "aarch64": "-mcpu=native",
    "arm64": "-mcpu=native",
}
"""By what compilers use all instructions of this machine, whatever it calls itself."""


@dataclass(frozen=True, slots=True)
class HostBuild:
    """A shared library made from the C files as they were emitted, and the network to run."""

    library: Path
    interface: Interface


def build_host(
    folder: Path,
    interface: Interface,
    out: Path,
    compiler: Compiler | None = None,
    *,
    fast: bool = False,
) -> HostBuild:
    """Compile the emitted files into `out`; raises MissingTool or ToolFailed.

    fast: for many inputs, by all instructions of this machine. It takes longer to compile.
    """
    command = (compiler or host_compiler()).c
    library = out / f"lib{interface.stem}.so"
    optimize = ("-O3", *NATIVE.get(platform.machine(), "").split()) if fast else ("-O2",)
    flags = ("-std=c99", *optimize, "-fPIC", "-shared")
    run_tool((*command, *flags, "-o", library, *sources(folder, interface), LOOP_SOURCE))
    return HostBuild(library, interface)


def sources(folder: Path, interface: Interface) -> tuple[Path, Path]:
    """Return the C files of an emitted folder."""
    return folder / f"{interface.stem}.c", folder / f"{interface.stem}_weights.c"


def run_host(
    build: HostBuild, inputs: Sequence[Array], arena: Array | None = None
) -> tuple[Array, ...]:
    """Run the network on each sample; (N, *shape) arrays, in and out, one a port.

    The arena holds junk before each sample, so that what is read before it is written shows, and
    stands between guard bytes. With `arena`, bytes that may be more than it takes, it holds those
    instead, and they become what it holds afterwards. Raises VerificationFailed where the C writes
    outside of it, or to an input that is not its own.
    """
    interface = build.interface
    check_batch(interface, inputs)
    with closing(HostDevice(build)) as device:
        if arena is None and interface.transfer == BY_ARENA:
            return _run_in_c(device, interface, inputs)
        return _run(device, interface, inputs, arena)


def _run_in_c(
    device: HostDevice, interface: Interface, inputs: Sequence[Array]
) -> tuple[Array, ...]:
    addresses = find_addresses(interface, device)
    count = len(inputs[0])
    outputs = tuple(np.empty((count, *port.shape), port.dtype.numpy) for port in interface.outputs)
    intact = device.run_samples(
        addresses.names.start,
        tuple(map(Placed, addresses.inputs, map(np.ascontiguousarray, inputs))),
        tuple(map(Placed, addresses.outputs, outputs)),
    )
    if intact < count:
        raise _wrote_outside(interface, intact)
    return outputs


def _run(
    device: HostDevice, interface: Interface, inputs: Sequence[Array], held: Array | None
) -> tuple[Array, ...]:
    addresses, outputs = find_addresses(interface, device), []
    for index, sample in enumerate(split_batch(interface, inputs)):
        device.fill_arena()
        outputs.append(infer(interface, device, addresses, sample, held))
        if not device.is_intact():
            raise _wrote_outside(interface, index)
    return join_batch(interface, outputs)


def _wrote_outside(interface: Interface, sample: int) -> VerificationFailed:
    names = function_names(interface)
    message = f"{names.push_row or names.start} wrote outside the arena, on the host"
    return VerificationFailed(message, where=f"sample {sample}")


SINK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int32, ctypes.c_void_p)
"""A function that takes output rows."""


def load_functions(library: ctypes.CDLL, interface: Interface) -> dict[str, Callable[..., Any]]:
    """Return the functions that running takes by name, with integers for pointers."""
    names, transfer = function_names(interface), interface.transfer
    lent = len(interface.inputs) if transfer.inputs == "const" else 0
    passed = lent + (2 if transfer.outputs == "rows" else 0)
    forms: list[tuple[str, Any, int]] = [(names.start, None, 1 + passed)]
    forms += [(name, ctypes.c_size_t, 1) for name in (*names.inputs, *names.outputs)]
    forms += [(names.push_row, ctypes.c_int, 2)] if names.push_row else []
    found: dict[str, Callable[..., Any]] = {}
    for name, result, count in forms:
        function = library[name]
        function.restype, function.argtypes = result, (ctypes.c_size_t,) * count
        found[name] = function
    return found


class HostDevice:
    """A library loaded into this process, and an arena between guards, each part of it."""

    def __init__(self, build: HostBuild) -> None:
        interface = build.interface
        self.rows: list[tuple[int, bytes]] = []
        self._library = ctypes.CDLL(str(build.library))
        self._functions = load_functions(self._library, interface)
        self._blocks = tuple(_guarded_block(arena) for arena in interface.blocks)
        self._struct = np.array([block.address for block in self._blocks], np.uintp)
        self.arena = self._struct.ctypes.data if interface.arenas else self._blocks[0].address
        self._lent: dict[int, tuple[Array, Array]] = {}
        self._lent_intact = True
        row_bytes = interface.outputs[0].type.row_bytes

        def take_row(user: int | None, row: int, data: int) -> None:
            self.rows.append((row, ctypes.string_at(data, row_bytes)))

        self._sink = SINK(take_row)

    @property
    def sink(self) -> int:
        return ctypes.cast(self._sink, ctypes.c_void_p).value or 0

    def close(self) -> None:
        """Unload the library."""
        dlclose(self._library._handle)

    def call(self, function: str, *arguments: int) -> int:
        """Call a function with the arena and further arguments."""
        return self._functions[function](self.arena, *arguments) or 0

    def write(self, address: int, data: bytes) -> None:
        ctypes.memmove(address, data, len(data))

    def read(self, address: int, size: int) -> bytes:
        return ctypes.string_at(address, size)

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

    def run_samples(self, invoke: str, inputs: Sequence[Placed], outputs: Sequence[Placed]) -> int:
        """Run a network on each sample; return the first that wrote outside, else their count."""
        return run_samples(self._library, invoke, self.arena, self._blocks, inputs, outputs)

    def is_intact(self) -> bool:
        """Nothing but the arena has changed."""
        lent = all(np.array_equal(a, b) for a, b in self._lent.values()) and self._lent_intact
        return lent and all(block.is_intact() for block in self._blocks)


def _guarded_block(arena: Arena) -> Guarded:
    """Return junk with room for the arena, or a part of it, and its guards."""
    memory = guard(arena.size_bytes + 2 * GUARD_BYTES + arena.align)
    start = GUARD_BYTES + -(memory.ctypes.data + GUARD_BYTES) % arena.align
    return Guarded(memory, memory.copy(), start, start + arena.size_bytes)
