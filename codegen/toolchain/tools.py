"""Finding compilers and emulators, running them, and saying what is missing."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from codegen.errors import MissingTool, ToolFailed
from codegen.resources import folder

PIP_HINT = "pip install 'codegen-mcu[target]'"
RTL_HINT = "pip install 'codegen-mcu[rtl]'"
MESSAGE_LINES = 40


@dataclass(frozen=True, slots=True)
class Compiler:
    """A C compiler of this machine. `kind`: whose options it takes, "gcc" or "clang"."""

    name: str
    kind: str
    c: tuple[str, ...]
    cxx: tuple[str, ...] | None


def zig() -> tuple[str, ...]:
    """Return the command of the pip-installed zig; raises MissingTool."""
    if importlib.util.find_spec("ziglang") is None:
        raise MissingTool("the cross compiler ziglang is not installed", hint=PIP_HINT)
    return (sys.executable, "-m", "ziglang")


def find_program(name: str, package: str) -> str:
    """Return the path of a program; raises MissingTool that names the Debian package."""
    path = shutil.which(name)
    if path is None:
        raise MissingTool(f"{name} is not installed", hint=f"apt-get install {package}")
    return path


def find_hardware_tool(name: str) -> str:
    """Return the path of yosys, nextpnr or ecppack; raises MissingTool.

    The package of this environment comes first, as its version is pinned; then what PATH has.
    """
    beside = str(Path(sys.executable).parent)
    packaged = f"yowasp-{name}"
    path = shutil.which(packaged, path=beside) or shutil.which(packaged) or shutil.which(name)
    if path is None:
        raise MissingTool(f"{name} is not installed", hint=RTL_HINT)
    return path


def import_package(name: str) -> Any:
    """Return a module of the extra `target`; raises MissingTool."""
    try:
        return importlib.import_module(name)
    except ImportError:
        package = name.partition(".")[0]
        raise MissingTool(f"the package {package} is not installed", hint=PIP_HINT) from None


def list_compilers() -> tuple[Compiler, ...]:
    """Return every C compiler found for this machine: gcc, clang, zig."""
    found = []
    for name, kind, cxx in (("gcc", "gcc", "g++"), ("clang", "clang", "clang++")):
        path, cxx_path = shutil.which(name), shutil.which(cxx)
        if path is not None:
            found.append(Compiler(name, kind, (path,), (cxx_path,) if cxx_path else None))
    if importlib.util.find_spec("ziglang") is not None:
        found.append(Compiler("zig", "clang", (*zig(), "cc"), (*zig(), "c++")))
    return tuple(found)


def host_compiler() -> Compiler:
    """Return the system's C compiler, else zig's; raises MissingTool where there is neither."""
    path = shutil.which("cc")
    if path is not None:
        return Compiler("cc", "gcc", (path,), None)
    found = list_compilers()
    if not found:
        hint = f"apt-get install gcc, or {PIP_HINT}"
        raise MissingTool("no C compiler for this machine is installed", hint=hint)
    return found[0]


def run_tool(
    command: Sequence[str | Path],
    *,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> bytes:
    """Run a command in a folder, return its standard output; ToolFailed with what it printed."""
    done = run_program(command, stdin=stdin, environment=environment, folder=folder)
    if done.returncode:
        text = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        message = "\n".join(text[:MESSAGE_LINES]) or "it printed nothing"
        raise ToolFailed(f"{_tool(command)} failed with status {done.returncode}:\n{message}")
    return done.stdout


def run_program(
    command: Sequence[str | Path],
    *,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    timeout_s: float | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end, whatever its status; raises ToolFailed if it has none."""
    args = [str(part) for part in command]
    env = {**os.environ, **zig_environment(), **(environment or {})}
    try:
        return subprocess.run(
            args, input=stdin, env=env, capture_output=True, timeout=timeout_s, cwd=folder
        )
    except OSError as error:
        raise ToolFailed(f"cannot run {args[0]}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise ToolFailed(f"{_tool(command)} did not end within {timeout_s:g} s") from None


def zig_environment() -> dict[str, str]:
    """Return settings that give zig a cache it can write to; none if its default will do."""
    if "ZIG_GLOBAL_CACHE_DIR" in os.environ:
        return {}
    home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    if _is_writable(home / "zig"):
        return {}
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return {"ZIG_GLOBAL_CACHE_DIR": str(Path(tempfile.gettempdir()) / f"codegen-zig-{user}")}


def render(template: str, **values: object) -> str:
    """Return a file of templates/project/ with its holes filled."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder("templates") / "project"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return environment.get_template(template).render(**values)


def _tool(command: Sequence[str | Path]) -> str:
    return "zig" if "ziglang" in command else Path(command[0]).name


def _is_writable(path: Path) -> bool:
    """The folder exists, or can be made, and is writable."""
    existing = next(p for p in (path, *path.parents) if p.exists())
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
