"""codegen tables: published figures beside ours."""

from __future__ import annotations

import click

from codegen.cli.console import stdout
from codegen.errors import BadOption
from codegen.report.published import TABLES, Bench, compare_tables
from codegen.report.published.compare import render_tables, tables_to_json, write_page


@click.command()
@click.option("--markdown", is_flag=True, help="Print the page docs/tables.md.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def tables(markdown: bool, as_json: bool) -> None:
    """Show published tables of networks' costs beside what is counted of the zoo."""
    if markdown and as_json:
        raise BadOption("--markdown and --json are different forms", hint="ask for one")
    compared = compare_tables(TABLES, Bench())
    if markdown:
        click.echo(write_page(compared), nl=False)
    elif as_json:
        click.echo(tables_to_json(compared), nl=False)
    else:
        render_tables(compared, stdout())
