"""codegen emit: a model becomes a folder of C."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from codegen.cli.console import progress_bar, stdout
from codegen.cli.model import PATH, make_options, model_options
from codegen.project import emit_project
from codegen.report import render_report, report_to_json


@click.command()
@click.argument("model")
@click.option("--target", "-t", required=True, help="Name of a target, or a .toml file of yours.")
@click.option("--folder", "-o", type=PATH, help="Folder to make. Default: ./NAME.")
@click.option("--force", is_flag=True, help="Replace the folder if codegen wrote it.")
@click.option("--no-measure", is_flag=True, help="Only write the files: build and run nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@model_options
def emit(
    model: str,
    target: str,
    folder: Path | None,
    force: bool,
    no_measure: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Compile MODEL, an ONNX file or the name of a zoo network, into a folder of C.

    The C is built and run, on this machine and on the emulated target, and must equal the
    reference in every byte; then the folder appears, whole, with its report.json and
    report.html.
    """
    options = make_options(model, target, given)
    folder = folder or Path(options.identifier)
    with progress_bar() as progress:
        report = emit_project(
            options, folder, force=force, measure=not no_measure, progress=progress
        )
    if as_json:
        click.echo(report_to_json(report), nl=False)
        return
    console = stdout()
    render_report(report, console, all_layers=False)
    console.print(f"\nwrote {folder}/", soft_wrap=True)
