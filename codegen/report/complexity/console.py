"""Counted costs on a console: layers in short figures, totals in full."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from codegen.report.complexity.block import Study
from codegen.report.complexity.count import Complexity, Measure, Row
from codegen.report.complexity.layers import MULTIPLYING, Kind
from codegen.report.complexity.split import Cut, Split
from codegen.report.console import grouped, shape

UNITS = ((10**9, "G"), (10**6, "M"), (10**3, "K"))
MIB = 2**20
FIGURES = (
    ("MACs", "macs"),
    ("Comp", "comparisons"),
    ("Add", "additions"),
    ("Div", "divisions"),
    ("Exp", "exponentials"),
    ("Activ", "activations"),
    ("Params", "parameters"),
)
"""Header and field of each part of a cost."""


def short(number: float) -> str:
    """Return a number in three digits, as papers print it.

    >>> short(568740352), short(11904), short(512), short(0)
    ('569M', '11.9K', '512', '-')
    """
    if not number:
        return "-"
    for unit, letter in UNITS:
        if number >= unit * 0.9995:
            scaled = number / unit
            places = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
            return f"{scaled:.{places}f}{letter}"
    return f"{number:.0f}"


def render_complexity(complexity: Complexity, console: Console) -> None:
    """Print a row a layer, then totals in full and the share of each kind of layer."""
    console.print(Text.assemble((complexity.model, "bold"), f": {_terms(complexity.measure)}\n"))
    console.print(_layers(complexity))
    console.print()
    console.print(_totals(complexity))
    console.print()
    console.print(_shares(complexity))
    _print_notes(complexity, console)


def render_compare(networks: Sequence[Complexity], console: Console) -> None:
    """Print the totals of networks side by side, and the share of each kind of layer."""
    console.print(Text(f"{_terms(networks[0].measure)}\n"))
    for table in (
        _side_by_side(networks),
        _shares_side_by_side(networks, "MACs"),
        _shares_side_by_side(networks, "parameters"),
    ):
        console.print(table)
        console.print()
    for network in networks:
        _print_notes(network, console)


def render_split(found: Split, console: Console) -> None:
    """Print the cuts of a network, the least radio first."""
    measure = found.measure
    packet = f"packets of {measure.pdu_payload_bytes} bytes"
    console.print(
        Text.assemble((found.model, "bold"), f": values sent in {measure.bits} bits, {packet}\n")
    )
    table = _table("Cut after", "Output")
    _add_numbers(table, "Radio bytes", "Packets", "RAM", "Flash", "MACs", "% MACs", "")
    for cut in found.cuts:
        table.add_row(*_cut_cells(cut))
    console.print(table)
    console.print(
        "\n* no other cut needs less radio, RAM, flash or MACs without needing more of another."
        "\nRAM, flash and MACs are what the node needs: 8-bit numbers, layer by layer, no code."
    )


def render_block(study: Study, console: Console) -> None:
    """Print the forms of one block and what each saves."""
    console.print(Text.assemble((f"{study.model}, block at {study.layer}\n", "bold")))
    table = _table("Form", "Kernel", "Channels", "Output")
    _add_numbers(table, "MACs", "Params", "Fewer MACs")
    for variant in study.variants:
        block = variant.block
        table.add_row(
            variant.name,
            shape(block.kernel),
            f"{block.inputs} to {block.filters}",
            shape((block.height, block.width)),
            grouped(variant.macs),
            grouped(variant.parameters),
            f"{variant.reduction:.2f} x",
        )
    console.print(table)


def _terms(measure: Measure) -> str:
    """Return by which terms costs were counted."""
    batch = "" if measure.batch == 1 else f"batch {measure.batch}, "
    return (
        f"{batch}{measure.rules.name} rules, {measure.bits} bits a number,"
        f" packets of {measure.pdu_payload_bytes} bytes"
    )


def _layers(complexity: Complexity) -> Table:
    table = _table("Layer", "Kind", "Output")
    table.padding = (0, 1, 0, 0)
    shown = [(head, name) for head, name in FIGURES if getattr(complexity.total, name)]
    _add_numbers(table, *(head for head, _ in shown), "MiB", "Bytes", "Packets")
    for row in complexity.rows:
        table.add_row(
            _name(row.name),
            row.kind,
            shape(row.output_shape),
            *(short(getattr(row.cost, name)) for _, name in shown),
            _mib(row),
            short(row.output_bytes),
            short(row.packets),
        )
    return table


def _mib(row: Row) -> str:
    return f"{row.size_bytes / MIB:.3f}" if row.size_bytes else "-"


def _totals(complexity: Complexity) -> Table:
    table = _table("Total")
    _add_numbers(table, "")
    for _, name in FIGURES:
        label = "MACs" if name == "macs" else name
        table.add_row(label, grouped(getattr(complexity.total, name)))
    table.add_row("size of parameters, MiB", f"{complexity.size_bytes / MIB:,.2f}")
    table.add_row("output bytes", grouped(complexity.output_bytes))
    table.add_row("packets", grouped(complexity.packets))
    return table


def _shares(complexity: Complexity) -> Table:
    table = _table("Share")
    _add_numbers(table, "Layers", "MACs", "%", "Params", "%")
    for share in complexity.shares:
        table.add_row(
            share.kind,
            grouped(share.layers),
            grouped(share.macs),
            f"{share.macs_percent:.2f}",
            grouped(share.parameters),
            f"{share.parameters_percent:.2f}",
        )
    return table


def _side_by_side(networks: Sequence[Complexity]) -> Table:
    """Return a row a network: its totals."""
    table = _table("Total")
    _add_numbers(table, *(head for head, _ in FIGURES), "MiB", "Bytes", "Packets")
    for network in networks:
        table.add_row(
            _name(network.model),
            *(short(getattr(network.total, name)) for _, name in FIGURES),
            f"{network.size_bytes / MIB:,.2f}",
            short(network.output_bytes),
            short(network.packets),
        )
    return table


def _shares_side_by_side(networks: Sequence[Complexity], of: str) -> Table:
    """Return a row a network: the percentage of each kind of layer in its MACs or parameters."""
    kinds = [kind for kind in MULTIPLYING if any(_percent(n, kind, of) for n in networks)]
    table = _table(f"% of {of}")
    _add_numbers(table, *kinds)
    for network in networks:
        table.add_row(
            _name(network.model), *(f"{_percent(network, kind, of):.2f}" for kind in kinds)
        )
    return table


def _percent(complexity: Complexity, kind: Kind, of: str) -> float:
    found = [share for share in complexity.shares if share.kind is kind]
    percents = (s.macs_percent if of == "MACs" else s.parameters_percent for s in found)
    return sum(percents)


def _cut_cells(cut: Cut) -> tuple[str | Text, ...]:
    return (
        _name(cut.after),
        shape(cut.output_shape),
        grouped(cut.radio_bytes),
        grouped(cut.packets),
        grouped(cut.ram_bytes),
        grouped(cut.flash_bytes),
        grouped(cut.macs),
        f"{cut.macs_percent:.1f}",
        Text("*" if cut.pareto else "", style="bold green"),
    )


def _print_notes(complexity: Complexity, console: Console) -> None:
    for note in complexity.notes:
        console.print(Text(f"note: {complexity.model}: {note}", style="dim"))


def _table(first: str, *headers: str) -> Table:
    """Return a table whose first column alone gives way where the console is narrow."""
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    table.add_column(first)
    for header in headers:
        table.add_column(header, no_wrap=True)
    return table


def _name(text: str) -> Text:
    return Text(text, no_wrap=True, overflow="ellipsis")


def _add_numbers(table: Table, *headers: str) -> None:
    for header in headers:
        table.add_column(header, justify="right", no_wrap=True)
