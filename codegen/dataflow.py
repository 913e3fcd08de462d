"""A model as dataflow hardware: its graph is folded for a target and written as Verilog."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from codegen.emit.folder import REPORT_FILE, output_folder, write_files
from codegen.emit.rtl.flow import emit_flow
from codegen.errors import BadOption
from codegen.ir.text import save_graph
from codegen.options import Options
from codegen.pipeline import GRAPH_SUFFIX, quantize_model
from codegen.plan.fold import Budget, Cost, check_budget, flow_cost, fold
from codegen.plan.pace import with_fifos
from codegen.plan.stages import make_flow
from codegen.progress import Progress, silent
from codegen.report.flow import FlowReport, flow_to_json
from codegen.targets import load_target

VERSION_DIGITS = 8


@dataclass(frozen=True, slots=True)
class FlowGoal:
    """What a flow is folded for: `fps` frames a second, at most `dsp` multipliers.

    Without `fps` it is as fast as the multipliers, or all of the target, allow.
    """

    fps: float | None = None
    dsp: int | None = None


def emit_dataflow(
    options: Options,
    goal: FlowGoal,
    path: Path,
    *,
    force: bool = False,
    progress: Progress = silent,
) -> FlowReport:
    """Write a model as Verilog with an engine for each layer, all or nothing; return its report.

    DoesNotFit where the goal is out of reach, or takes more than the target has.
    """
    target = load_target(options.target)
    if target.fpga is None or target.clock_hz is None:
        raise BadOption(
            f"--rtl-mode dataflow: target '{target.name}' is no FPGA",
            hint="take one that `codegen targets` lists with kernels rtl",
        )
    if options.stream_weights:
        raise BadOption("--stream-weights: each layer of a dataflow network has its weights")
    available = Cost(target.fpga.dsps, target.fpga.block_rams, target.fpga.luts)
    budget = Budget(
        available.dsp if goal.dsp is None else min(goal.dsp, available.dsp),
        available.block_ram,
        available.lut,
    )
    interval = None if goal.fps is None else int(target.clock_hz / goal.fps)
    with output_folder(path, force=force) as folder:
        network = quantize_model(options, progress)
        flow, pace = with_fifos(fold(make_flow(network.graph), interval, budget))
        check_budget(flow_cost(flow), budget)
        name = options.identifier
        report = FlowReport(name, target.name, target.clock_hz, flow, pace, available)
        version = int(network.digest[:VERSION_DIGITS], 16)
        graph = {f"{name}{GRAPH_SUFFIX}": save_graph(network.graph)}
        files = {**emit_flow(flow, name, version), REPORT_FILE: flow_to_json(report)}
        write_files(folder, {**files, **graph})
    return report
