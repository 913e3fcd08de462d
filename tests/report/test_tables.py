"""Published tables: every figure that can come out does, from the zoo, at the precision printed."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from codegen.ir.interface import Interface
from codegen.ir.report import Calibration, LayerReport, Report, Totals
from codegen.report.published import TABLES, Bench, Compared, compare_tables
from codegen.report.published.compare import MEANINGS, render_tables, tables_to_json, write_page
from codegen.report.published.figure import (
    DIGITS,
    NEAREST,
    TRUNCATED,
    TRUNCATED_DIGITS,
    Rounding,
)
from codegen.report.published.latency import latencies, render_latencies
from codegen.zoo.spec import parse_spec
from tests.cli.conftest import Run

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT.parent / "shared" / "reference" / "complexity.json"
OTHERWISE_COMPUTED = {
    "Inception-ResNet-v2, size_MiB": "from the printed parameters, with which the figure comes out",
    "AlexNet, size_MiB": "without the two parameters of each local response normalization",
    "total, ms": "with the layers whose times the reference leaves out",
    "0.5x g=8, complexity": "the reference lets channels go where groups do not divide them",
    "pre-ResNet-200, params": "the reference normalizes as the first ResNets do",
}
"""Figures that agree with what is printed, and not exactly with the reference's computation."""

Key = tuple[str, str, str, str]
Row = dict[str, Any]


@pytest.fixture(scope="module")
def compared() -> tuple[Compared, ...]:
    return compare_tables(TABLES, Bench())


@pytest.fixture(scope="module")
def reference() -> dict[Key, Row]:
    """The rows of the shared reference, each by its table, network, parameters and metric."""
    if not REFERENCE.is_file():
        pytest.skip("the shared reference folder is absent")
    rows = json.loads(REFERENCE.read_text(encoding="utf-8"))
    return {(r["table"], r["network"], r["parameters"], r["metric"]): r for r in rows}


def key_of(each: Compared) -> Key:
    figure = each.figure
    return each.table.key, figure.network, figure.parameters, figure.metric


def comes_out(row: Row) -> bool:
    return row["verdict"] == "exact" or row["verdict"].startswith("within")


def test_every_figure_that_agrees_does_so_at_the_precision_printed(
    compared: tuple[Compared, ...],
) -> None:
    for each in compared:
        if each.figure.verdict == "agrees":
            assert each.ours is not None, key_of(each)
            assert each.figure.is_met(each.ours), (key_of(each), each.figure.printed, each.ours)


def test_no_figure_that_differs_would_agree(compared: tuple[Compared, ...]) -> None:
    for each in compared:
        if each.figure.verdict in ("misprint", "differs") and each.ours is not None:
            if each.figure.printed == "3.8 billion":
                assert each.ours == 25_557_032
            else:
                assert not each.figure.is_met(each.ours), key_of(each)


def test_every_exception_has_a_reason(compared: tuple[Compared, ...]) -> None:
    for each in compared:
        if each.figure.verdict not in ("agrees", "computed", "measured"):
            assert each.figure.note, key_of(each)


def test_every_row_of_the_reference_is_here(
    compared: tuple[Compared, ...], reference: dict[Key, Row]
) -> None:
    figures = {key_of(each): each for each in compared}
    assert figures.keys() == reference.keys()
    assert {key: row["published"] for key, row in reference.items()} == {
        key: each.figure.printed for key, each in figures.items()
    }


def test_every_row_that_is_exact_or_within_rounding_comes_out(
    compared: tuple[Compared, ...], reference: dict[Key, Row]
) -> None:
    expected = {key for key, row in reference.items() if comes_out(row)}
    assert len(expected) > 240
    assert {key_of(each) for each in compared if each.figure.verdict == "agrees"} == expected


def test_figures_equal_the_computation_of_the_reference(
    compared: tuple[Compared, ...], reference: dict[Key, Row]
) -> None:
    """Compressed sizes of SqueezeNet among them."""
    different = set()
    for each in compared:
        row = reference[key_of(each)]
        is_number = isinstance(each.ours, float | int) and row["computed"] is not None
        is_meant = is_number and (comes_out(row) or row["verdict"] == "computed")
        if is_meant and each.ours != pytest.approx(row["computed"], rel=1e-12):
            different.add(f"{each.figure.network}, {each.figure.metric}")
    assert different == OTHERWISE_COMPUTED.keys()


def test_packets_of_the_cifar_10_table_are_exact(compared: tuple[Compared, ...]) -> None:
    packets = [each for each in compared if each.figure.metric == "packets"]
    assert len(packets) == 11
    for each in packets:
        assert each.ours == int(each.figure.printed)


