"""The layout of emitted C, as the repository's clang-format has it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

STYLE = Path(__file__).parents[2] / ".clang-format"


def formatted(text: str) -> str:
    """Return what clang-format makes of C; skip without it."""
    program = shutil.which("clang-format")
    if program is None:
        pytest.skip("clang-format is not installed")
    command = [program, f"--style=file:{STYLE}", "--assume-filename=net.c"]
    return subprocess.run(command, check=True, capture_output=True, text=True, input=text).stdout


def assert_formatted(folder: Path) -> None:
    """Compare every C file of a folder with what clang-format makes of it; skip without it."""
    for file in sorted(folder.glob("*.[ch]")):
        text = file.read_text(encoding="utf-8")
        assert formatted(text) == text, file.name
