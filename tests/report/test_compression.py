"""What passes left of the weights, on the console and in JSON."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from codegen.ir.report import CompressionStep
from codegen.options import Options
from codegen.pipeline import compile_model
from codegen.project import describe
from codegen.report import load_report, report_to_json
from codegen.report.trade import render_compression
from tests.toy_model import write_toy

STEPS = (
    CompressionStep("pruning", 22016, 15412, 28.4),
    CompressionStep("integers, coded", 15412, 12514, None),
)


def test_they_are_read_back_as_they_were(tmp_path: Path) -> None:
    report = describe(compile_model(Options(str(write_toy(tmp_path)), "cortex-m4")))
    for steps in ((), STEPS):
        (tmp_path / "report.json").write_text(report_to_json(replace(report, compression=steps)))
        assert load_report(tmp_path / "report.json").networks[0].compression == steps


def test_each_is_a_row() -> None:
    stream = io.StringIO()
    render_compression(STEPS, Console(file=stream, width=100))
    rows = [line.split() for line in stream.getvalue().splitlines()]
    assert rows[1] == ["pruning", "22,016", "15,412", "28.4"]
    assert rows[2] == ["integers,", "coded", "15,412", "12,514"]