def test_the_page_is_up_to_date(
    compared: tuple[Compared, ...], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = sys.modules["codegen.cli.tables"]
    monkeypatch.setattr(command, "compare_tables", lambda tables, bench: compared)
    page = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")
    hint = "codegen tables --markdown > docs/tables.md"
    assert page == write_page(compared), hint
    assert run("tables", "--markdown").stdout == page


def test_the_page_lists_what_does_not_come_out(compared: tuple[Compared, ...]) -> None:
    _, _, exceptions = write_page(compared).partition("## Figures that do not come out")
    agreeing = ("agrees", "computed", "measured")
    left_out = [each for each in compared if each.figure.verdict not in agreeing]
    assert exceptions.count("\n- ") == len(left_out)


def test_the_command_prints_tables_and_json(compared: tuple[Compared, ...], run: Run) -> None:
    console = Console(file=io.StringIO(), width=110)
    render_tables(compared, console)
    assert isinstance(console.file, io.StringIO)
    assert all(table.title in console.file.getvalue() for table in TABLES)
    document = json.loads(run("tables", "--json").stdout)
    assert document == json.loads(tables_to_json(compared))
    assert len(document["figures"]) == len(compared)
    assert {figure["verdict"] for figure in document["figures"]} == MEANINGS.keys()
    assert run("tables", "--json", "--markdown").exit_code == 2


def test_figures_name_the_networks_they_are_of(compared: tuple[Compared, ...]) -> None:
    """What stands in the page can be given to `codegen report`."""
    for each in compared:
        how = each.figure.ours.how if each.figure.ours else ""
        if how.startswith("`"):
            name, _ = parse_spec(how.split("`")[1].split(" ")[0])
            assert name.isidentifier(), how


@pytest.mark.parametrize(
    ("rounding", "printed", "least", "most"),
    [
        (NEAREST, "569M", 568_500_000, 569_500_000),
        (NEAREST, "0.27M", 265_000, 275_000),
        (NEAREST, "14,208", 14_207.5, 14_208.5),
        (TRUNCATED, "3.4M", 3_400_000, 3_499_999),
        (DIGITS, "15300M", 15_250_000_001, 15_349_999_999),
        (DIGITS, "1:510", 505.1, 514.9),
        (TRUNCATED_DIGITS, "800", 800, 899.9),
        (TRUNCATED_DIGITS, "310", 310, 319.9),
    ],
)
def test_roundings(rounding: Rounding, printed: str, least: float, most: float) -> None:
    step = (most - least) / 10
    assert rounding.agrees(printed, least)
    assert rounding.agrees(printed, most)
    assert not rounding.agrees(printed, least - step)
    assert not rounding.agrees(printed, most + step)


def report_of(model: str, target: str, kernels: tuple[tuple[str, int], ...]) -> Report:
    """Return a report of kernels with their cycles, and all else left out."""
    layers = [LayerReport(name, "op", (1,), 0, 0, 0, 0, "", "", 0, 1, n) for name, n in kernels]
    return Report(
        generator="",
        model=model,
        model_digest="",
        target=target,
        clock_hz=120_000_000,
        calibration=Calibration("model"),
        pdu_payload_bytes=116,
        interface=Interface("net", (), (), 0, 4),
        totals=Totals(0, 0, 0, 0, 0, 0, cycles=sum(n for _, n in kernels)),
        layers=tuple(layers),
    )


def test_published_times_stand_beside_ours() -> None:
    """Kernels count to the layer they are of: the pool across, the one down and its activation."""
    kernels = (("conv1", 8000), ("pool1", 240), ("pool1", 160), ("pool1_relu", 80), ("fc", 10))
    report = report_of("cifar10_cnn", "cortex-m4", kernels)
    rows = {row.row: row for row in latencies(report)}
    assert rows["L1 Conv"].published_ms == 301 and rows["L1 Conv"].ours_ms == 0.1
    assert rows["L1 MaxPool"].ours_ms == 0.006
    assert (rows["total"].published_ms, rows["total"].ours_ms) == (962, round(8490 / 80_000, 3))
    console = Console(file=io.StringIO(), width=100)
    render_latencies(report, console)
    assert isinstance(console.file, io.StringIO)
    assert "962" in console.file.getvalue() and "80 MHz" in console.file.getvalue()
    seven = latencies(report_of("cifar10_cnn", "cortex-m7", kernels))
    assert seven[-1].published_ms == 178


def test_other_networks_have_no_published_times() -> None:
    assert not latencies(report_of("cifar10_cnn", "cortex-m3", (("conv1", 1),)))
    assert not latencies(report_of("mobilenet_v1", "cortex-m4", (("conv1", 1),)))
