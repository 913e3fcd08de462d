"""Cost of an emulated run: instructions and cycles, in all and for each function.

The hook that unicorn calls at each block is C, built when counting starts (block_hook.c); where no
compiler for this machine works, a Python one over the same structures stands in, far slower.
"""

from __future__ import annotations

import bisect
import ctypes
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from codegen.errors import MissingTool, ToolFailed
from codegen.targets import Target
from codegen.toolchain.cycles import count_instructions, estimate_cycles, make_disassembler
from codegen.toolchain.elf import Function, Segment
from codegen.toolchain.tools import host_compiler, import_package, run_tool

MAX_DEPTH = 64
HOOK_SOURCE = Path(__file__).parent / "block_hook.c"


@dataclass(frozen=True, slots=True)
class FunctionCost:
    """What all calls of one function took; `own_instructions` leaves out what it called."""

    name: str
    calls: int
    instructions: int
    cycles: int
    own_instructions: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took. Instructions are exact; cycles are an estimate from the cost table."""

    instructions: int
    cycles: int
    functions: tuple[FunctionCost, ...]

    @property
    def layers(self) -> tuple[FunctionCost, ...]:
        """The functions layer_000, layer_001, ... in order."""
        found = (f for f in self.functions if f.name.startswith("layer_"))
        return tuple(sorted(found, key=lambda f: f.name))


@dataclass(frozen=True, slots=True)
class Image:
    """The code that runs, and its functions by address."""

    code: Segment
    functions: tuple[Function, ...]
    target: Target


class _Block(ctypes.Structure):
    _fields_ = (
        ("size", ctypes.c_uint32),
        ("instructions", ctypes.c_uint32),
        ("cycles", ctypes.c_uint32),
        ("function", ctypes.c_uint32),
        ("is_entry", ctypes.c_uint32),
    )


class _Function(ctypes.Structure):
    _fields_ = (
        ("calls", ctypes.c_uint64),
        ("instructions", ctypes.c_uint64),
        ("cycles", ctypes.c_uint64),
        ("own", ctypes.c_uint64),
    )


class _Frame(ctypes.Structure):
    _fields_ = (
        ("return_to", ctypes.c_uint64),
        ("instructions", ctypes.c_uint64),
        ("cycles", ctypes.c_uint64),
        ("function", ctypes.c_uint32),
    )


_Describe = ctypes.CFUNCTYPE(None, ctypes.c_uint64, ctypes.c_uint32)


class _State(ctypes.Structure):
    _fields_ = (
        ("instructions", ctypes.c_uint64),
        ("cycles", ctypes.c_uint64),
        ("next", ctypes.c_uint64),
        ("base", ctypes.c_uint64),
        ("limit", ctypes.c_uint64),
        ("branch_taken", ctypes.c_uint64),
        ("blocks", ctypes.POINTER(_Block)),
        ("functions", ctypes.POINTER(_Function)),
        ("read_register", ctypes.c_void_p),
        ("describe", _Describe),
        ("return_register", ctypes.c_int),
        ("depth", ctypes.c_uint32),
        ("frames", _Frame * MAX_DEPTH),
    )


@contextmanager
def counting(engine: Any, image: Image, *, native: bool = True) -> Iterator[Callable[[], Cost]]:
    """Count all that `engine` executes inside the block; the value returns the cost so far.

    `native`: use the C hook where it can be built.
    """
    functions = (_Function * (len(image.functions) + 1))()
    state = _make_state(image, functions)
    with tempfile.TemporaryDirectory() as scratch:
        library = _build_hook(Path(scratch)) if native else None
        remove = _add_hook(engine, state, library)
        try:
            yield lambda: _cost(state, functions, image)
        finally:
            remove()


def _make_state(image: Image, functions: ctypes.Array[_Function]) -> _State:
    target, code = image.target, image.code
    assert target.cycles is not None, "a target without a cost table"
    limit = len(code.data) // 2
    blocks = (_Block * limit)()
    disassembler = make_disassembler(target)
    starts = [function.start for function in image.functions]

    def describe(address: int, size: int) -> None:
        at = address - code.address
        piece = code.data[at : at + size]
        function = bisect.bisect_right(starts, address) - 1
        blocks[at // 2] = _Block(
            size=size,
            instructions=count_instructions(piece, target),
            cycles=estimate_cycles(piece, target, disassembler),
            function=function if function >= 0 else len(starts),
            is_entry=function >= 0 and starts[function] == address,
        )

    return _State(
        base=code.address,
        limit=limit,
        branch_taken=target.cycles.branch_taken,
        blocks=blocks,
        functions=functions,
        describe=_Describe(describe),
        return_register=_return_register(target),
    )


def _return_register(target: Target) -> int:
    constants = import_package("unicorn")
    if target.is_arm:
        return int(constants.arm_const.UC_ARM_REG_LR)
    return int(constants.riscv_const.UC_RISCV_REG_RA)


def _build_hook(out: Path) -> ctypes.CDLL | None:
    """Return the C hook, or None where it cannot be built."""
    library = out / "block_hook.so"
    flags = ("-std=c99", "-O2", "-fPIC", "-shared", "-nostdlib")
    try:
        run_tool((*host_compiler().c, *flags, "-o", library, HOOK_SOURCE))
        return ctypes.CDLL(str(library))
    except (MissingTool, ToolFailed, OSError):
        return None


def _add_hook(engine: Any, state: _State, library: ctypes.CDLL | None) -> Callable[[], object]:
    """Register the C hook through unicorn's own library; the Python one where that is not found.

    Returns what removes it.
    """
    unicorn = import_package("unicorn")
    binding = getattr(sys.modules[unicorn.Uc.__module__], "uclib", None)
    if library is None or binding is None or not hasattr(engine, "_uch"):
        handle = engine.hook_add(unicorn.UC_HOOK_BLOCK, _python_hook, state)
        return partial(engine.hook_del, handle)
    state.read_register = ctypes.cast(binding.uc_reg_read, ctypes.c_void_p)
    native = ctypes.c_size_t()
    status = binding.uc_hook_add(
        engine._uch,
        ctypes.byref(native),
        unicorn.UC_HOOK_BLOCK,
        ctypes.cast(library.on_block, ctypes.c_void_p),
        ctypes.cast(ctypes.pointer(state), ctypes.c_void_p),
        ctypes.c_uint64(1),
        ctypes.c_uint64(0),
    )
    if status:
        raise ToolFailed(f"unicorn refused the block hook with error {status}")
    return partial(binding.uc_hook_del, engine._uch, native)


def _python_hook(engine: Any, address: int, size: int, state: _State) -> None:
    """Do what on_block of block_hook.c does."""
    if state.next and address != state.next:
        state.cycles += state.branch_taken
    _leave(state, address)
    state.next = address + size
    index = (address - state.base) // 2
    if not 0 <= index < state.limit:
        return
    block = state.blocks[index]
    if block.size != size:
        state.describe(address, size)
    if block.is_entry:
        _enter(state, block.function, engine.reg_read(state.return_register) & ~1)
    state.instructions += block.instructions
    state.cycles += block.cycles
    state.functions[block.function].own += block.instructions


def _leave(state: _State, address: int) -> None:
    while state.depth and state.frames[state.depth - 1].return_to == address:
        state.depth -= 1
        frame = state.frames[state.depth]
        function = state.functions[frame.function]
        function.calls += 1
        function.instructions += state.instructions - frame.instructions
        function.cycles += state.cycles - frame.cycles


def _enter(state: _State, function: int, return_to: int) -> None:
    if state.depth:
        top = state.frames[state.depth - 1]
        if (top.function, top.return_to) == (function, return_to):
            return
    if state.depth == MAX_DEPTH:
        return
    state.frames[state.depth] = _Frame(return_to, state.instructions, state.cycles, function)
    state.depth += 1


def _cost(state: _State, functions: ctypes.Array[_Function], image: Image) -> Cost:
    """Return the totals; the run has ended, so the functions still open have returned."""
    while state.depth:
        _leave(state, state.frames[state.depth - 1].return_to)
    costs = tuple(
        FunctionCost(f.name, c.calls, c.instructions, c.cycles, c.own)
        for f, c in zip(image.functions, functions, strict=False)
        if c.own
    )
    return Cost(state.instructions, state.cycles, costs)
