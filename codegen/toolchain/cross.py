"""Emitted C -> ELF for a target, with zig's clang from pip or with a GNU cross compiler."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

from codegen.errors import BadTarget, MissingTool
from codegen.ir.interface import Interface
from codegen.resources import folder as resource_folder
from codegen.targets import Memory, Target
from codegen.toolchain.host import sources
from codegen.toolchain.ports import function_names
from codegen.toolchain.tools import render, run_tool, zig

CrossCompiler = Literal["zig", "gcc"]

COMPILE_FLAGS = (
    "-std=c99",
    "-O2",
    "-g0",
    "-ffunction-sections",
    "-fdata-sections",
    "-fomit-frame-pointer",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
)
LINKER_ROOM = 64 << 20
"""Bytes of flash and of RAM the linker is given: what exceeds the part is reported, not refused."""


@dataclass(frozen=True, slots=True)
class TargetBuild:
    """A linked image, the objects it was made of, and the network in it to run.

    `fragment`: the part of its linker script that was emitted, if there is one.
    """

    elf: Path
    objects: tuple[Path, Path]
    interface: Interface
    target: Target
    compiler: CrossCompiler
    fragment: Path | None


def build_target(
    folder: Path,
    interface: Interface,
    target: Target,
    out: Path,
    compiler: CrossCompiler = "zig",
    *,
    beside: Sequence[Interface] = (),
) -> TargetBuild:
    """Compile the emitted files for the target and link them alone, unused parts removed.

    What serves other networks of the library is unused, but for those `beside`. Raises
    MissingTool, ToolFailed, or BadTarget where the target cannot be built for.
    """
    command = cross_command(target, compiler)
    code, weights = (compile_object(command, s, out) for s in sources(folder, interface))
    names = tuple(name for used in (interface, *beside) for name in function_names(used).all)
    elf = out / f"{interface.name}.elf"
    board = {"FLASH": target.memory("flash"), "RAM": target.memory("ram")}
    board |= {memory.name.upper(): memory for memory in target.memories}
    board = {name: _with_room(memory) for name, memory in board.items()}
    fragment = fragment_of(folder, interface)
    link(command, (code, weights), elf, interface, fragment, board, names)
    return TargetBuild(elf, (code, weights), interface, target, compiler, fragment)


def cross_command(target: Target, compiler: CrossCompiler) -> tuple[str, ...]:
    """Return the compiler and the arguments that select the core."""
    if compiler == "zig" and target.zig:
        return (
            *zig(),
            "cc",
            *target.zig_arguments,
            "-I",
            str(resource_folder("templates") / "project/include"),
        )
    if compiler == "gcc" and target.gcc:
        path = shutil.which(target.gcc[0])
        if path is None:
            hint = "apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi"
            raise MissingTool(f"{target.gcc[0]} is not installed", hint=hint)
        return (path, *target.gcc[1:])
    raise BadTarget(f"target '{target.name}' has no arguments for {compiler}", hint="see targets/")


@cache
def compiler_version(target: Target, compiler: CrossCompiler) -> str:
    """Return the name and version of the compiler that a target is built with; as `cross_command`.

    >>> from codegen.targets import load_target
    >>> compiler_version(load_target("cortex-m4"), "zig").split()[0]
    'zig'
    """
    command = cross_command(target, compiler)
    if compiler == "zig":
        return f"zig {run_tool((*zig(), 'version')).decode().strip()}"
    return f"{Path(command[0]).name} {run_tool((command[0], '-dumpfullversion')).decode().strip()}"


def compile_object(
    command: tuple[str, ...], source: Path, out: Path, include: tuple[Path, ...] = ()
) -> Path:
    """Compile one C file to an object in `out`."""
    target = out / f"{source.stem}.o"
    paths = [part for path in include for part in ("-I", path)]
    run_tool((*command, *COMPILE_FLAGS, *paths, "-c", "-o", target, source))
    return target


def fragment_of(folder: Path, interface: Interface) -> Path | None:
    """Return the part of a linker script that was emitted, if the network needs one."""
    several = interface.arenas or interface.sections
    return folder / f"{interface.stem}_sections.ld" if several else None


def link(
    command: tuple[str, ...],
    objects: tuple[Path, ...],
    elf: Path,
    interface: Interface,
    fragment: Path | None,
    board: Mapping[str, Memory],
    roots: tuple[str, ...],
    weights: Literal["FLASH", "RAM"] = "FLASH",
) -> None:
    """Link objects and the compiler's own runtime, keeping what `roots` reach; first is entry.

    `board` holds the regions, FLASH and RAM at least, which stand for those that it lacks.
    """
    script = elf.with_suffix(".ld")
    arenas = [arena.memory for arena in interface.arenas]
    wanted = {name.upper(): weights for name in interface.sections}
    wanted |= {name.upper(): "RAM" for name in arenas}
    text = render(
        "baremetal/link.ld.j2",
        entry=roots[0],
        stem=interface.stem,
        regions=[
            (name, "rx" if memory.kind == "flash" else "rw", memory.base, memory.size_bytes)
            for name, memory in board.items()
            if name in ("FLASH", "RAM", *wanted)
        ],
        aliases=[(name, region) for name, region in wanted.items() if name not in board],
        fragment=fragment,
        weights=weights,
    )
    script.write_text(text, encoding="utf-8")
    libraries = () if "ziglang" in command else ("-nostdlib", "-Wl,--start-group")
    flags = ["-Wl,--gc-sections", f"-Wl,--entry={roots[0]}"]
    flags += [f"-Wl,-u,{root}" for root in roots]
    runtime = () if "ziglang" in command else ("-lc", "-lgcc", "-Wl,--end-group")
    run_tool((*command, "-O2", *flags, "-T", script, *libraries, *objects, *runtime, "-o", elf))


def _with_room(memory: Memory) -> Memory:
    return replace(memory, size_bytes=max(memory.size_bytes, LINKER_ROOM))
