"""Counting of an emulated run: how often each block of code is executed, within which layer.

The hook that unicorn calls at each block is C, built when counting starts (block_hook.c); where no
compiler for this machine works, a Python one over the same structures stands in, far slower.
"""

from __future__ import annotations

import ctypes
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from codegen.errors import MissingTool, ToolFailed
from codegen.toolchain.cost import OUTSIDE, Cost, Executed, Image, layer_index, layer_of, make_cost
from codegen.toolchain.tools import host_compiler, import_package, run_tool

HOOK_SOURCE = Path(__file__).parent / "block_hook.c"
FIRST_ROOM = 1024
"""Blocks that there are counters for, before more are needed."""
NOWHERE = 0xFFFF_FFFF
"""The function that what calls the network from outside is in."""
INHERIT, DRIVER = -1, 0
"""Roles of functions; those that run a layer have its number, from 1."""


class _Block(ctypes.Structure):
    _fields_ = (
        ("size", ctypes.c_uint32),
        ("number", ctypes.c_uint32),
        ("function", ctypes.c_uint32),
        ("is_entry", ctypes.c_uint32),
    )


class _Counter(ctypes.Structure):
    _fields_ = (("executions", ctypes.c_uint64), ("jumps", ctypes.c_uint64))


_Describe = ctypes.CFUNCTYPE(None, ctypes.c_uint64, ctypes.c_uint32)


class _State(ctypes.Structure):
    _fields_ = (
        ("next", ctypes.c_uint64),
        ("base", ctypes.c_uint64),
        ("limit", ctypes.c_uint64),
        ("blocks", ctypes.POINTER(_Block)),
        ("counters", ctypes.POINTER(_Counter)),
        ("roles", ctypes.POINTER(ctypes.c_int32)),
        ("calls", ctypes.POINTER(ctypes.c_uint64)),
        ("describe", _Describe),
        ("layers", ctypes.c_uint32),
        ("layer", ctypes.c_uint32),
        ("function", ctypes.c_uint32),
    )


Blocks = Callable[[], Iterable[tuple[int, int]]]


class Counting:
    """A count of what is executed. Between two calls of the network, `end_call` is called.

    blocks: gives address and size of what was executed since it was last asked, where no hook does.
    """

    def __init__(self, image: Image, blocks: Blocks = tuple) -> None:
        self._image = image
        self._executed_blocks = blocks
        names = [function.name for function in image.functions]
        layers = {layer_of(name) for name in names} - {OUTSIDE}
        self._layers = (OUTSIDE, *sorted(layers, key=layer_index))
        roles = [self._layers.index(layer_of(name)) or INHERIT for name in names]
        self._roles = (ctypes.c_int32 * (len(roles) + 1))(*roles, INHERIT)
        self._calls = (ctypes.c_uint64 * len(self._layers))()
        limit = len(image.code.data) // 2
        self._blocks = (_Block * limit)()
        self._numbers: dict[tuple[int, int], int] = {}
        self._counters = (_Counter * (FIRST_ROOM * len(self._layers)))()
        self.state = _State(
            base=image.code.address,
            limit=limit,
            blocks=self._blocks,
            counters=self._counters,
            roles=self._roles,
            calls=self._calls,
            describe=_Describe(self._describe),
            layers=len(self._layers),
            function=NOWHERE,
        )

    def end_call(self) -> None:
        """Note that what is executed next is called from outside."""
        for address, size in self._executed_blocks():
            _python_hook(None, address, size, self.state)
        self.state.next = self.state.layer = 0
        self.state.function = NOWHERE

    def cost(self) -> Cost:
        """Return the cost so far."""
        width = len(self._layers)
        executed = [
            Executed(layer, address, size, counter.executions, counter.jumps)
            for (address, size), number in self._numbers.items()
            for layer, counter in zip(
                self._layers, self._counters[number * width : (number + 1) * width], strict=True
            )
            if counter.executions
        ]
        return make_cost(self._image, executed, dict(zip(self._layers, self._calls, strict=True)))

    def _describe(self, address: int, size: int) -> None:
        """Give a block a number; one that was found with another size keeps its own."""
        number = self._numbers.setdefault((address, size), len(self._numbers))
        function = self._image.function_at(address)
        last = len(self._image.functions)
        self._blocks[(address - self._image.code.address) // 2] = _Block(
            size=size,
            number=number,
            function=last if function is None else function,
            is_entry=function is not None and self._image.starts[function] == address,
        )
        room = len(self._counters) // len(self._layers)
        if number == room:
            more = (_Counter * (2 * room * len(self._layers)))()
            ctypes.memmove(more, self._counters, ctypes.sizeof(self._counters))
            self._counters = more
            self.state.counters = more


@contextmanager
def counting(engine: Any, image: Image, *, native: bool = True) -> Iterator[Counting]:
    """Count all that `engine` executes inside the block.

    `native`: use the C hook where it can be built.
    """
    count = Counting(image)
    with tempfile.TemporaryDirectory() as scratch:
        library = _build_hook(Path(scratch)) if native else None
        remove = _add_hook(engine, count.state, library)
        try:
            yield count
        finally:
            remove()


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
    jumped = state.next not in (0, address)
    state.next = address + size
    index = (address - state.base) // 2
    if not 0 <= index < state.limit:
        return
    if state.blocks[index].size != size:
        state.describe(address, size)
    block = state.blocks[index]
    if block.function != state.function:
        _change_function(state, block)
    counter = state.counters[block.number * state.layers + state.layer]
    counter.executions += 1
    counter.jumps += jumped


def _change_function(state: _State, block: _Block) -> None:
    """Find the layer that what a function executes belongs to."""
    before, state.function = state.function, block.function
    role = state.roles[block.function]
    if before == NOWHERE and role < DRIVER:
        role = state.roles[block.function] = DRIVER
    if role > DRIVER and block.is_entry and (before == NOWHERE or state.roles[before] != role):
        state.calls[role] += 1
        if before != NOWHERE:
            state.roles[before] = DRIVER
    if role >= DRIVER:
        state.layer = role
