"""The emitted C under AddressSanitizer and UndefinedBehaviorSanitizer, in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codegen.errors import MissingTool, ToolFailed
from codegen.ir.interface import Interface
from codegen.ir.types import Array
from codegen.toolchain.host import sources
from codegen.toolchain.ports import arena_blocks, join_batch, split_batch
from codegen.toolchain.tools import Compiler, host_compiler, render, run_program, run_tool

RECOVER = "-fno-sanitize-recover=all"
SANITIZERS = (
    ("address,undefined", (RECOVER,)),
    ("undefined", (RECOVER,)),
    ("undefined", ("-fsanitize-trap=undefined",)),
)
"""Best first, with flags: not every compiler has the first, nor a runtime that reports."""

ENVIRONMENT = {"ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1"}

PROBES = {
    "address": "volatile char *p = malloc(8); p[7 + argc] = 1; free((void *)p);",
    "undefined": "volatile int x = 2147483647; x += argc;",
}
"""Statements that each sanitizer must stop; argc is 1."""


@dataclass(frozen=True, slots=True)
class SanitizedBuild:
    """A program that reads samples and writes results; `sanitizers` it was built with."""

    program: Path
    interface: Interface
    sanitizers: str


def build_sanitized(
    folder: Path, interface: Interface, out: Path, compiler: Compiler | None = None
) -> SanitizedBuild:
    """Compile the emitted files with a `main` into `out`.

    Raises ToolFailed where the C does not compile, MissingTool where no sanitizer works.
    """
    command = (compiler or host_compiler()).c
    sanitizers, options = _working_sanitizers(command, out)
    program = out / f"{interface.name}_{sanitizers.replace(',', '_')}"
    main = out / f"{interface.name}_main.c"
    main.write_text(_main(interface), encoding="utf-8")
    flags = ("-std=c99", "-O1", "-g", *options)
    include = ("-I", folder)
    run_tool((*command, *flags, *include, "-o", program, main, *sources(folder, interface)))
    return SanitizedBuild(program, interface, sanitizers)


def run_sanitized(build: SanitizedBuild, inputs: Sequence[Array]) -> tuple[Array, ...]:
    """Run NAME_run on each sample as `run_host` does; raises ToolFailed with the finding."""
    batch = split_batch(build.interface, inputs)
    stdin = b"".join(b"".join(sample) for sample in batch)
    stdout = run_tool((build.program,), stdin=stdin, environment=ENVIRONMENT)
    sizes = [port.size_bytes for port in build.interface.outputs]
    if len(stdout) != sum(sizes) * len(batch):
        raise ToolFailed(f"{build.program.name} wrote {len(stdout)} bytes for {len(batch)} samples")
    samples, at = [], 0
    for _ in batch:
        ends = [at + sum(sizes[: i + 1]) for i in range(len(sizes))]
        samples.append([stdout[end - size : end] for end, size in zip(ends, sizes, strict=True)])
        at += sum(sizes)
    return join_batch(build.interface, samples)


def _main(interface: Interface) -> str:
    inputs, outputs = (
        [(f"{side}_{i}", port.size_bytes, port.dtype.ctype) for i, port in enumerate(ports)]
        for side, ports in (("input", interface.inputs), ("output", interface.outputs))
    )
    ports = [name for name, _, _ in inputs + outputs]
    return render(
        "stdio_main.c.j2",
        name=interface.name,
        blocks=arena_blocks(interface),
        struct=bool(interface.arenas),
        inputs=inputs,
        outputs=outputs,
        arguments=", ".join(["&parts" if interface.arenas else "arena", *ports]),
    )


def _working_sanitizers(command: tuple[str, ...], out: Path) -> tuple[str, tuple[str, ...]]:
    """Return the best sanitizers that stop what they should, and their flags."""
    for sanitizers, options in SANITIZERS:
        flags = (f"-fsanitize={sanitizers}", *options)
        if all(_stops(command, flags, PROBES[name], out) for name in sanitizers.split(",")):
            return sanitizers, flags
    raise MissingTool("no sanitizer works with this compiler", hint="apt-get install gcc")


def _stops(command: tuple[str, ...], flags: tuple[str, ...], statement: str, out: Path) -> bool:
    """A program with the statement builds, and ends before it ends by itself."""
    source, program = out / "probe.c", out / "probe"
    source.write_text(
        f"#include <stdlib.h>\nint main(int argc, char **argv) {{ {statement} return 42; }}\n"
    )
    try:
        run_tool((*command, "-w", *flags, "-o", program, source))
    except ToolFailed:
        return False
    return run_program((program,), environment=ENVIRONMENT).returncode != 42
