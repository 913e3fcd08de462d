"""The chain from model to C: read `compile_model` top to bottom."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx

from codegen import zoo
from codegen.emit import Golden, emit
from codegen.errors import BadOption, DoesNotFit, UnknownName
from codegen.frontend import import_model, load_onnx
from codegen.ir.certificate import Certificate
from codegen.ir.graph import Graph
from codegen.ir.interface import Transfer
from codegen.ir.memory import MemoryPlan
from codegen.ir.program import Program
from codegen.ir.report import Calibration, MemoryCosts
from codegen.ir.schedule import Schedule
from codegen.ir.text import save_graph
from codegen.lower import certify
from codegen.lower.spread import lower_into
from codegen.options import Options
from codegen.passes import canonicalize
from codegen.plan.solve import schedule_and_plan
from codegen.progress import Progress, silent
from codegen.quantize import (
    Samples,
    calibrate,
    graph_inputs,
    load_samples,
    quantize,
    synthetic_samples,
)
from codegen.quantize.calibrate import unformatted
from codegen.report import Dump
from codegen.report.complexity.spec import is_zoo_name
from codegen.schedule.edges import check_transfer
from codegen.targets import Target, choose_memories, load_target
from codegen.verify import (
    PLAN_FILE,
    check_plan,
    make_inputs,
    parse_plan,
    plan_to_json,
    run_reference,
)

GRAPH_SUFFIX = "_graph.npz"
"""Ends the name of the file that holds the fixed-point graph, which verification runs."""


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """What the stages made of one model; `files` are all of the output folder but the reports.

    `costs` are those of the memories chosen, if any were.
    """

    options: Options
    target: Target
    model: onnx.ModelProto
    digest: str
    samples: Samples
    calibration: Calibration
    graph: Graph
    schedule: Schedule
    plan: MemoryPlan
    program: Program
    certificate: Certificate
    costs: MemoryCosts | None
    files: Mapping[str, str | bytes]


def compile_model(options: Options, progress: Progress = silent) -> Compiled:
    """Return the C of an ONNX file or a zoo network; any CodegenError of a stage."""
    target = load_target(options.target)
    memories = choose_memories(target, options.memories)
    name, dump = options.identifier, Dump(options.dump_ir)
    model = open_model(options)
    digest = hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()

    imported = dump.graph("import", import_model(model, Path(options.model).name))
    network = dump.graph("canonicalize", canonicalize(imported))
    transfer = Transfer(options.input_mode, options.output_mode)
    check_transfer(network, transfer)
    samples = open_samples(options, network)
    needs_ranges = bool(unformatted(network))
    ranges = (
        calibrate(model, network, samples, lambda done, of: progress("calibrating", done, of))
        if needs_ranges
        else None
    )
    graph = dump.graph(
        "quantize",
        quantize(network, ranges, lambda done, of: progress("correcting biases", done, of)),
    )
    schedule, plan = schedule_and_plan(graph, target.kernels, transfer)
    dump.schedule(schedule)
    banner = {"target": target.name, "model": options.model_name, "digest": digest}
    placed = lower_into(memories, schedule, plan, name, **banner)
    plan, program = placed.plan, placed.program
    dump.plan(plan)
    check_budget(plan, options.ram_bytes)
    plan_text = plan_to_json(certify(program, schedule, plan))
    certificate = parse_plan(plan_text)
    check_plan(certificate)
    sources = emit(program, make_golden(graph, samples))
    files: dict[str, str | bytes] = {
        **sources,
        PLAN_FILE: plan_text,
        f"{name}{GRAPH_SUFFIX}": save_graph(graph),
    }
    calibration = describe_calibration(samples, needs_ranges)
    return Compiled(
        options=options,
        target=target,
        model=model,
        digest=digest,
        samples=samples,
        calibration=calibration,
        graph=graph,
        schedule=schedule,
        plan=plan,
        program=program,
        certificate=certificate,
        costs=placed.costs,
        files=files,
    )


def open_model(options: Options) -> onnx.ModelProto:
    """Return the zoo network of that name, else the ONNX file; UnknownName, UnreadableFile."""
    if is_zoo_name(options.model):
        model = zoo.build(options.model, options.network)
        return zoo.load_weights(model, options.weights) if options.weights else model
    given = (*options.network, *(["weights"] if options.weights else []))
    return open_file(options.model, given)


def open_structure(model: str, network: Mapping[str, object]) -> onnx.ModelProto:
    """Return a zoo network with those options, its weights left out, else the ONNX file.

    Raises as `open_model`.
    """
    if is_zoo_name(model):
        return zoo.build(model, network, weights=False)
    return open_file(model, tuple(network))


def open_file(model: str, zoo_options: Sequence[str]) -> onnx.ModelProto:
    """Return the ONNX file; UnknownName where it is meant as a name, BadOption with zoo options."""
    path = Path(model)
    if zoo_options:
        raise BadOption(
            f"{', '.join(zoo_options)}: only zoo networks take this, and '{model}' is none of them",
            hint="see codegen zoo",
        )
    if not path.suffix and not path.exists():
        names = ", ".join(network.name for network in zoo.NETWORKS)
        raise UnknownName(
            f"'{model}' is neither a network of the zoo nor a file",
            hint=f"the zoo has {names}; a model is given by its .onnx file",
        )
    return load_onnx(path)


def open_samples(options: Options, network: Graph) -> Samples:
    """Return the user's samples, else synthetic ones."""
    if options.calibrate is not None:
        return load_samples(options.calibrate, network)
    return synthetic_samples(network, options.samples, options.seed)


def describe_calibration(samples: Samples, needs_ranges: bool) -> Calibration:
    """Return where the scales come from."""
    if not needs_ranges:
        return Calibration("model")
    return Calibration(
        "synthetic" if samples.synthetic else "samples",
        samples.count,
        "" if samples.synthetic else samples.source,
    )


def make_golden(graph: Graph, samples: Samples) -> Golden:
    """Return the first sample and what the reference makes of it."""
    inputs = make_inputs(graph, graph_inputs(graph, samples), 1)
    return Golden(inputs.arrays, run_reference(graph, inputs))


def check_budget(plan: MemoryPlan, ram_bytes: int | None) -> None:
    """Raise DoesNotFit, naming the values that bind, where the arena exceeds the budget."""
    if ram_bytes is None or plan.size_bytes <= ram_bytes:
        return
    time, binding = plan.peak()
    values = ", ".join(f"{buffer.name} ({buffer.live[time]:,})" for buffer in binding)
    raise DoesNotFit(
        f"the arena takes {plan.size_bytes:,} bytes of RAM, {plan.size_bytes - ram_bytes:,} more"
        f" than the {ram_bytes:,} given",
        where=f"step {plan.steps[time]}, where these are live at once: {values}",
        hint="a smaller --alpha or --resolution, or a network with smaller layers there",
    )
