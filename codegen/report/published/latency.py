"""The published times of the CIFAR-10 network beside those of a report of it."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from codegen.ir.report import Report
from codegen.report.json_form import time_ms
from codegen.report.published.cifar10 import COLUMNS, SPEC, TIMES, TOTALS

CLOCKS = {"cortex-m7": 216_000_000, "cortex-m4": 80_000_000}
"""The source's clock on each core, in the order of its columns."""


@dataclass(frozen=True, slots=True)
class Latency:
    """A row of the published table. `ours_ms` is estimated, at the source's clock."""

    row: str
    published_ms: int
    ours_ms: float


def latencies(report: Report) -> tuple[Latency, ...]:
    """Return the published times with ours; () of other networks and cores, or unmeasured ones."""
    total = report.totals.cycles
    if report.model != SPEC or report.target not in CLOCKS or total is None:
        return ()
    column, clock = list(CLOCKS).index(report.target), CLOCKS[report.target]
    rows = [
        Latency(row, published, _ms(_cycles(report, layer), clock))
        for (row, layer, _, _), published in zip(TIMES, COLUMNS[column], strict=True)
    ]
    return (*rows, Latency("total", TOTALS[column], _ms(total, clock)))


def render_latencies(report: Report, console: Console) -> None:
    """Print the published times of the network beside ours, if there are any."""
    found = latencies(report)
    if not found:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(f"Published, {CLOCKS[report.target] / 1e6:g} MHz", no_wrap=True)
    for header in ("ms", "ms here, estimated", "ratio"):
        table.add_column(header, justify="right", no_wrap=True)
    for row in found:
        ratio = row.ours_ms / row.published_ms
        table.add_row(row.row, str(row.published_ms), f"{row.ours_ms:,.2f}", f"{ratio:.2f}")
    console.print()
    console.print(table)


def _cycles(report: Report, layer: str) -> int:
    """Return the cycles of a layer of the zoo: of all kernels that it became."""
    return sum(
        found.cycles or 0 for found in report.layers if found.name.partition("_")[0] == layer
    )


def _ms(cycles: int, clock_hz: int) -> float:
    found = time_ms(cycles, clock_hz)
    assert found is not None
    return found
