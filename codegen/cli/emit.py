"""codegen emit: a model becomes a folder of C."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from codegen.cli.console import progress_bar, stdout
from codegen.cli.model import PATH, make_bundle_options, make_options, model_options
from codegen.cli.rtl import rtl_options, take_flow_goal
from codegen.dataflow import FlowGoal, emit_dataflow
from codegen.errors import BadOption
from codegen.options import Options
from codegen.project import emit_bundle
from codegen.report import bundle_to_json, render_bundle
from codegen.report.flow import flow_to_json, render_flow


@click.command()
@click.argument("models", metavar="MODEL...", nargs=-1, required=True)
@click.option("--target", "-t", required=True, help="Name of a target, or a .toml file of yours.")
@click.option("--folder", "-o", type=PATH, help="Folder to make. Default: ./NAME.")
@click.option(
    "--share-arena",
    is_flag=True,
    help="Make several models, each MODEL or NAME=MODEL, one library to run in turn in one arena.",
)
@click.option("--force", is_flag=True, help="Replace the folder if codegen wrote it.")
@click.option("--no-measure", is_flag=True, help="Only write the files: build and run nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@rtl_options
@model_options
def emit(
    models: tuple[str, ...],
    target: str,
    folder: Path | None,
    share_arena: bool,
    force: bool,
    no_measure: bool,
    as_json: bool,
    **given: Any,
) -> None:
    r"""Compile MODEL, an ONNX or TFLite file or a zoo network, into a folder of C.

    The C is built and run, on this machine and on the emulated target, and must equal the
    reference in every byte; then the folder appears, whole, with its report.json and
    report.html.

    \b
    codegen emit my_network.onnx --target cortex-m4 --calibrate samples.npz
    codegen emit wake=kws.onnx mobilenet_v1:alpha=0.25 --share-arena --target cortex-m4
    """
    goal = take_flow_goal(given)
    name, networks = _name_networks(models, target, share_arena, given)
    folder = folder or Path(name)
    if goal is not None:
        _emit_flow(networks, goal, folder, force=force, as_json=as_json)
        return
    with progress_bar() as progress:
        bundle = emit_bundle(
            name, networks, folder, force=force, measure=not no_measure, progress=progress
        )
    if as_json:
        click.echo(bundle_to_json(bundle), nl=False)
        return
    console = stdout()
    render_bundle(bundle, console, all_layers=False)
    console.print(f"\nwrote {folder}/", soft_wrap=True)


def _emit_flow(
    networks: tuple[Options, ...], goal: FlowGoal, folder: Path, *, force: bool, as_json: bool
) -> None:
    """Write a network as dataflow hardware and show what it takes."""
    if len(networks) > 1:
        raise BadOption("--share-arena: a dataflow network has no arena")
    with progress_bar() as progress:
        report = emit_dataflow(networks[0], goal, folder, force=force, progress=progress)
    if as_json:
        click.echo(flow_to_json(report), nl=False)
        return
    console = stdout()
    render_flow(report, console)
    console.print(f"\nwrote {folder}/", soft_wrap=True)


def _name_networks(
    models: tuple[str, ...], target: str, share_arena: bool, given: dict[str, Any]
) -> tuple[str, tuple[Options, ...]]:
    """Return the library's name and the options of its networks; BadOption for stray models."""
    if len(models) > 1 and not share_arena:
        raise BadOption(
            "several models are given",
            hint="--share-arena makes them one library; else emit one at a time",
        )
    if len(models) == 1 and share_arena:
        raise BadOption("--share-arena: there is only one model", hint="give the others too")
    if share_arena:
        return make_bundle_options(models, target, given)
    options = make_options(models[0], target, given)
    return options.identifier, (options,)
