"""The chain from model to C: read `compile_network` top to bottom."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from codegen.ir.report import Calibration
from codegen.ir.schedule import Schedule
from codegen.ir.text import save_graph
from codegen.lower import certify, lower
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
from codegen.targets import Target, load_target
from codegen.verify import (
    check_plan,
    make_inputs,
    parse_plan,
    plan_file,
    plan_to_json,
    run_reference,
)

GRAPH_SUFFIX = "_graph.npz"
"""Ends the name of the file that holds the fixed-point graph, which verification runs."""


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """What the stages made of one model.

    `files` are all of the output folder but the reports; networks of one library share them.
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
    golden: Golden
    files: Mapping[str, str | bytes] = field(default_factory=dict)


def compile_model(options: Options, progress: Progress = silent) -> Compiled:
    """Return the C of an ONNX file or a zoo network; any CodegenError of a stage."""
    (compiled,) = compile_bundle(options.identifier, (options,), progress)
    return compiled


def compile_bundle(
    name: str, networks: Sequence[Options], progress: Progress = silent
) -> tuple[Compiled, ...]:
    """Return the C of networks that run in turn in one arena, in a library of that name.

    A library of one network has its name. Raises as the stages do.
    """
    library = name if len(networks) > 1 else ""
    compiled: list[Compiled] = []
    for options in networks:
        beside = [network.program for network in compiled]
        compiled.append(compile_network(options, progress, library=library, beside=beside))
    sources = emit([c.program for c in compiled], [c.golden for c in compiled])
    plans = {plan_file(c.program.interface): plan_to_json(c.certificate) for c in compiled}
    graphs = {f"{c.options.identifier}{GRAPH_SUFFIX}": save_graph(c.graph) for c in compiled}
    return tuple(replace(network, files={**sources, **plans, **graphs}) for network in compiled)


def compile_network(
    options: Options, progress: Progress, *, library: str, beside: Sequence[Program]
) -> Compiled:
    """Return what the stages make of one model, its program lowered `beside` others."""
    target = load_target(options.target)
    name, dump = options.identifier, Dump(options.dump_ir)
    model = open_model(options)
    digest = hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()

    imported = dump.graph("import", import_model(model, Path(options.model).name))
    network = dump.graph("canonicalize", canonicalize(imported))
    transfer = Transfer(options.input_mode, options.output_mode)
    check_transfer(network, transfer, options.model_name)
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
    dump.plan(plan)
    check_budget(plan, options.ram_bytes)
    model_name = options.model_name
    program = lower(
        schedule,
        plan,
        name,
        target=target.name,
        model=model_name,
        digest=digest,
        library=library,
        beside=beside,
    )
    certificate = parse_plan(plan_to_json(certify(program, schedule, plan)))
    check_plan(certificate)
    return Compiled(
        options,
        target,
        model,
        digest,
        samples,
        describe_calibration(samples, needs_ranges),
        graph,
        schedule,
        plan,
        program,
        certificate,
        make_golden(graph, samples),
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
