"""Runs and comparisons on a console."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

from codegen.bench.compare import Change, Comparison, Figures
from codegen.bench.run import LayerRun, Run
from codegen.report.console import grouped
from codegen.report.json_form import time_ms
from codegen.toolchain import Loop

LOOP_HEADERS = ("Loop", "Iterations", "Instr. each", "Share")


def render_runs(runs: Sequence[Run], console: Console, *, layers: bool = False) -> None:
    """Print a table for each network, a column for each target; then, if asked, its layers."""
    for index, (_, group) in enumerate(groupby(runs, key=lambda run: (run.network, run.model))):
        found = tuple(group)
        if index:
            console.print()
        first = found[0]
        console.print(
            Text.assemble(
                (first.network, "bold"),
                f": {grouped(first.macs)} MACs, one inference, compiled by {first.compiler}\n",
            )
        )
        console.print(_totals(found))
        if layers:
            console.print()
            _render_layers(found, console)


def render_comparison(comparison: Comparison, console: Console, *, unchanged: bool = False) -> None:
    """Print a network before and after, and its layers; those that did not change, if asked."""
    title = f"{comparison.after}, against {comparison.before}\n"
    console.print(Text(title, style="bold"))
    table = _table("Layer", "Instr. before", "after", "ratio", "Cycles before", "after", "ratio")
    for change in comparison.layers:
        if unchanged or change.before != change.after:
            table.add_row(*_change_cells(change))
    table.add_section()
    table.add_row(*_change_cells(comparison.total), style="bold")
    console.print(table)


def _totals(runs: Sequence[Run]) -> Table:
    table = _table("", *(run.target for run in runs))
    rows: tuple[tuple[str, Callable[[Run], str]], ...] = (
        ("Instructions", lambda run: grouped(run.instructions)),
        ("  a MAC", lambda run: ratio(run.instructions, run.macs)),
        ("Cycles, estimated", lambda run: grouped(run.cycles)),
        ("  a MAC", lambda run: ratio(run.cycles, run.macs)),
        ("Time", _time),
        ("Stack, bytes", lambda run: grouped(run.stack_bytes)),
        ("Flash, bytes", lambda run: grouped(run.flash_bytes)),
        ("Arena, bytes", lambda run: grouped(run.arena_bytes)),
    )
    for label, cell in rows:
        table.add_row(label, *(cell(run) for run in runs))
    table.add_section()
    for name in sorted(
        {name for run in runs for name in run.classes},
        key=lambda name: -max(_share(run, name) for run in runs),
    ):
        label = name.replace("_", " ")
        table.add_row(label, *(f"{_share(run, name):.1%}" for run in runs))
    return table


def _share(run: Run, name: str) -> float:
    return run.classes.get(name, 0) / max(1, run.instructions)


def _time(run: Run) -> str:
    elapsed = time_ms(run.cycles, run.clock_hz)
    if elapsed is None or run.clock_hz is None:
        return "-"
    return f"{elapsed:,.2f} ms at {run.clock_hz / 1e6:g} MHz"


def ratio(part: int, whole: int) -> str:
    """Return how many of one come on one of the other, "-" where there are none.

    >>> ratio(5, 4), ratio(5, 0)
    ('1.25', '-')
    """
    return f"{part / whole:.2f}" if whole else "-"


def _render_layers(runs: Sequence[Run], console: Console) -> None:
    """Print layers and their loops for one target; cycles in a column each for several."""
    counted = [run for run in runs if run.layers]
    if len(counted) == 1 == len(runs):
        console.print(_loops(counted[0]))
    elif counted:
        console.print(_columns(counted))
    for run in runs:
        if not run.layers:
            console.print(f"note: on {run.target} the compiler joined layers; only sums are known")


def _loops(run: Run) -> Table:
    table = _table("Layer", "Instructions", "Cycles", "a MAC", *LOOP_HEADERS)
    table.columns[4].justify = "left"
    for layer in run.layers:
        table.add_row(
            _name(layer),
            grouped(layer.instructions),
            grouped(layer.cycles),
            ratio(layer.cycles, layer.macs),
            *_loop_cells(layer.loop, layer.instructions),
        )
    return table


def _loop_cells(loop: Loop | None, instructions: int) -> tuple[str, str, str, str]:
    if loop is None:
        return "-", "-", "-", "-"
    return (
        f"{loop.function}+0x{loop.start:x}",
        grouped(loop.iterations),
        ratio(loop.instructions, loop.iterations),
        f"{loop.instructions / instructions:.0%}",
    )


def _columns(runs: Sequence[Run]) -> Table:
    headers = [header for run in runs for header in (run.target, "a MAC")]
    table = _table("Layer, cycles", "MACs", *headers)
    for layers in zip(*(run.layers for run in runs), strict=False):
        cells = [
            cell
            for layer in layers
            for cell in (grouped(layer.cycles), ratio(layer.cycles, layer.macs))
        ]
        table.add_row(_name(layers[0]), grouped(layers[0].macs), *cells)
    return table


def _name(layer: LayerRun) -> Text:
    return Text(layer.name, no_wrap=True, overflow="ellipsis")


def _change_cells(change: Change) -> Iterator[str | Text]:
    yield Text(change.name, no_wrap=True, overflow="ellipsis")
    for count in (lambda f: f.instructions), (lambda f: f.cycles):
        before, after = (_count(figures, count) for figures in (change.before, change.after))
        yield grouped(before)
        yield grouped(after)
        yield "-" if not before or after is None else f"{after / before:.3f}"


def _count(figures: Figures | None, count: Callable[[Figures], int]) -> int | None:
    return count(figures) if figures else None


def _table(first: str, *headers: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(first, max_width=30)
    for header in headers:
        table.add_column(header, justify="right", no_wrap=True)
    return table
