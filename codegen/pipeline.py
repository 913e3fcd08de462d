"""The chain from model to C: read `compile_model` top to bottom."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import onnx

from codegen.emit import Golden, emit
from codegen.emit.rtl.board import emit_board
from codegen.emit.rtl.program import bank_words_of, emit_rtl, measure_hardware, streams_of
from codegen.emit.rtl.testbench import verilator_testbench
from codegen.errors import BadOption, DoesNotFit
from codegen.frontend import import_model, unsigned_ports
from codegen.ir.certificate import Certificate
from codegen.ir.graph import Graph
from codegen.ir.interface import BY_ARENA, Transfer
from codegen.ir.memory import MemoryPlan, RamGoal
from codegen.ir.program import Program
from codegen.ir.report import (
    Calibration,
    CompressionStep,
    Hardware,
    MemoryCosts,
    Savings,
    Trade,
)
from codegen.ir.schedule import Schedule
from codegen.ir.text import save_graph
from codegen.ir.types import DType
from codegen.lower import certify
from codegen.lower.rtl import link
from codegen.lower.spread import lower_into
from codegen.ops import Reshape
from codegen.options import Options
from codegen.passes import canonicalize
from codegen.passes.code_weights import code_weights
from codegen.passes.show_unsigned import show_unsigned
from codegen.passes.shrink import savings, shrink
from codegen.plan.solve import Solution, solve
from codegen.progress import Progress, silent
from codegen.quantize import (
    Samples,
    Stream,
    calibrate,
    graph_inputs,
    open_stream,
    quantize,
    synthetic_samples,
)
from codegen.quantize.calibrate import unformatted
from codegen.quantize.choose_forms import FormGoal, FormPlan, FormSearch, pick, search_forms
from codegen.quantize.choose_wide import find_wide
from codegen.quantize.clipping import find_method
from codegen.quantize.compress import Compressed, compress, stored_step
from codegen.quantize.equalize import equalize
from codegen.quantize.flash import (
    evidence_for_choice,
    explain_forms,
    first_goal,
    least_sqnr,
    offered_forms,
)
from codegen.quantize.powers import narrow
from codegen.quantize.quantize import activation_type
from codegen.quantize.ranges import Ranges
from codegen.quantize.requested_forms import codings
from codegen.quantize.trade import describe_trade
from codegen.quantize.weight_form import WeightForm
from codegen.remedies import find_remedies
from codegen.report import Dump
from codegen.schedule.assign import assign_kernels
from codegen.schedule.edges import check_transfer
from codegen.schedule.kernels import Choice
from codegen.sources import open_model
from codegen.targets import Target, choose_memories, load_target
from codegen.tune import make_choice
from codegen.verify import (
    check_collisions,
    check_plan,
    make_inputs,
    parse_plan,
    plan_file,
    plan_to_json,
    run_reference,
)

GRAPH_SUFFIX = "_graph.npz"
"""Ends the name of the file that holds the fixed-point graph, which verification runs."""


HELD_SAMPLES = 256
"""The first samples, which stay in memory to run and compare the network on."""


class Quantize(Protocol):
    """Returns the network in integers: weights in `forms`, the values of `wide` in 16 bits."""

    def __call__(self, forms: Mapping[str, WeightForm], wide: Collection[str] = ()) -> Graph: ...


@dataclass(frozen=True, slots=True, eq=False)
class ChosenWeights:
    """Forms of weights: how they were found, what they are, and what that costs."""

    search: FormSearch
    plan: FormPlan
    trade: Trade


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A fixed-point network and where it is from: what the stages up to quantization made.

    `samples` are the first of those it was calibrated with; `weights` tells how the forms of its
    weights were chosen, where they were.
    """

    options: Options
    target: Target
    model: onnx.ModelProto
    digest: str
    samples: Samples
    calibration: Calibration
    graph: Graph
    savings: Savings
    transfer: Transfer
    choice: Choice
    dump: Dump
    compressed: Compressed
    weights: ChosenWeights | None = None
    compression: tuple[CompressionStep, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """What the stages made of one model; networks of one library share their `files`.

    `goal` is what its plan attains; `costs` are those of the memories chosen, if any were. `files`
    are all of the output folder but the reports. What becomes hardware takes `hardware` of an
    FPGA, and its layers `layer_cycles`.
    """

    network: Network
    goal: RamGoal
    schedule: Schedule
    plan: MemoryPlan
    program: Program
    certificate: Certificate
    costs: MemoryCosts | None
    golden: Golden
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    hardware: Hardware | None = None
    layer_cycles: tuple[int, ...] = ()


def compile_model(options: Options, progress: Progress = silent) -> Compiled:
    """Return the C of an ONNX or TFLite file or a zoo network; any CodegenError of a stage."""
    goal = RamGoal(options.ram_bytes, options.least_ram)
    (compiled,) = compile_bundle(options.identifier, (quantize_model(options, progress),), goal)
    return compiled


def compile_bundle(name: str, networks: Sequence[Network], goal: RamGoal) -> tuple[Compiled, ...]:
    """Return the C of networks that run in turn in one arena, in a library of that name.

    A library of one network has its name. DoesNotFit where one exceeds the goal's limit.
    """
    library = name if len(networks) > 1 else ""
    compiled: list[Compiled] = []
    for network in networks:
        beside = [made.program for made in compiled]
        compiled.append(compile_network(network, goal, library=library, beside=beside))
    if networks[0].target.engine is None:
        sources = emit([c.program for c in compiled], [c.golden for c in compiled])
    else:
        sources = _emit_hardware(compiled[0])
    plans = {plan_file(c.program.interface): plan_to_json(c.certificate) for c in compiled}
    graphs = {
        f"{c.program.interface.name}{GRAPH_SUFFIX}": save_graph(c.network.graph) for c in compiled
    }
    return tuple(replace(made, files={**sources, **plans, **graphs}) for made in compiled)


def _emit_hardware(made: Compiled) -> dict[str, str]:
    """Return the Verilog of a network and what stands beside it."""
    program, target = made.program, made.network.target
    assert target.fpga is not None and target.clock_hz is not None
    name, fpga, streams = program.interface.name, target.fpga, streams_of(program)
    bench = verilator_testbench(name, streams.simd, bank_words_of(program))
    beside = emit_board(name, fpga, streams, bench, made.golden, target.clock_hz)
    return {**emit_rtl(program), **beside}


def quantize_model(options: Options, progress: Progress = silent) -> Network:
    """Return the fixed-point network of an ONNX or TFLite file or a zoo network."""
    target = load_target(options.target)
    choice = make_choice(target, options.optimize, tune=options.tune, progress=progress)
    dump = Dump(options.dump_ir)
    model = open_model(options)
    digest = hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()

    imported = dump.graph("import", import_model(model, Path(options.model).name))
    network = dump.graph("canonicalize", canonicalize(imported))
    transfer = Transfer(options.input_mode, options.output_mode)
    check_transfer(network, transfer, options.model_name)
    samples, stream = open_samples(options, network).peek(HELD_SAMPLES)
    compressed = compress(
        network,
        options,
        samples,
        lambda done, of: progress("pruning", done, of),
    )
    given = compressed.forms
    if compressed.steps:
        network = dump.graph("compress", compressed.graph)
    ranges = find_ranges(options, model, network, stream, progress)
    if ranges is not None and "equalize" in options.repair and not ranges.synthetic:
        equalized, ranges = equalize(network, ranges, options.scheme)
        network = dump.graph("equalize", equalized)
    if ranges is not None and options.scheme == "pow2":
        ranges = narrow(network, ranges, element_type(options) or DType.INT8)

    def quantized(forms: Mapping[str, WeightForm], wide: Collection[str] = ()) -> Graph:
        return quantize(
            network,
            ranges,
            lambda done, of: progress("repairing layers", done, of),
            activations=element_type(options),
            scheme=options.scheme,
            allow_float=options.float_ops == "allow",
            repair=options.repair,
            forms={**given, **forms},
            wide=wide,
        )

    floats = Network(
        options,
        target,
        model,
        digest,
        samples,
        describe_calibration(ranges, options),
        network,
        Savings(),
        transfer,
        choice,
        dump,
        compressed,
    )
    return in_integers(floats, ranges, quantized, progress)


def in_integers(
    network: Network, ranges: Ranges | None, quantized: Quantize, progress: Progress
) -> Network:
    """Return the float network in integers, of the bits that the options give or have chosen."""
    options, floats, given = network.options, network.graph, network.compressed.forms
    chosen = {
        "--activations auto": options.activations == "auto",
        "--bits auto": options.bits.auto,
    }
    asked = [option for option, is_auto in chosen.items() if is_auto]
    if not asked:
        return with_weights(network, quantized({}), given)
    evidence = evidence_for_choice(ranges, asked[0])
    wide: tuple[str, ...] = ()
    fixed = quantized({})
    if options.activations == "auto":
        wide, fixed = find_wide(
            floats,
            fixed,
            evidence,
            least_sqnr(options),
            lambda wide: quantized({}, wide),
            lambda done, of: progress("measuring values of 8 bits", done, of),
        )
    if not options.bits.auto:
        return with_weights(network, fixed, given)
    search = search_forms(
        floats,
        fixed,
        evidence,
        given,
        offered_forms(options),
        lambda forms: quantized(forms, wide),
        lambda done, of: progress("measuring forms of weights", done, of),
    )
    return with_chosen(network, search, first_goal(options, floats))


def with_weights(network: Network, graph: Graph, forms: Mapping[str, WeightForm]) -> Network:
    """Return the network of a fixed-point graph, weights stored as their forms are, shrunk."""
    dump = network.dump
    graph = dump.graph("quantize", code_weights(graph, codings(graph, forms)))
    small = dump.graph("shrink", shrink(graph)) if network.options.shrink else graph
    tensors = unsigned_ports(network.model)
    shown = dump.graph("show_unsigned", show_unsigned(small, tensors)) if tensors else small
    steps = compression_steps(network, small)
    return replace(network, graph=shown, savings=savings(graph, small), compression=steps)


def compression_steps(network: Network, graph: Graph) -> tuple[CompressionStep, ...]:
    """Return what was done to make weights fewer, and what that cost; none where none was asked."""
    found = network.compressed
    if not (found.steps or network.options.codebook):
        return ()
    return (*found.steps, stored_step(found.graph, graph, found.outputs))


def with_chosen(network: Network, search: FormSearch, goal: FormGoal) -> Network:
    """Return the network in the forms that keep the goal; DoesNotFit, or BadOption for a noise."""
    found = search.plan(goal)
    if found is None:
        raise explain_forms(search, goal, network.options)
    plan, graph = found
    changed = with_weights(network, graph, plan.forms)
    return replace(changed, weights=ChosenWeights(search, plan, describe_trade(plan, graph)))


def respend(network: Network, spare_bytes: int) -> Network | None:
    """Return the network with so many bytes of weights more, or fewer; None where none change.

    DoesNotFit where they cannot be so few.
    """
    weights = network.weights
    assert weights is not None, "the forms of its weights were not chosen"
    goal = FormGoal(flash_bytes=weights.plan.flash_bytes + spare_bytes)
    chosen = pick(weights.search.sensitivity, goal)
    if chosen == weights.plan.chosen:
        return None
    return with_chosen(network, weights.search, goal)


def compile_network(
    network: Network, goal: RamGoal, *, library: str, beside: Sequence[Program]
) -> Compiled:
    """Return what the stages make of a fixed-point network, its program lowered `beside` others.

    DoesNotFit where it exceeds the goal's limit.
    """
    options, target, graph = network.options, network.target, network.graph
    check_hls(network, library)
    memories = choose_memories(target, options.memories)
    name, dump = options.identifier, network.dump
    assigned = assign_kernels(graph, target.kernels, network.transfer, network.choice)
    solution = solve(assigned, goal)
    if not solution.fits:
        raise explain_misfit(network, solution, goal.limit_bytes or 0, library)
    schedule = dump.schedule(solution.schedule)
    placed = lower_into(
        memories,
        schedule,
        solution.plan,
        name,
        target=target.name,
        model=options.model_name,
        digest=network.digest,
        library=library,
        beside=beside,
        compact=options.optimize == "size",
        engine=target.engine,
    )
    plan, program = dump.plan(placed.plan), placed.program
    certificate = parse_plan(plan_to_json(certify(program, schedule, plan)))
    check_plan(certificate)
    hardware: Hardware | None = None
    layer_cycles: tuple[int, ...] = ()
    if target.engine is not None:
        check_collisions(link(program))
        hardware, layer_cycles = measure_hardware(program, target)
    return Compiled(
        network=network,
        goal=goal,
        schedule=schedule,
        plan=plan,
        program=program,
        certificate=certificate,
        costs=placed.costs,
        golden=make_golden(graph, network.samples),
        hardware=hardware,
        layer_cycles=layer_cycles,
    )


def check_hls(network: Network, library: str) -> None:
    """Raise BadOption where the top function for synthesis cannot be what is asked for."""
    if not network.target.is_hls:
        return
    if library:
        raise BadOption(
            "--target hls: a network becomes hardware alone, not in a library",
            hint="emit each network into a folder of its own",
        )
    if all(isinstance(node.op, Reshape) for node in network.graph.nodes):
        raise BadOption("--target hls: the network computes nothing, so nothing becomes hardware")
    if network.transfer != BY_ARENA:
        raise BadOption(
            "--target hls: the top function copies whole inputs and outputs",
            hint="leave out --input and --output",
        )


def element_type(options: Options) -> DType | None:
    """Return the type of activations that the options ask for, of all or of most."""
    if options.activations is None:
        return None
    return DType.INT8 if options.activations == "auto" else DType(options.activations)


def open_samples(options: Options, network: Graph) -> Stream:
    """Return the user's samples, else synthetic ones."""
    if options.calibrate is not None:
        return open_stream(options.calibrate, network, options.images)
    return synthetic_samples(network, options.samples, options.seed).stream()


def find_ranges(
    options: Options, model: onnx.ModelProto, network: Graph, samples: Stream, progress: Progress
) -> Ranges | None:
    """Return the ranges of values as the options ask; None where the file has all formats."""
    if not unformatted(network):
        return None
    element = activation_type(network, element_type(options))
    clip = find_method(options.calibration_method, options.percentile, element)
    return calibrate(
        model, network, samples, lambda done, of: progress("calibrating", done, of), clip
    )


def describe_calibration(ranges: Ranges | None, options: Options) -> Calibration:
    """Return where the scales come from."""
    if ranges is None:
        return Calibration("model")
    kind, source = ("synthetic", "") if ranges.synthetic else ("samples", ranges.source)
    method = options.calibration_method
    percent = f" {options.percentile:g}" if method == "percentile" else ""
    return Calibration(kind, ranges.count, source, f"{method}{percent}")


def make_golden(graph: Graph, samples: Samples) -> Golden:
    """Return the first sample and what the reference makes of it."""
    inputs = make_inputs(graph, graph_inputs(graph, samples), 1)
    return Golden(inputs.arrays, run_reference(graph, inputs))


def explain_misfit(network: Network, least: Solution, limit_bytes: int, library: str) -> DoesNotFit:
    """Return the error for a network whose least plan exceeds what it is given.

    It names the network of a library, the values that bind at the peak, and what would help.
    """
    options, plan = network.options, least.plan
    given = options.ram_bytes or 0
    of_network = f" of {options.identifier}" if library else ""
    time, binding = plan.peak()
    values = ", ".join(f"{buffer.name} ({buffer.live[time]:,})" for buffer in binding)
    remedies = find_remedies(
        network.graph,
        network.target.kernels,
        network.transfer,
        options.model,
        options.network,
        limit_bytes,
    )
    gains = [
        f"{remedy.change}: {remedy.arena_bytes:,} bytes, {plan.size_bytes - remedy.arena_bytes:,}"
        f" less{', which fits' if remedy.arena_bytes <= limit_bytes else ''}"
        for remedy in remedies
        if remedy.arena_bytes < plan.size_bytes
    ]
    return DoesNotFit(
        f"the arena{of_network} takes at least {plan.size_bytes:,} bytes of RAM"
        f"{_given(given, limit_bytes)};"
        f" proved: no plan of this kind takes less than {plan.lower_bound_bytes:,}",
        where=f"{least.schedule.steps[plan.steps[time]].node.output}, where these are live at once:"
        f" {values}",
        hint="\n        ".join(gains) or "a network with smaller layers there",
    )


def _given(ram_bytes: int, limit_bytes: int) -> str:
    """Return what was given, in words."""
    stack = ram_bytes - limit_bytes
    less = f", {stack:,} of them for the stack" if stack else ""
    return f", and {ram_bytes:,} are given{less}"
