"""Published tables beside what the zoo gives: as a page, as JSON, on a console."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from codegen import __version__
from codegen.report.published.figure import Bench, Figure, Table

SCHEMA = "codegen.tables/1"

INTRODUCTION = """\
# Published tables beside ours

Figures that papers and tools print of well-known networks, and what codegen counts of the same
networks in its zoo. This page is what `codegen tables --markdown` prints; a test compares the two.
How operations and parameters are counted stands in [counting.md](counting.md); what is special
to a table stands above it. *Ours* is exact; it agrees with what is printed at the precision
printed, rounded to the nearest unless the remark says otherwise.
"""
MEANINGS = {
    "agrees": "agree with what is printed",
    "computed": "are computed where the source prints nothing",
    "misprint": "are misprints",
    "differs": "are derivable and differ",
    "inconsistent": "contradict the rest of their table",
    "not derivable": "do not follow from what the source gives",
    "measured": "are measured times",
}


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure beside ours: a number, the text of a shape, or None where nothing follows."""

    table: Table
    figure: Figure
    ours: float | str | None


def compare_tables(tables: Sequence[Table], bench: Bench) -> tuple[Compared, ...]:
    """Return every figure of the tables with what the zoo gives."""
    return tuple(
        Compared(table, figure, figure.ours.value(bench) if figure.ours else None)
        for table in tables
        for figure in table.figures
    )


def write_page(compared: Sequence[Compared]) -> str:
    """Return the page of docs/ in Markdown."""
    counts = Counter[str](each.figure.verdict for each in compared)
    items = [f"- {counts[verdict]} {meaning}" for verdict, meaning in MEANINGS.items()]
    lines = [INTRODUCTION, f"Of {len(compared)} figures", "", *items]
    for table in dict.fromkeys(each.table for each in compared):
        rows = [each for each in compared if each.table is table]
        lines += ["", f"## {table.title}", "", table.convention, "", *_table_lines(rows)]
    lines += ["", "## Figures that do not come out", "", *_exceptions(compared)]
    return "\n".join(lines) + "\n"


def tables_to_json(compared: Sequence[Compared]) -> str:
    """Return every figure as JSON text."""
    figures = [
        {
            "table": each.table.title,
            "network": each.figure.network,
            "parameters": each.figure.parameters,
            "metric": each.figure.metric,
            "printed": each.figure.printed,
            "ours": each.ours,
            "from": each.figure.ours.how if each.figure.ours else None,
            "verdict": each.figure.verdict,
            "remark": _remark(each.figure),
        }
        for each in compared
    ]
    document = {"schema": SCHEMA, "generator": f"codegen {__version__}", "figures": figures}
    return json.dumps(document, indent=2) + "\n"


def render_tables(compared: Sequence[Compared], console: Console) -> None:
    """Print the tables one below the other."""
    for table in dict.fromkeys(each.table for each in compared):
        console.print(Text(table.title, style="bold"))
        shown = RichTable(box=None, pad_edge=False, header_style="bold")
        shown.add_column("Network", max_width=36)
        shown.add_column("Figure", no_wrap=True)
        shown.add_column("Printed", justify="right", no_wrap=True)
        shown.add_column("Ours", justify="right", no_wrap=True)
        shown.add_column("Remark")
        for each in (each for each in compared if each.table is table):
            figure = each.figure
            cells = (_row_name(figure), figure.metric, figure.printed, _number(each.ours))
            shown.add_row(*map(Text, (*cells, _remark(figure))))
        console.print(shown)
        console.print()


def _table_lines(rows: Sequence[Compared]) -> Iterator[str]:
    yield "| Network | Figure | Printed | Ours | Of | Remark |"
    yield "|---|---|--:|--:|---|---|"
    before = ""
    for each in rows:
        figure = each.figure
        name = _row_name(figure)
        cells = (
            "" if name == before else name,
            figure.metric,
            figure.printed,
            _number(each.ours),
            figure.ours.how if figure.ours else "",
            _remark(figure),
        )
        yield f"| {' | '.join(cells)} |"
        before = name


def _exceptions(compared: Sequence[Compared]) -> Iterator[str]:
    """Yield a list item for each figure that ours is not, with the reason."""
    for each in compared:
        figure = each.figure
        if figure.verdict in ("agrees", "computed", "measured"):
            continue
        value = "" if each.ours is None else f", ours {_number(each.ours)}"
        what = f"{each.table.title}: {_row_name(figure)}, {figure.metric}: {figure.printed}{value}"
        yield f"- {what}: {figure.verdict}; {figure.note}."


def _row_name(figure: Figure) -> str:
    return f"{figure.network} ({figure.parameters})" if figure.parameters else figure.network


def _remark(figure: Figure) -> str:
    verdict = "" if figure.verdict == "agrees" else figure.verdict
    rounding = figure.rounding.label if figure.rounding else ""
    return "; ".join(part for part in (verdict, rounding, figure.note) if part)


def _number(value: float | str | None) -> str:
    """Return a figure of ours: integers whole, others to a thousandth.

    >>> _number(861339936), _number(315823.5), _number(94.85740726903795), _number(None)
    ('861,339,936', '315,823.5', '94.857', '')
    """
    if value is None or isinstance(value, str):
        return value or ""
    text = f"{value:,.3f}"
    return text.rstrip("0").rstrip(".")
