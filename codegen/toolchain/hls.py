"""What is emitted for high-level synthesis, on this machine: the top function and its testbench."""

from __future__ import annotations

import ctypes
import tempfile
from _ctypes import dlclose
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from codegen.emit.hls import TESTBENCH, hls_sources
from codegen.errors import BadTarget, VerificationFailed
from codegen.ir.interface import Interface
from codegen.ir.types import Array
from codegen.toolchain.ports import check_batch
from codegen.toolchain.tools import host_compiler, run_program, run_tool

FLAGS = ("-std=c99", "-O2")


def run_top(folder: Path, interface: Interface, inputs: Sequence[Array]) -> tuple[Array, ...]:
    """Run NAME_top on each sample in turn, in the arena it keeps; (N, *shape) arrays, in and out.

    Raises BadTarget where the folder has none, MissingTool, ToolFailed.
    """
    check_batch(interface, inputs)
    with tempfile.TemporaryDirectory() as scratch:
        library = Path(scratch) / f"lib{interface.name}_top.so"
        sources = [_existing(folder / file) for file in hls_sources(interface.name)]
        run_tool((*host_compiler().c, *FLAGS, "-fPIC", "-shared", "-o", library, *sources))
        loaded = ctypes.CDLL(str(library))
        try:
            return _run(loaded[f"{interface.name}_top"], interface, inputs)
        finally:
            dlclose(loaded._handle)


def _run(
    top: ctypes._NamedFuncPointer, interface: Interface, inputs: Sequence[Array]
) -> tuple[Array, ...]:
    top.restype = None
    top.argtypes = (ctypes.c_void_p,) * (len(interface.inputs) + len(interface.outputs))
    count = len(inputs[0])
    given = [np.ascontiguousarray(array) for array in inputs]
    outputs = tuple(np.zeros((count, *port.shape), port.dtype.numpy) for port in interface.outputs)
    for sample in range(count):
        top(*(array[sample : sample + 1].ctypes.data for array in (*given, *outputs)))
    return outputs


def run_testbench(folder: Path, interface: Interface) -> None:
    """Build and run NAME_hls_tb.c; VerificationFailed where it does not return 0."""
    testbench = _existing(folder / f"{interface.name}{TESTBENCH}")
    sources = [_existing(folder / file) for file in hls_sources(interface.name)]
    with tempfile.TemporaryDirectory() as scratch:
        program = Path(scratch) / "testbench"
        run_tool((*host_compiler().c, *FLAGS, "-o", program, testbench, *sources))
        done = run_program((program,))
    if done.returncode:
        told = done.stdout.decode(errors="replace").strip()
        raise VerificationFailed(
            f"{testbench.name} returned {done.returncode}: {told}",
            hint="it, the golden values or the C were changed: emit the network again",
        )


def _existing(file: Path) -> Path:
    if not file.is_file():
        raise BadTarget(
            f"there is no {file.name}: the folder was not emitted for high-level synthesis",
            hint="codegen emit MODEL --target hls",
        )
    return file
