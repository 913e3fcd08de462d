"""Synthesis of an emitted folder: what its Verilog takes of the device, and its clock."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from codegen.emit.folder import REPORT_FILE, write_files
from codegen.errors import BadOption, DoesNotFit
from codegen.ir.report import Synthesis, Timing
from codegen.progress import Progress, silent
from codegen.report import bundle_to_json, load_report
from codegen.report.bundle import alone
from codegen.report.flow import flow_to_json, is_flow, load_flow
from codegen.targets import load_target
from codegen.toolchain.nextpnr import LOGIC_CELLS, nextpnr_version, place_and_route
from codegen.toolchain.yosys import synthesize

DEFAULT_SEEDS = 5


def synthesize_project(
    folder: Path, seeds: int, freq_mhz: float | None = None, progress: Progress = silent
) -> Synthesis:
    """Synthesize a folder, place it from each of `seeds` seeds, and merge that into its report.

    `freq_mhz`: the clock to try for; without, that of the target. Raises MissingTool, ToolFailed,
    and BadOption where the folder holds C.
    """
    if is_flow(folder / REPORT_FILE):
        flow = load_flow(folder / REPORT_FILE)
        found = _synthesize(flow.name, flow.target, folder, seeds, freq_mhz, progress)
        text = flow_to_json(replace(flow, synthesis=found))
    else:
        report = load_report(folder / REPORT_FILE).networks[0]
        name = report.interface.name
        found = _synthesize(name, report.target, folder, seeds, freq_mhz, progress)
        text = bundle_to_json(alone(replace(report, synthesis=found)))
    write_files(folder, {REPORT_FILE: text})
    return found


def check_clock(synthesis: Synthesis, freq_mhz: float) -> None:
    """Raise DoesNotFit where a seed misses a clock."""
    missed = [timing for timing in synthesis.timings if timing.mhz < freq_mhz]
    if missed:
        worst = min(missed, key=lambda timing: timing.mhz)
        raise DoesNotFit(
            f"seed {worst.seed} attains {worst.mhz:g} MHz, not {freq_mhz:g};"
            f" {len(missed)} of {len(synthesis.timings)} seeds miss it",
            hint="ask for a slower clock, or take a smaller engine",
        )


def _synthesize(
    name: str,
    target: str,
    folder: Path,
    seeds: int,
    freq_mhz: float | None,
    progress: Progress,
) -> Synthesis:
    found = load_target(target)
    fpga = found.fpga
    if fpga is None:
        raise BadOption(
            f"{folder} was emitted for {target}, which is no FPGA",
            hint="emit it with --target ecp5-85k",
        )
    goal_mhz = freq_mhz or (found.clock_hz or 0) / 1e6
    with tempfile.TemporaryDirectory() as scratch:
        progress("synthesizing", 0, seeds + 1)
        netlist = synthesize(name, folder, fpga.family, Path(scratch))
        tools, placed = [netlist.version], []
        if fpga.family in LOGIC_CELLS:
            tools.append(nextpnr_version(fpga))
            for seed in range(1, seeds + 1):
                progress("placing and routing", seed, seeds + 1)
                placed.append(place_and_route(netlist, fpga, seed, goal_mhz))
    return Synthesis(
        tools=tuple(tools),
        luts=netlist.count("luts"),
        carries=netlist.count("carries"),
        flip_flops=netlist.count("flip_flops"),
        dsps=netlist.count("dsps"),
        block_rams=netlist.count("block_rams"),
        logic_cells=max((one.logic_cells for one in placed), default=None),
        goal_mhz=goal_mhz,
        timings=tuple(Timing(one.seed, one.mhz) for one in placed),
    )
