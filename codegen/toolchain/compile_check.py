"""The emitted C under strict warnings, as C99 and as C++17."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Literal

from codegen.emit.hls import TESTBENCH, TOP
from codegen.errors import MissingTool, ToolFailed
from codegen.ir.interface import Interface
from codegen.toolchain.host import sources
from codegen.toolchain.tools import Compiler, run_tool

Language = Literal["c99", "c++17"]

WARNINGS = (
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wconversion",
    "-Wsign-conversion",
    "-Wshadow",
    "-Wcast-qual",
    "-Wvla",
    "-Wundef",
    "-Werror",
)
GCC_WARNINGS = ("-Wcast-align=strict",)
CLANG_WARNINGS = ("-Wcast-align",)
C_WARNINGS = ("-Wmissing-prototypes",)


def find_warnings(
    folder: Path, interface: Interface, compiler: Compiler, language: Language = "c99"
) -> str:
    """Return all that the compiler says about the emitted files; "" where they are clean.

    NAME_test.h, where it is there, is compiled as part of a file that includes it. Raises
    MissingTool where the compiler lacks the language.
    """
    command = compiler.c if language == "c99" else compiler.cxx
    if command is None:
        raise MissingTool(f"{compiler.name} has no C++ compiler", hint="apt-get install g++")
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        top = _top_sources(folder, interface)
        for source in (*sources(folder, interface), *top, *_test_source(folder, interface, out)):
            flags = (
                *_flags(compiler, language),
                *(("-Wno-unknown-pragmas",) if top else ()),
                "-I",
                str(folder),
                "-c",
                "-o",
                str(out / "object.o"),
            )
            try:
                run_tool((*command, *flags, source))
            except ToolFailed as error:
                found.append(error.problems[0].message)
    return "\n".join(found)


def _flags(compiler: Compiler, language: Language) -> tuple[str, ...]:
    own = GCC_WARNINGS if compiler.kind == "gcc" else CLANG_WARNINGS
    if language == "c99":
        return ("-std=c99", "-O2", *WARNINGS, *own, *C_WARNINGS)
    return ("-x", "c++", "-std=c++17", "-O2", *WARNINGS, *own)


def _top_sources(folder: Path, interface: Interface) -> tuple[Path, ...]:
    """Return what is emitted for high-level synthesis, whose pragmas compilers do not know."""
    files = (folder / f"{interface.name}{end}" for end in (TOP, TESTBENCH))
    return tuple(file for file in files if file.is_file())


def _test_source(folder: Path, interface: Interface, out: Path) -> tuple[Path, ...]:
    header = f"{interface.name}_test.h"
    if not (folder / header).is_file():
        return ()
    source = out / "test.c"
    kind = f"const {interface.name}_arena" if interface.arenas else "void"
    call = f"return {interface.name}_self_test(({kind} *)0);"
    source.write_text(f'#include "{header}"\n\nint main(void)\n{{\n    {call}\n}}\n')
    return (source,)
