"""A model as dataflow hardware: its graph is folded for a target and written as Verilog."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from codegen import __version__
from codegen.emit.folder import REPORT_FILE, output_folder, write_files
from codegen.emit.rtl.board import emit_board
from codegen.emit.rtl.design import version_of
from codegen.emit.rtl.flow import emit_flow, flow_streams, wires
from codegen.emit.rtl.testbench import verilator_testbench
from codegen.errors import BadOption, UnreadableFile
from codegen.ir.flow import Flow
from codegen.ir.graph import Graph
from codegen.ir.interface import Interface
from codegen.ir.report import Check
from codegen.ir.text import load_graph, save_graph
from codegen.lower import make_port
from codegen.options import Options
from codegen.pipeline import GRAPH_SUFFIX, Network, make_golden, quantize_model
from codegen.plan.fold import Budget, Cost, check_budget, flow_cost, fold
from codegen.plan.pace import with_fifos
from codegen.plan.stages import make_flow
from codegen.progress import Progress, silent
from codegen.project import check_held_target, read_subject, with_cause
from codegen.quantize import graph_inputs
from codegen.report.flow import FlowReport, flow_to_json, load_flow, stage_reports
from codegen.targets import Fpga, Target, load_target
from codegen.verify import Subject, check_flow, find_edit_of, make_inputs, run_reference


@dataclass(frozen=True, slots=True)
class FlowGoal:
    """What a flow is folded for: `fps` frames a second, at most `dsp` multipliers.

    Without `fps` it is as fast as the multipliers, or all of the target, allow.
    """

    fps: float | None = None
    dsp: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class CompiledFlow:
    """What became of a model: the network, its flow, all files of the folder, and the report."""

    network: Network
    flow: Flow
    files: Mapping[str, str | bytes]
    report: FlowReport


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
    _device(load_target(options.target))
    with output_folder(path, force=force) as folder:
        compiled = compile_flow(options, goal, progress)
        write_files(folder, compiled.files)
    return compiled.report


def compile_flow(options: Options, goal: FlowGoal, progress: Progress = silent) -> CompiledFlow:
    """Return the Verilog of a model, folded for its target; as `emit_dataflow`."""
    target = load_target(options.target)
    fpga, clock_hz = _device(target)
    available = Cost(fpga.dsps, fpga.block_rams, fpga.luts)
    if options.stream_weights:
        raise BadOption("--stream-weights: each layer of a dataflow network has its weights")
    budget = Budget(
        available.dsp if goal.dsp is None else min(goal.dsp, available.dsp),
        available.block_ram,
        available.lut,
    )
    interval = None if goal.fps is None else int(clock_hz / goal.fps)
    network = quantize_model(options, progress)
    flow, pace = with_fifos(fold(make_flow(network.graph), interval, budget))
    spent = flow_cost(flow)
    check_budget(spent, budget)
    report = FlowReport(
        generator=f"codegen {__version__}",
        name=options.identifier,
        model=options.model_name,
        model_digest=network.digest,
        target=target.name,
        clock_hz=clock_hz,
        pace=pace,
        cost=spent,
        available=available,
        stages=stage_reports(flow),
        fifos=flow.fifos,
    )
    files: dict[str, str | bytes] = {
        **_verilog(flow, report, fpga),
        **_beside(flow, network, options.identifier, fpga, clock_hz),
        f"{options.identifier}{GRAPH_SUFFIX}": save_graph(network.graph),
        REPORT_FILE: flow_to_json(report),
    }
    return CompiledFlow(network, flow, files, report)


def verify_flow_model(
    options: Options, goal: FlowGoal, *, count: int, progress: Progress = silent
) -> tuple[Check, ...]:
    """Compile a model as a flow and compare its Verilog, simulated, with the reference."""
    compiled = compile_flow(options, goal, progress)
    network, name = compiled.network, compiled.report.name
    fpga, _ = _device(network.target)
    samples = graph_inputs(network.graph, network.samples)
    inputs = make_inputs(network.graph, samples, count, options.seed)
    with tempfile.TemporaryDirectory() as scratch:
        write_files(Path(scratch), compiled.files)
        subject = Subject(
            Path(scratch),
            _interface(network.graph, name),
            network.graph,
            network.target.kernels,
            inputs,
            run_reference(network.graph, inputs, progress),
        )
        progress("simulating", 0, 1)
        return (check_flow(subject, compiled.flow, fpga.simd),)


def verify_flow_project(
    path: Path,
    targets: Sequence[str] = (),
    *,
    count: int,
    seed: int = 0,
    progress: Progress = silent,
) -> tuple[Check, ...]:
    """Compare the Verilog of an emitted folder, as it is now, with the reference."""
    report = load_flow(path / REPORT_FILE)
    check_held_target(report.target, targets)
    target = load_target(report.target)
    fpga, _ = _device(target)
    graph = load_graph(path / f"{report.name}{GRAPH_SUFFIX}")
    flow = _folded_as(graph, report)
    interface = _interface(graph, report.name)
    subject = read_subject(path, interface, target.kernels, count, seed, progress)
    progress("simulating", 0, 1)
    check = check_flow(subject, flow, fpga.simd, seed=seed)
    if check.equal:
        return (check,)
    return (with_cause(check, find_edit_of(path, _verilog(flow, report, fpga))),)


def _device(target: Target) -> tuple[Fpga, int]:
    """Return what a target is and its clock; BadOption where it is no FPGA."""
    if target.fpga is None or target.clock_hz is None:
        raise BadOption(
            f"--rtl-mode dataflow: target '{target.name}' is no FPGA",
            hint="take one that `codegen targets` lists with kernels rtl",
        )
    return target.fpga, target.clock_hz


def _interface(graph: Graph, name: str) -> Interface:
    """Return the ports of a network that has no arena."""
    inputs, outputs = (
        tuple(make_port(graph, value) for value in side) for side in (graph.inputs, graph.outputs)
    )
    return Interface(name, inputs, outputs, arena_bytes=0, arena_align=1)


def _verilog(flow: Flow, report: FlowReport, fpga: Fpga) -> dict[str, str]:
    """Return the modules of a flow and what their memories hold, by file name."""
    return emit_flow(flow, report.name, version_of(report.model_digest), fpga.simd)


def _beside(flow: Flow, network: Network, name: str, fpga: Fpga, clock_hz: int) -> dict[str, str]:
    """Return testbenches, pins and a Makefile, by file name."""
    streams = flow_streams(flow, fpga.simd)
    bench = verilator_testbench(name, streams, observed=tuple(wires(flow).values()))
    golden = make_golden(network.graph, network.samples)
    return emit_board(name, fpga, streams, bench, golden, clock_hz)


def _folded_as(graph: Graph, report: FlowReport) -> Flow:
    """Return the flow of a graph, folded as a report tells; UnreadableFile."""
    flow = make_flow(graph)
    folds = {stage.name: stage.fold for stage in report.stages}
    if folds.keys() != {stage.name for stage in flow.stages}:
        raise UnreadableFile(
            f"{REPORT_FILE} has other stages than the graph beside it",
            hint="emit the network again",
        )
    stages = tuple(replace(stage, fold=folds[stage.name]) for stage in flow.stages)
    return replace(flow, stages=stages, fifos=report.fifos)
