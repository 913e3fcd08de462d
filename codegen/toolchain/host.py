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
from codegen.ir.types import Array
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
    """Run NAME_invoke on each sample; (N, *shape) int8 arrays, in and out, one a port.

    The arena holds junk before each sample, so that what is read before it is written shows, and
    stands between guard bytes. With `arena`, bytes that may be more than it takes, it holds those
    instead, and they become what it holds afterwards. Raises VerificationFailed where the C writes
    outside of it.
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
    batch = split_batch(interface, inputs)
    names = function_names(interface)
    memory, start = _guarded_arena(interface)
    pristine = memory.copy()
    end = start + interface.arena_bytes
    arena = ffi.cast("void *", memory.ctypes.data + start)
    writes = [getattr(library, name)(arena) for name in names.inputs]
    reads = [getattr(library, name)(arena) for name in names.outputs]
    sizes = [port.size_bytes for port in interface.outputs]
    invoke = getattr(library, names.invoke)
    outputs = []
    for index, sample in enumerate(batch):
        memory[start:end] = pristine[start:end] if held is None else held[: end - start]
        for pointer, data in zip(writes, sample, strict=True):
            ffi.memmove(pointer, data, len(data))
        invoke(arena)
        outputs.append([bytes(ffi.buffer(p, n)) for p, n in zip(reads, sizes, strict=True)])
        if held is not None:
            held[: end - start] = memory[start:end]
        if not (
            np.array_equal(memory[:start], pristine[:start])
            and np.array_equal(memory[end:], pristine[end:])
        ):
            raise VerificationFailed(
                f"{names.invoke} wrote outside the arena, on the host", where=f"sample {index}"
            )
    return join_batch(interface, outputs)


def _guarded_arena(interface: Interface) -> tuple[Array, int]:
    """Return junk with room for the arena and its guards, and where the arena starts."""
    align = interface.arena_align
    memory = guard(interface.arena_bytes + 2 * GUARD_BYTES + align)
    start = GUARD_BYTES + (-(memory.ctypes.data + GUARD_BYTES)) % align
    return memory, start
