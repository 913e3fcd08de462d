"""codegen synth: what an emitted FPGA folder takes of its device, and how fast it is."""

from __future__ import annotations

from pathlib import Path

import click

from codegen.cli.console import progress_bar, stdout
from codegen.report.synthesis import render_synthesis
from codegen.synthesis import DEFAULT_SEEDS, check_clock, synthesize_project


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=DEFAULT_SEEDS,
    show_default=True,
    help="Place and route from so many seeds.",
)
@click.option(
    "--freq",
    type=click.FloatRange(1, 1000),
    help="Clock in MHz that every seed must attain. Default: try for the target's.",
)
def synth(folder: Path, seeds: int, freq: float | None) -> None:
    r"""Synthesize FOLDER, which was emitted for an FPGA, by yosys and nextpnr.

    Cells and the clock from each seed are printed and merged into the folder's report.json. Clocks
    are those of static timing. Of xc7a100t cells are counted, without timing. Exit status 1 where a
    tool is missing or fails, 4 where a seed misses --freq.

    \b
    codegen emit my_network.onnx --target ecp5-85k -o my_network
    codegen synth my_network --seeds 5 --freq 100
    """
    with progress_bar() as progress:
        found = synthesize_project(folder, seeds, freq, progress)
    render_synthesis(found, stdout())
    if freq is not None:
        check_clock(found, freq)
