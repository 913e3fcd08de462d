"""codegen report: what a network costs, layer by layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from codegen.cli.console import progress_bar, stdout
from codegen.cli.model import is_project, make_options, model_options, refuse_model_options
from codegen.errors import BadOption
from codegen.project import read_project, report_model
from codegen.report import render_report, report_to_json


@click.command()
@click.argument("model")
@click.option("--target", "-t", help="Name of a target, or a .toml file of yours.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@model_options
def report(model: str, target: str | None, as_json: bool, **given: Any) -> None:
    """Show what MODEL costs: an emitted folder, an ONNX file or a zoo network.

    A folder's report is read; a model is compiled for the target and measured.
    """
    if is_project(model):
        refuse_model_options({"target": target, **given})
        found = read_project(Path(model))
    elif target is None:
        raise BadOption("what a model costs depends on the target", hint="name one with --target")
    else:
        with progress_bar() as progress:
            found = report_model(make_options(model, target, given), progress)
    if as_json:
        click.echo(report_to_json(found), nl=False)
    else:
        render_report(found, stdout())
