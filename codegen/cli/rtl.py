"""The options of how a network becomes hardware, which several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from codegen.dataflow import FlowGoal
from codegen.errors import BadOption

F = TypeVar("F", bound=Callable[..., Any])

RTL_OPTIONS = ("rtl_mode", "fps", "dsp")


def rtl_options(command: F) -> F:
    """Add the options of FPGA targets to a command."""
    for option in (
        click.option(
            "--dsp", type=click.IntRange(min=0), help="Of dataflow: the most multipliers."
        ),
        click.option(
            "--fps",
            type=click.FloatRange(min=0, min_open=True),
            help="Of dataflow: frames a second, at the least cost. Default: as many as fit.",
        ),
        click.option(
            "--rtl-mode",
            type=click.Choice(["engine", "dataflow"]),
            default="engine",
            show_default=True,
            help="Of an FPGA: one engine that all layers share, or one for each layer.",
        ),
    ):
        command = option(command)
    return command


def take_flow_goal(given: dict[str, Any]) -> FlowGoal | None:
    """Take these options out of those given; None where no dataflow is asked for."""
    mode, fps, dsp = (given.pop(name) for name in RTL_OPTIONS)
    if mode == "dataflow":
        return FlowGoal(fps, dsp)
    if fps is not None or dsp is not None:
        raise BadOption("--fps, --dsp: only of --rtl-mode dataflow")
    return None
