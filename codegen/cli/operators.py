"""codegen operators: which ONNX operators networks may hold, and with which limits."""

from __future__ import annotations

import inspect
from functools import partial

import click
from rich.table import Table

from codegen.cli.console import stdout
from codegen.frontend.convert import CONVERTERS, Converter

HEAD = """# Operators

What `codegen operators --markdown` prints: the operators that may read computed values, and how
each is said in fixed point. Operators whose operands are all constant are folded, whatever they
are; functions, those of a model and those that ONNX defines, are replaced by what they are made of.
Activations of 16 bits (`--activations int16`) have all but LRN, LpPool, GridSample, Mod and Pow of
two values, pools over three axes but MaxPool, cubic or antialiased Resize, and a deviation alone.
`codegen check MODEL` tells all that a network holds beyond this. [conformance.md](conformance.md)
has the tests.

| operator | meaning and limits |
|---|---|
"""


@click.command()
@click.option("--markdown", is_flag=True, help="Print the page docs/operators.md.")
def operators(markdown: bool) -> None:
    """List the ONNX operators that there are kernels for."""
    rows = [(name, describe(converter)) for name, converter in CONVERTERS]
    if markdown:
        lines = (f"| {name} | {text.replace('|', '/')} |" for name, text in rows)
        click.echo(HEAD + "\n".join(lines))
        return
    table = Table("operator", "meaning and limits")
    for name, text in rows:
        table.add_row(name, text)
    stdout().print(table)


def describe(converter: Converter) -> str:
    """Return what a converter says of itself, in one line."""
    function = converter.func if isinstance(converter, partial) else converter
    return " ".join((inspect.getdoc(function) or "").split())
