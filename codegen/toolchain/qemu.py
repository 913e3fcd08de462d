"""The self-test of an emitted network on a board that QEMU plays, as a whole firmware image."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from codegen.errors import BadTarget, ToolFailed
from codegen.ir.interface import Interface
from codegen.resources import folder as resource_folder
from codegen.targets import Memory, Qemu, Target
from codegen.toolchain.cross import (
    CrossCompiler,
    compile_object,
    cross_command,
    fragment_of,
    link,
)
from codegen.toolchain.host import sources
from codegen.toolchain.ports import arena_blocks
from codegen.toolchain.tools import find_program, render, run_program

QEMU = "qemu-system-arm"
FAULT = "the processor took a fault"
"""What startup.c prints."""


@dataclass(frozen=True, slots=True)
class SelfTest:
    """Outcome of NAME_self_test, and what the firmware printed. A fault is a failure."""

    passed: bool
    output: str


def run_self_test(
    folder: Path,
    interface: Interface,
    target: Target,
    compiler: CrossCompiler = "zig",
    timeout_s: float = 120.0,
) -> SelfTest:
    """Build a firmware image around NAME_test.h and run it in qemu-system-arm.

    Raises MissingTool, ToolFailed, or BadTarget where QEMU has no board with the core.
    """
    board = target.qemu
    if board is None:
        raise BadTarget(f"target '{target.name}' has no [qemu]", hint="see targets/")
    program = find_program(QEMU, QEMU)
    with tempfile.TemporaryDirectory() as scratch:
        image = build_firmware(folder, interface, target, board, Path(scratch), compiler)
        machine = ("-machine", board.machine, "-display", "none", "-monitor", "none")
        console = ("-serial", "none", "-semihosting-config", "enable=on,target=native")
        done = run_program((program, *machine, *console, "-kernel", image), timeout_s=timeout_s)
    output = (done.stdout + done.stderr).decode(errors="replace")
    if not any(end in output for end in (f"{interface.name}: ", FAULT)):
        raise ToolFailed(f"QEMU's {board.machine} ended without a result:\n{output.strip()}")
    return SelfTest(done.returncode == 0, output)


def build_firmware(
    folder: Path,
    interface: Interface,
    target: Target,
    board: Qemu,
    out: Path,
    compiler: CrossCompiler = "zig",
) -> Path:
    """Return an image with vector table, start-up code and the self-test as `main`.

    The loader puts weights into the board's larger memory, which is its RAM.
    """
    templates = resource_folder("templates") / "project/baremetal"
    main = out / f"{interface.name}_main.c"
    name = interface.name
    blocks, struct = arena_blocks(interface), bool(interface.arenas)
    text = render("self_test.c.j2", name=name, blocks=blocks, struct=struct)
    main.write_text(text, encoding="utf-8")
    command = cross_command(target, compiler)
    files = (*sources(folder, interface), main, templates / "startup.c")
    include = (folder, templates)
    objects = tuple(compile_object(command, file, out, include) for file in files)
    regions = board_regions(board)
    image = out / f"{name}_firmware.elf"
    fragment = fragment_of(folder, interface)
    link(command, objects, image, interface, fragment, regions, ("reset",), "RAM")
    return image


def board_regions(board: Qemu) -> dict[str, Memory]:
    """Return the regions that images for a board are linked to."""
    return {
        "FLASH": Memory("flash", "flash", board.flash_base, board.flash_bytes),
        "RAM": Memory("ram", "ram", board.ram_base, board.ram_bytes),
    }
