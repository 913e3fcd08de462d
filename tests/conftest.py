"""What all tests share: the folder of real models, and the switch for long cases."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = (
    "gcc",
    "g++",
    "clang",
    "clang++",
    "clang-format",
    "arm-none-eabi-gcc",
    "qemu-system-arm",
    "verilator",
    "iverilog",
)
PACKAGES = ("ziglang", "unicorn", "capstone", "elftools", "tflite", "PIL")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--run-slow", action="store_true", help="run the cases marked slow too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--run-slow"):
        return
    skip = pytest.mark.skip(reason="slow: needs --run-slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def shared_models() -> Path:
    """The folder of real networks and data beside the repository."""
    folder = ROOT.parent / "shared" / "models"
    if not folder.is_dir():
        pytest.skip("the shared model folder is absent")
    return folder


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what is not installed here, so that no test is skipped unseen."""
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    absent += [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if not (ROOT.parent / "shared" / "models").is_dir():
        absent.append("../shared/models")
    if absent:
        text = f"absent, tests that need them were skipped: {', '.join(absent)}"
        terminalreporter.write_line(text, yellow=True)
