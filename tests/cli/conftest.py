"""Running the command line within the test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
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


@pytest.fixture
def samples(tmp_path: Path) -> str:
    """The path of samples for the toy network."""
    image = np.random.default_rng(0).random((24, 2, 6, 6)).astype(np.float32)
    np.savez(tmp_path / "samples.npz", image=image)
    return str(tmp_path / "samples.npz")
