"""Running the command line within the test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from codegen.cli import cli
from tests.toy_model import write_toy

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `codegen ARGUMENTS` in an empty folder; stdout and stderr are kept apart."""
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(cli, list(arguments), prog_name="codegen")

    return invoke


@pytest.fixture
def toy(tmp_path: Path) -> str:
    """The path of a small ONNX file."""
    return str(write_toy(tmp_path))
