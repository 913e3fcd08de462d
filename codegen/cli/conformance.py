"""codegen conformance: the node tests of the onnx package, through the whole chain."""

from __future__ import annotations

import click
from rich.table import Table

from codegen.cli.console import progress_bar, stdout
from codegen.conformance import (
    Status,
    load_cases,
    outcomes_to_json,
    run_cases,
    write_page,
)
from codegen.conformance.summary import totals
from codegen.errors import BadOption, VerificationFailed


@click.command()
@click.option(
    "--only", default="*", metavar="PATTERN", help="Run the tests whose names match, as in 'conv*'."
)
@click.option("--markdown", is_flag=True, help="Print the page docs/conformance.md.")
@click.option("--json", "as_json", is_flag=True, help="Print every case as JSON.")
def conformance(only: str, markdown: bool, as_json: bool) -> None:
    """Run ONNX's own tests of single operators in fixed point, to the C on this machine.

    Exits with 3 where a case fails: refused operators and what no fixed-point network has are told
    apart.
    """
    if markdown and as_json:
        raise BadOption("--markdown and --json are different forms", hint="ask for one")
    cases = load_cases(only)
    if not cases:
        raise BadOption(f"no node test is called {only}", hint="try a pattern such as 'conv*'")
    with progress_bar() as progress:
        outcomes = run_cases(cases, lambda done, of: progress("running node tests", done, of))
    if markdown:
        click.echo(write_page(outcomes), nl=False)
    elif as_json:
        click.echo(outcomes_to_json(outcomes), nl=False)
    else:
        table = Table("result", "cases")
        for name, count in totals(outcomes).items():
            table.add_row(name, f"{count:,}")
        stdout().print(table)
    failed = [outcome for outcome in outcomes if outcome.status is Status.FAILED]
    if failed:
        names = "; ".join(f"{outcome.name}: {outcome.reason}" for outcome in failed[:20])
        raise VerificationFailed(f"{len(failed)} of {len(cases)} cases failed: {names}")
