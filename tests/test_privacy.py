"""Compiling a network tells nobody."""

from __future__ import annotations

import os
import subprocess
import sys

SCRIPT = """
import sys
import codegen
assert "onnxruntime" not in sys.modules
import codegen.cli
import os
print(os.environ["ORT_DISABLE_TELEMETRY"])
"""


def run(environment: dict[str, str]) -> str:
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_onnxruntime_is_told_to_report_nothing() -> None:
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    assert run(environment) == "1"


def test_the_user_may_decide_otherwise() -> None:
    assert run({**os.environ, "ORT_DISABLE_TELEMETRY": "0"}) == "0"
