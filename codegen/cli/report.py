"""codegen report: what a network costs, layer by layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from codegen.cli.console import progress_bar, stdout
from codegen.cli.counting import OPTIONS, counting_options, report_counts
from codegen.cli.model import (
    is_project,
    make_options,
    model_options,
    on_command_line,
    refuse_model_options,
)
from codegen.emit.folder import REPORT_FILE
from codegen.errors import BadOption
from codegen.ir.report import BundleReport
from codegen.project import read_plans, read_project, report_model
from codegen.report import bundle_to_json, render_bundle, render_memory
from codegen.report.flow import flow_to_json, is_flow, load_flow, render_flow
from codegen.report.published.latency import render_latencies
from codegen.report.synthesis import render_synthesis


@click.command()
@click.argument("models", metavar="MODEL...", nargs=-1, required=True)
@click.option("--target", "-t", help="Compile for this target and measure, instead of counting.")
@click.option("--memory", is_flag=True, help="Of a folder: show who lives where in RAM, and when.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@counting_options
@model_options
def report(
    models: tuple[str, ...], target: str | None, memory: bool, as_json: bool, **given: Any
) -> None:
    r"""Show what MODEL costs: a model file, a zoo network, or an emitted folder.

    A model's operations, parameters and packets are counted from its structure alone, at once.
    With a target it is compiled and measured. A folder's own report is read; its report.html
    shows the same, and the memory map.

    \b
    codegen report squeezenet --rules netscope
    codegen report --compare mobilenet_v1 mobilenet_v2:alpha=1.4 my_network.onnx
    codegen report mobilenet_v1 --alpha 0.25 --split --pdu lorawan-dr5
    codegen report mobilenet_v1 --block dw7
    codegen report mobilenet_v1 --alpha 0.25 --target cortex-m7
    codegen report mobilenet_v1/ --memory
    """
    if is_project(models[0]) and len(models) == 1:
        refuse_model_options({"target": target, **given})
        folder = Path(models[0])
        if is_flow(folder / REPORT_FILE):
            _show_flow(folder, memory, as_json)
        elif memory:
            _show_memory(folder, as_json)
        else:
            _show(read_project(folder), as_json)
    elif memory:
        raise BadOption("--memory: only for an emitted folder", hint="emit the network first")
    elif target is None:
        report_counts(models, as_json, given)
    else:
        _refuse_counting(models)
        with progress_bar() as progress:
            found = report_model(make_options(models[0], target, given), progress)
        _show(found, as_json)


def _show(found: BundleReport, as_json: bool) -> None:
    if as_json:
        click.echo(bundle_to_json(found), nl=False)
    else:
        render_bundle(found, stdout())
        for network in found.networks:
            render_latencies(network, stdout())
            if network.synthesis is not None:
                stdout().print()
                render_synthesis(network.synthesis, stdout())


def _show_flow(folder: Path, memory: bool, as_json: bool) -> None:
    """Print the report of a dataflow network."""
    if memory:
        raise BadOption("--memory: a dataflow network has no arena")
    found = load_flow(folder / REPORT_FILE)
    if as_json:
        click.echo(flow_to_json(found), nl=False)
        return
    render_flow(found, stdout())
    if found.synthesis is not None:
        stdout().print()
        render_synthesis(found.synthesis, stdout())


def _show_memory(folder: Path, as_json: bool) -> None:
    plans = read_plans(folder)
    if as_json:
        raise BadOption(
            "--memory, --json: the plan is JSON already", hint=f"see the plans in {folder}/"
        )
    render_memory(plans, stdout())


def _refuse_counting(models: tuple[str, ...]) -> None:
    """Raise BadOption where a target is named for what is only counted."""
    counting = on_command_line(OPTIONS)
    if counting or len(models) > 1:
        what = ", ".join(counting) or "several models"
        raise BadOption(f"{what}: only for counting", hint="leave out --target")
