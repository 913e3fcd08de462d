"""Board: a linked image on a machine of qemu-system-arm, whose functions can be called.

It stands in for unicorn where that has no such core: it is driven through QEMU's debugger, as an
engine with unicorn's methods. The code is linked again with start-up code, for the memories of the
board. A board has memory everywhere: writes beside the arena show, stray reads do not.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from codegen.errors import ToolFailed
from codegen.resources import folder as resource_folder
from codegen.targets import Qemu
from codegen.toolchain.cost import Image
from codegen.toolchain.counting import Counting
from codegen.toolchain.cross import TargetBuild, compile_object, cross_command, link
from codegen.toolchain.debugger import Debugger
from codegen.toolchain.elf import read_facts, read_functions, read_segments
from codegen.toolchain.machine import (
    PAGE,
    RETURN_ADDRESS,
    SINK_ADDRESS,
    STACK_BYTES,
    EngineStopped,
    Machine,
    Registers,
    lent_pages,
    place_blocks,
    refuse_static_data,
)
from codegen.toolchain.qemu import QEMU, board_regions
from codegen.toolchain.tools import find_program
from codegen.toolchain.trace import Trace

REGISTERS = Registers(arguments=(0, 1, 2, 3), stack=13, link=14, program_counter=15, thumb_bit=1)
MAIN = "int main(void);\nint main(void)\n{\n    for (;;) {\n    }\n}\n"
FAULT_ADDRESS = SINK_ADDRESS + 2 * PAGE
"""Where the core goes when it takes a fault: a page in which nothing else is."""
FIRST_FAULT, FAULTS = 8, 14
"""Of the vector table: bytes before the handlers of faults, and how many these are."""
STACKED_COUNTER = 24
"""Bytes from where a fault puts registers to the address it happened at."""
START_S, RUN_S = 20.0, 600.0
"""Limits on how long QEMU takes to start, and the core for a call."""


class Board:
    """A running QEMU, an engine as machine.py calls one. `log` is where it logs blocks."""

    def __init__(self, image: Path, board: Qemu, scratch: Path, count: bool) -> None:
        self.log = scratch / "blocks.log"
        self._watched: dict[int, Callable[[Board], None]] = {}
        program, path = find_program(QEMU, QEMU), scratch / "gdb"
        gdb = ("-chardev", f"socket,path={path},server=on,wait=off,id=gdb", "-gdb", "chardev:gdb")
        logged = ("-d", "in_asm,exec,nochain", "-D", self.log) if count else ()
        quiet = ("-display", "none", "-monitor", "none", "-serial", "none")
        command = (program, "-machine", board.machine, *quiet, "-S", *gdb, "-kernel", image)
        self._process = subprocess.Popen(
            [str(part) for part in (*command, *logged)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self._debugger = self._connect(path)
        main = next(f.start for f in read_functions(image) if f.name == "main")
        self._debugger.stop_at(main)
        self._debugger.run()
        self._debugger.pass_by(main)
        handler = (FAULT_ADDRESS | REGISTERS.thumb_bit).to_bytes(4, "little")
        self.mem_write(board.flash_base + FIRST_FAULT, FAULTS * handler)
        for address in (FAULT_ADDRESS, RETURN_ADDRESS, SINK_ADDRESS):
            self._debugger.stop_at(address)

    def close(self) -> None:
        """End QEMU."""
        self._process.kill()
        self._process.communicate()

    def mem_read(self, address: int, size: int) -> bytes:
        return self._debugger.read(address, size)

    def mem_write(self, address: int, data: bytes) -> None:
        self._debugger.write(address, data)

    def reg_read(self, register: int) -> int:
        return self._debugger.read_register(register)

    def reg_write(self, register: int, value: int) -> None:
        self._debugger.write_register(register, value)

    def watch(self, address: int, act: Callable[[Board], None]) -> None:
        """Have `act` take the place of the function at an address."""
        self._watched[address] = act

    def emu_start(self, begin: int, until: int) -> None:
        """Run to `until`; raises EngineStopped where the core takes a fault."""
        self._jump(begin)
        while (stop := self._debugger.run()) != until:
            if stop == FAULT_ADDRESS:
                frame = self.reg_read(REGISTERS.stack) + STACKED_COUNTER
                self._jump(int.from_bytes(self.mem_read(frame, 4), "little"))
                raise EngineStopped("the core took a fault")
            self._watched[stop](self)
            self._jump(self.reg_read(REGISTERS.link))

    def stop_logging(self) -> None:
        """Log no further blocks."""
        self._debugger.monitor("log none")

    def _jump(self, address: int) -> None:
        self.reg_write(REGISTERS.program_counter, address & ~REGISTERS.thumb_bit)

    def _connect(self, path: Path) -> Debugger:
        end = time.monotonic() + START_S
        while self._process.poll() is None and time.monotonic() < end:
            with suppress(FileNotFoundError, ConnectionRefusedError):
                return Debugger(path, RUN_S)
            time.sleep(0.01)
        self._process.kill()
        said = self._process.communicate()[1].decode(errors="replace").strip()
        raise ToolFailed(f"QEMU did not start: {said or 'it printed nothing'}")


@contextmanager
def running_board(build: TargetBuild, *, count: bool) -> Iterator[Machine]:
    """Start QEMU with the image, up to `main`; end it afterwards.

    Raises MissingTool, ToolFailed, or VerificationFailed for an image with writable data.
    """
    board = build.target.qemu
    assert board is not None, "a target without a board"
    refuse_static_data(build)
    blocks, stack = place_blocks(build.interface, {}, board.ram_base + board.ram_bytes // 2)
    struct = stack + STACK_BYTES + PAGE
    lent = lent_pages(build.interface, struct + 2 * PAGE)
    with tempfile.TemporaryDirectory() as scratch:
        image = _link_image(build, board, Path(scratch))
        engine = Board(image, board, Path(scratch), count)
        try:
            engine.mem_write(struct, b"".join(b.start.to_bytes(4, "little") for b in blocks))
            code = next(segment for segment in read_segments(image) if segment.executable)
            yield Machine(
                engine=engine,
                watch=engine.watch,
                image=Image(code, read_functions(image), build.target),
                registers=REGISTERS,
                arena=struct if build.interface.arenas else blocks[0].start,
                blocks=blocks,
                stack=stack,
                lent=tuple(start + size for start, size in lent),
            )
        finally:
            engine.close()


@contextmanager
def counting_blocks(engine: Board, image: Image) -> Iterator[Counting]:
    """Count all that the board executes inside the block; it logs no more afterwards."""
    with engine.log.open("rb") as log:
        trace = Trace(log)
        count = Counting(image, trace.blocks)
        for _ in trace.blocks():
            pass
        try:
            yield count
        finally:
            engine.stop_logging()


def _link_image(build: TargetBuild, board: Qemu, scratch: Path) -> Path:
    """Return the network's own objects, linked with start-up code for the board."""
    templates = resource_folder("templates") / "project/baremetal"
    main = scratch / "main.c"
    main.write_text(MAIN, encoding="utf-8")
    command = cross_command(build.target, build.compiler)
    added = (compile_object(command, c, scratch) for c in (main, templates / "startup.c"))
    objects = (*build.objects, *added)
    found = {function.name for function in read_functions(build.elf)}
    roots = ("reset", *(name for name in read_facts(build).defined if name in found))
    image = scratch / "board.elf"
    regions = board_regions(board)
    link(command, objects, image, build.interface, build.fragment, regions, roots, "RAM")
    return image
