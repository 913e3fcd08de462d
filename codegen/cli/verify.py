"""codegen verify: reference == host C == target C, in every output byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from codegen.cli.console import progress_bar, stdout
from codegen.cli.model import is_project, make_options, model_options, refuse_model_options
from codegen.cli.rtl import rtl_options, take_flow_goal
from codegen.dataflow import FlowGoal, verify_flow_model, verify_flow_project
from codegen.emit.folder import REPORT_FILE
from codegen.errors import BadOption
from codegen.ir.report import Check
from codegen.options import Options
from codegen.progress import Progress
from codegen.project import verify_model, verify_project
from codegen.report import check_to_json, render_checks
from codegen.report.flow import is_flow
from codegen.verify import raise_if_different

SCHEMA = "codegen.verify/1"


@click.command()
@click.argument("model")
@click.option(
    "--target",
    "-t",
    multiple=True,
    help="Target to emulate besides the host; may be repeated. Default: the folder's.",
)
@click.option(
    "--samples",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="Inputs to run on the host; an emulated target gets the first 2.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@rtl_options
@model_options
def verify(model: str, target: tuple[str, ...], samples: int, as_json: bool, **given: Any) -> None:
    """Prove the C of MODEL right: an emitted folder, a model file or a zoo network.

    The reference in exact integers, the C built for this machine, and the C built for each target
    and emulated must give the same bytes. A folder's memory plan is checked first, by itself and
    against the C. Verilog is simulated with Verilator, every byte of every layer compared. Exit
    status 3 where anything differs.
    """
    with progress_bar() as progress:
        if is_project(model):
            seed = given.pop("seed")
            refuse_model_options(given)
            folder = Path(model)
            check = verify_flow_project if is_flow(folder / REPORT_FILE) else verify_project
            checks = check(folder, target, count=samples, seed=seed, progress=progress)
        else:
            goal, targets = take_flow_goal(given), target or ("host",)
            options = make_options(model, targets[0], given)
            if goal is not None:
                checks = _verify_flow(options, goal, targets, samples, progress)
            else:
                checks = verify_model(options, targets, count=samples, progress=progress)
    if as_json:
        equal = all(check.equal for check in checks)
        found = [check_to_json(check) for check in checks]
        click.echo(json.dumps({"schema": SCHEMA, "equal": equal, "checks": found}, indent=2))
    else:
        render_checks(checks, stdout())
    raise_if_different(checks)


def _verify_flow(
    options: Options, goal: FlowGoal, targets: tuple[str, ...], samples: int, progress: Progress
) -> tuple[Check, ...]:
    if len(targets) > 1:
        raise BadOption("--rtl-mode dataflow: verified on one target at a time")
    return verify_flow_model(options, goal, count=samples, progress=progress)
