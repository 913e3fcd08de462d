"""What synthesis found, for people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from codegen.ir.report import Synthesis


def render_synthesis(found: Synthesis, console: Console) -> None:
    """Print tools, cells, and the clock from each seed."""
    console.print(", ".join(found.tools))
    cells = "" if found.logic_cells is None else f"{found.logic_cells:,} logic cells: "
    console.print(
        f"{cells}{found.luts:,} LUTs, {found.carries:,} carries, {found.flip_flops:,} flip-flops,"
        f" {found.dsps} DSPs, {found.block_rams} block RAMs"
    )
    if not found.timings:
        console.print("no timing: nextpnr does not place this family")
        return
    table = Table("seed", "MHz")
    for timing in found.timings:
        table.add_row(str(timing.seed), f"{timing.mhz:.2f}")
    worst = min(timing.mhz for timing in found.timings)
    table.add_row("worst", f"{worst:.2f}", style="bold")
    console.print(table)
