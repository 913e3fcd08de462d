"""The command as a process: exit statuses, streams, interrupts, never a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import codegen
from tests.toy_model import write_toy

COMMAND = [sys.executable, "-c", "from codegen.cli import main; main()"]


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


def path_with(folder: Path) -> str:
    """Return a PYTHONPATH on which `folder` comes first."""
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])


def test_version_and_help(tmp_path: Path) -> None:
    assert run(tmp_path, "--version").stdout == f"codegen, version {codegen.__version__}\n"
    for arguments in (["--help"], ["emit", "--help"], ["verify", "-h"], ["report", "-h"]):
        done = run(tmp_path, *arguments)
        assert done.returncode == 0
        assert done.stdout.startswith("Usage: codegen")


def test_usage_errors_exit_with_2(tmp_path: Path) -> None:
    for arguments in (["compile"], ["emit"], ["verify", "x", "--samples", "0"]):
        done = run(tmp_path, *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert "Traceback" not in done.stderr


def test_errors_go_to_stderr_with_their_status(tmp_path: Path) -> None:
    done = run(tmp_path, "emit", "no.onnx", "--target", "host", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error[unreadable-file]: ")
    assert "Traceback" not in done.stderr


def test_no_compiler_is_a_missing_tool(tmp_path: Path) -> None:
    """The one from pip is hidden too; emitting works and notes it, verifying cannot."""
    write_toy(tmp_path)
    (tmp_path / "hide").mkdir()
    (tmp_path / "hide" / "sitecustomize.py").write_text(
        "import importlib.util as u\n"
        "found = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'ziglang' else found(name, *a)\n"
    )
    hidden = {"PATH": str(tmp_path), "PYTHONPATH": path_with(tmp_path / "hide")}
    done = run(tmp_path, "emit", "toy.onnx", "-t", "cortex-m4", **hidden)
    assert done.returncode == 0, done.stderr
    assert "note: host was not run: no C compiler" in done.stdout
    done = run(tmp_path, "verify", "toy", **hidden)
    assert done.returncode == 1
    assert done.stderr.startswith("error[missing-tool]: ")


@pytest.mark.parametrize("traceback", ["", "1"])
def test_an_unforeseen_error_is_short_unless_asked(tmp_path: Path, traceback: str) -> None:
    write_toy(tmp_path)
    (tmp_path / "sitecustomize.py").write_text(
        "import codegen.pipeline\n"
        "def fail(*_):\n"
        "    raise ZeroDivisionError('a fault')\n"
        "codegen.pipeline.canonicalize = fail\n"
    )
    arguments = ("emit", "toy.onnx", "-t", "host")
    done = run(tmp_path, *arguments, PYTHONPATH=path_with(tmp_path), CODEGEN_TRACEBACK=traceback)
    assert done.returncode == 1
    assert ("Traceback" in done.stderr) is bool(traceback)
    assert "ZeroDivisionError: a fault" in done.stderr
    assert ("error[internal]" in done.stderr) is not bool(traceback)
    assert not (tmp_path / "toy").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    arguments = ("emit", "mobilenet_v1", "-t", "cortex-m7", "-o", "deep/er/out")
    with subprocess.Popen([*COMMAND, *arguments], cwd=tmp_path, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not any(tmp_path.rglob(".out.*")) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.3)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode != 0
    assert b"Traceback" not in stderr
    assert list(tmp_path.iterdir()) == []


def test_a_closed_pipe_is_no_fault(tmp_path: Path) -> None:
    line = f"{sys.executable} -c 'from codegen.cli import main; main()' targets --json | true"
    done = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    assert "error[internal]" not in done.stderr


def test_output_is_the_same_whatever_the_hash_seed(tmp_path: Path) -> None:
    write_toy(tmp_path)
    for seed in ("0", "1"):
        arguments = ("emit", "toy.onnx", "-t", "cortex-m4", "-o", f"out{seed}")
        assert run(tmp_path, *arguments, PYTHONHASHSEED=seed).returncode == 0
    files = sorted(path.name for path in (tmp_path / "out0").iterdir())
    assert len(files) == 10
    for name in files:
        assert (tmp_path / "out0" / name).read_bytes() == (tmp_path / "out1" / name).read_bytes()
