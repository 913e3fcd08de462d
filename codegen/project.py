"""Projects: emit a folder with its report, verify one, read one back; export a QDQ model."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from codegen.emit import emit_headers
from codegen.emit.folder import REPORT_FILE, output_file, output_folder, write_files
from codegen.errors import BadOption, DoesNotFit
from codegen.export import qdq_model
from codegen.ir.certificate import Certificate
from codegen.ir.engine import Shape
from codegen.ir.interface import Interface
from codegen.ir.memory import RamGoal
from codegen.ir.report import BundleReport, Check, Report
from codegen.ir.text import load_graph
from codegen.lower.rtl import link
from codegen.options import Options
from codegen.pipeline import (
    GRAPH_SUFFIX,
    Compiled,
    Network,
    compile_bundle,
    compile_model,
    quantize_model,
    respend,
)
from codegen.progress import Progress, silent
from codegen.quantize import Samples, graph_inputs, synthetic_samples
from codegen.quantize.layerwise import LayerDifference
from codegen.report import (
    Measured,
    bundle_to_json,
    hardware_measures,
    html_file,
    load_report,
    make_bundle,
    make_report,
    read_measures,
    report_to_html,
)
from codegen.requests import check_requests
from codegen.targets import Target, load_target
from codegen.verify import (
    SharedStudy,
    Study,
    Subject,
    check_commands,
    check_exported,
    check_hardware,
    check_plan,
    check_written,
    find_edit,
    load_plan,
    lower_again,
    make_inputs,
    measure_agreement,
    plan_file,
    raise_if_different,
    run_reference,
    study,
    study_turns,
)

EMIT_INPUTS = 4
"""Inputs on which the C is proved on the host while it is emitted."""
RAM_ROUNDS = 4
"""How often an arena is planned again because the stack took more than was left."""
FLASH_ROUNDS = 6
"""How often forms of weights are chosen again because code took more, or less, than was left."""
EXPORT_SAMPLES = 2
"""Samples on which layers of an exported model are compared with onnxruntime."""
AGREEMENT_MACS = 1_000_000_000
"""About how much work comparing with the float network may take; two samples at least."""


def emit_project(
    options: Options,
    path: Path,
    *,
    force: bool = False,
    measure: bool = True,
    progress: Progress = silent,
) -> Report:
    """Compile a model into the folder `path`, as `emit_bundle` does, and return its report."""
    bundle = emit_bundle(
        options.identifier, (options,), path, force=force, measure=measure, progress=progress
    )
    return bundle.networks[0]


def emit_bundle(
    name: str,
    networks: Sequence[Options],
    path: Path,
    *,
    force: bool = False,
    measure: bool = True,
    progress: Progress = silent,
) -> BundleReport:
    """Compile models for one target into the folder `path`, all or nothing; return the report.

    They become a library of that name, to be run in turn in one arena. `measure`: build and run
    the C on host and target first; VerificationFailed where it is wrong.
    """
    with output_folder(path, force=force) as folder:
        compiled, bundle = compile_within_limits(
            name, networks, folder, measure=measure, progress=progress
        )
        raise_if_different(bundle.all_checks)
        pages = {
            html_file(report.interface): report_to_html(
                report, made.certificate, made.network.target
            )
            for report, made in zip(bundle.networks, compiled, strict=True)
        }
        headers: dict[str, str] = {}
        if compiled[0].program.engine is None:
            programs = [made.program for made in compiled]
            headers = emit_headers(programs, [report.kernels for report in bundle.networks])
        write_files(folder, {REPORT_FILE: bundle_to_json(bundle), **pages, **headers})
    return bundle


def export_model(
    options: Options, path: Path, *, force: bool = False, progress: Progress = silent
) -> tuple[Network, tuple[LayerDifference, ...]]:
    """Quantize a model and write it as ONNX in QDQ form, all or nothing.

    Returns what was written, and how far onnxruntime is from each layer fed equal inputs. Raises
    VerificationFailed where the file would read back as another network.
    """
    with output_file(path, force=force) as file:
        network = quantize_model(replace(options, shrink=False), progress)
        model = qdq_model(network.graph)
        first = tuple(array[:EXPORT_SAMPLES] for array in network.samples.arrays)
        samples = Samples(first, network.samples.source)
        layers = check_exported(model, network.graph, samples)
        write_files(file.parent, {file.name: model.SerializeToString(deterministic=True)})
    return network, layers


def compile_within_limits(
    name: str,
    networks: Sequence[Options],
    folder: Path,
    *,
    measure: bool = True,
    progress: Progress = silent,
) -> tuple[tuple[Compiled, ...], BundleReport]:
    """Compile into `folder` so that RAM and flash are no more than what is given; DoesNotFit."""
    check_requests(networks)
    quantized = [quantize_model(options, progress) for options in networks]
    limit = networks[0].flash_bytes
    if limit is None:
        return compile_within_ram(name, quantized, folder, measure=measure, progress=progress)
    return compile_within_flash(
        name, quantized[0], limit, folder, measure=measure, progress=progress
    )


def compile_within_flash(
    name: str,
    network: Network,
    limit: int,
    folder: Path,
    *,
    measure: bool = True,
    progress: Progress = silent,
) -> tuple[tuple[Compiled, ...], BundleReport]:
    """Compile a network of chosen weights so that its flash is no more than `limit`; DoesNotFit.

    What the code takes is known once the C is built; then weights are given what is left. Where
    nothing is measured, they rest on an estimate, and a note says so.
    """
    excess = 0
    fitting: tuple[tuple[Compiled, ...], BundleReport] | None = None
    for _ in range(FLASH_ROUNDS):
        compiled, bundle = compile_within_ram(
            name, (network,), folder, measure=measure, progress=progress
        )
        flash = bundle.networks[0].totals.flash_bytes
        if flash is None:
            return compiled, _with_note(bundle, "--flash: code was not measured, but estimated")
        if flash <= limit and (
            fitting is None or chosen_noise(compiled) < chosen_noise(fitting[0])
        ):
            fitting = compiled, bundle
        excess = flash - limit
        try:
            changed = respend(network, -excess)
        except DoesNotFit:
            if fitting is None:
                raise
            break
        if changed is None:
            break
        network = changed
    if fitting is not None:
        write_files(folder, fitting[0][0].files)
        return fitting
    raise DoesNotFit(
        f"code and constants take {excess:,} bytes of flash more than the {limit:,} given",
        hint="give a little more with --flash",
    )


def chosen_noise(compiled: Sequence[Compiled]) -> float:
    """Return the noise of the outputs in the forms of weights that were chosen."""
    weights = compiled[0].network.weights
    assert weights is not None, "the forms of its weights were not chosen"
    return weights.plan.noise


def compile_within_ram(
    name: str,
    networks: Sequence[Network],
    folder: Path,
    *,
    measure: bool = True,
    progress: Progress = silent,
) -> tuple[tuple[Compiled, ...], BundleReport]:
    """Compile into `folder` so that arena and measured stack fit what is given; DoesNotFit.

    What the stack takes is known once the C is built; then the arena is planned again for what is
    left. Networks that share an arena have the greatest stack of all beside it. Where nothing is
    measured, the arena alone has to fit, and a note says so.
    """
    options = networks[0].options
    limit = options.ram_bytes
    goal = RamGoal(limit, options.least_ram)
    for _ in range(RAM_ROUNDS):
        compiled = compile_bundle(name, networks, goal)
        write_files(folder, compiled[0].files)
        bundle = examine(compiled, folder if measure else None, progress)
        arena, stack = bundle.totals.arena_bytes, greatest_stack(bundle)
        if limit is None:
            return compiled, bundle
        if stack is None:
            return compiled, _with_note(
                bundle, "--ram: the stack was not measured, so the limit holds for the arena alone"
            )
        if arena + stack <= limit:
            return compiled, bundle
        goal = replace(goal, limit_bytes=max(0, limit - stack))
    raise DoesNotFit(
        f"arena and stack take {arena:,} and {stack:,} bytes of RAM, more than the {limit:,} given,"
        " and each smaller arena took more stack",
        hint="give a little more with --ram",
    )


def greatest_stack(bundle: BundleReport) -> int | None:
    """Return the deepest stack of any network; None where one was not measured."""
    stacks = [report.totals.stack_bytes for report in bundle.networks]
    found = [stack for stack in stacks if stack is not None]
    return max(found) if len(found) == len(stacks) else None


def _with_note(bundle: BundleReport, note: str) -> BundleReport:
    """Return the report with a note to each network."""
    noted = (replace(report, notes=(*report.notes, note)) for report in bundle.networks)
    return replace(bundle, networks=tuple(noted))


def examine(
    networks: Sequence[Compiled], folder: Path | None, progress: Progress = silent
) -> BundleReport:
    """Return the report of networks whose files are in `folder`, after all that can be compared.

    Without a folder nothing is built or run.
    """
    target, library = networks[0].network.target, networks[0].program.interface.stem
    if folder is None:
        reports = [describe(compiled) for compiled in networks]
        return make_bundle(library, reports, target, (), SharedStudy())
    subjects = [make_subject(compiled, folder, EMIT_INPUTS, progress) for compiled in networks]
    if target.engine is not None:
        check = check_commands(subjects[0], link(networks[0].program))
        reports = [describe(networks[0], Study((check,)), progress)]
        return make_bundle(library, reports, target, (), SharedStudy())
    found = [study(s, [target], lenient=True, progress=progress) for s in subjects]
    reports = [describe(*pair, progress) for pair in zip(networks, found, strict=True)]
    shared = study_turns(subjects, [target], lenient=True, progress=progress)
    return make_bundle(library, reports, target, [run for f in found for run in f.runs], shared)


def make_subject(
    compiled: Compiled, folder: Path, count: int, progress: Progress = silent
) -> Subject:
    """Return a network whose files are in `folder` with `count` inputs to compare."""
    arrays = graph_inputs(compiled.network.graph, compiled.network.samples)
    inputs = make_inputs(compiled.network.graph, arrays, count, compiled.network.options.seed)
    return Subject(
        folder,
        compiled.program.interface,
        compiled.network.graph,
        compiled.network.target.kernels,
        inputs,
        run_reference(compiled.network.graph, inputs, progress),
    )


def describe(compiled: Compiled, found: Study | None = None, progress: Progress = silent) -> Report:
    """Return the report of a compiled model with what a study found, if there was one."""
    schedule, options = compiled.schedule, compiled.network.options
    measured = Measured()
    if found and found.runs:
        measured = read_measures(found.runs[0], compiled.program)
    elif compiled.hardware is not None:
        measured = hardware_measures(compiled.hardware, compiled.layer_cycles)
    agreement = (
        measure_agreement(
            compiled.network.model,
            compiled.network.graph,
            compiled.network.samples,
            max(2, AGREEMENT_MACS // max(1, compiled.program.macs)),
            progress,
        )
        if found
        else None
    )
    report = make_report(
        options,
        compiled.network.digest,
        compiled.network.target,
        schedule,
        compiled.plan,
        compiled.goal,
        compiled.program,
        compiled.network.calibration,
        compiled.network.savings,
        measured,
        agreement,
        found.checks if found else (),
        found.notes if found else ("nothing was built or run: --no-measure",),
        compiled.costs,
    )
    weights = compiled.network.weights
    found_trade = weights.trade if weights else None
    return replace(
        report,
        trade=found_trade,
        compression=compiled.network.compression,
        hardware=compiled.hardware,
    )


def read_project(path: Path) -> BundleReport:
    """Return the report of a folder that `emit_bundle` wrote; UnreadableFile if it is none."""
    return load_report(path / REPORT_FILE)


def read_plans(path: Path) -> tuple[Certificate, ...]:
    """Return the memory plan of each network of an emitted folder; as `read_plan`."""
    return tuple(read_plan(path, report.interface) for report in read_project(path).networks)


def read_plan(path: Path, interface: Interface) -> Certificate:
    """Return the memory plan of a network of an emitted folder.

    Raises UnreadableFile, and VerificationFailed where it is wrong.
    """
    file = plan_file(interface)
    certificate = load_plan(path / file)
    check_plan(certificate, f"{file} was changed: emit the network again")
    return certificate


def report_model(options: Options, progress: Progress = silent) -> BundleReport:
    """Return the report of a model, compiled and measured without leaving files."""
    with tempfile.TemporaryDirectory() as scratch:
        _, bundle = compile_within_limits(
            options.identifier, (options,), Path(scratch), progress=progress
        )
        return bundle


def verify_project(
    path: Path,
    targets: Sequence[str] = (),
    *,
    count: int,
    seed: int = 0,
    progress: Progress = silent,
) -> tuple[Check, ...]:
    """Compare the files of an emitted folder, as they are now, with the reference.

    On the host, with `count` inputs, and on `targets`: by default on the one it was emitted for.
    First the memory plans are checked, by themselves and against the C; VerificationFailed.
    """
    bundle = read_project(path)
    if load_target(bundle.networks[0].target).engine is not None:
        return _verify_hardware(path, bundle.networks[0], targets, count, seed, progress)
    for report in bundle.networks:
        check_written(path, report.interface, read_plan(path, report.interface))
    emitted_for = load_target(bundle.networks[0].target)
    families = emitted_for.kernels
    subjects = [
        read_subject(path, report.interface, families, count, seed, progress)
        for report in bundle.networks
    ]
    places = [load_target(name) for name in targets] or [emitted_for]
    reports = [
        replace(report, checks=study(subject, places, progress=progress).checks)
        for report, subject in zip(bundle.networks, subjects, strict=True)
    ]
    shared = study_turns(subjects, places, progress=progress)
    checks = replace(bundle, networks=tuple(reports), checks=shared.checks).all_checks
    if all(check.equal for check in checks):
        return checks
    edit = find_edit(path, reports, [subject.graph for subject in subjects], families)
    return tuple(with_cause(check, edit) for check in checks)


def _verify_hardware(
    path: Path,
    report: Report,
    targets: Sequence[str],
    count: int,
    seed: int,
    progress: Progress,
) -> tuple[Check, ...]:
    """Compare the Verilog of a folder, simulated, with the reference."""
    check_held_target(report.target, targets)
    read_plan(path, report.interface)
    families = load_target(report.target).kernels
    subject = read_subject(path, report.interface, families, count, seed, progress)
    (program,) = lower_again((report,), (subject.graph,), families)
    progress("simulating", 0, 1)
    checks = check_hardware(subject, program, seed=seed)
    if all(check.equal for check in checks):
        return checks
    edit = find_edit(path, (report,), (subject.graph,), families)
    return tuple(with_cause(check, edit) for check in checks)


def read_subject(
    path: Path,
    interface: Interface,
    families: tuple[str, ...],
    count: int,
    seed: int,
    progress: Progress = silent,
) -> Subject:
    """Return a network of an emitted folder with `count` inputs to compare; UnreadableFile."""
    graph = load_graph(path / f"{interface.name}{GRAPH_SUFFIX}")
    samples = graph_inputs(graph, synthetic_samples(graph, count, seed))
    inputs = make_inputs(graph, samples, count, seed)
    expected = run_reference(graph, inputs, progress)
    return Subject(path, interface, graph, families, inputs, expected)


def check_held_target(held: str, targets: Sequence[str]) -> None:
    """Raise BadOption where a folder holds Verilog for another target than one asked for."""
    if any(name != held for name in targets):
        raise BadOption(
            f"--target: the folder holds Verilog for '{held}'",
            hint="give the model instead, to verify it on other targets",
        )


def with_cause(check: Check, cause: str) -> Check:
    """Return the check with the cause of its difference, unless one is known."""
    if check.difference is None or check.difference.cause:
        return check
    return replace(check, difference=replace(check.difference, cause=cause))


def verify_model(
    options: Options,
    targets: Sequence[str],
    *,
    count: int,
    progress: Progress = silent,
) -> tuple[Check, ...]:
    """Compile a model for `targets` and compare all that is emitted with the reference.

    Targets with the same kernels share what is emitted; each kind of it runs on the host too.
    """
    kinds: dict[tuple[tuple[str, ...], Shape | None], list[Target]] = {}
    for name in targets:
        target = load_target(name)
        kinds.setdefault((target.kernels, target.engine), []).append(target)
    checks: list[Check] = []
    for places in kinds.values():
        compiled = compile_model(replace(options, target=str(places[0].name)), progress)
        with tempfile.TemporaryDirectory() as scratch:
            write_files(Path(scratch), compiled.files)
            subject = make_subject(compiled, Path(scratch), count, progress)
            if places[0].engine is not None:
                checks += check_hardware(subject, compiled.program)
                continue
            checks += study(subject, places, progress=progress).checks
    return tuple(checks)
