"""Projects: emit a folder with its report, verify one, read one back."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from codegen.emit.folder import REPORT_FILE, output_folder, write_files
from codegen.errors import DoesNotFit, Problem, VerificationFailed
from codegen.ir.certificate import Certificate
from codegen.ir.memory import RamGoal
from codegen.ir.report import Check, Report
from codegen.ir.text import load_graph
from codegen.options import Options
from codegen.pipeline import (
    GRAPH_SUFFIX,
    Compiled,
    compile_model,
    compile_network,
    quantize_model,
)
from codegen.progress import Progress, silent
from codegen.quantize import graph_inputs, synthetic_samples
from codegen.report import (
    HTML_FILE,
    Measured,
    load_report,
    make_report,
    read_measures,
    report_to_html,
    report_to_json,
)
from codegen.targets import Target, load_target
from codegen.verify import (
    PLAN_FILE,
    Study,
    Subject,
    check_plan,
    check_written,
    find_edit,
    load_plan,
    make_inputs,
    measure_agreement,
    run_reference,
    study,
)

EMIT_INPUTS = 4
"""Inputs on which the C is proved on the host while it is emitted."""
RAM_ROUNDS = 4
"""How often an arena is planned again because the stack took more than was left."""
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
    """Compile a model into the folder `path`, all or nothing, and return its report.

    `measure`: build and run the C on host and target first; VerificationFailed where it is wrong.
    """
    with output_folder(path, force=force) as folder:
        compiled, report = compile_within_ram(options, folder, measure=measure, progress=progress)
        raise_if_different(report.checks)
        page = report_to_html(report, compiled.certificate, compiled.network.target)
        write_files(folder, {REPORT_FILE: report_to_json(report), HTML_FILE: page})
    return report


def compile_within_ram(
    options: Options, folder: Path, *, measure: bool = True, progress: Progress = silent
) -> tuple[Compiled, Report]:
    """Compile into `folder` so that arena and measured stack fit what is given; DoesNotFit.

    What the stack takes is known once the C is built; then the arena is planned again for what is
    left. Where nothing is measured, the arena alone has to fit, and a note says so.
    """
    network = quantize_model(options, progress)
    goal = RamGoal(options.ram_bytes, options.least_ram)
    for _ in range(RAM_ROUNDS):
        compiled = compile_network(network, goal)
        write_files(folder, compiled.files)
        report = examine(compiled, folder, progress) if measure else describe(compiled)
        stack = report.totals.stack_bytes
        if options.ram_bytes is None:
            return compiled, report
        if stack is None:
            note = "--ram: the stack was not measured, so the limit holds for the arena alone"
            return compiled, replace(report, notes=(*report.notes, note))
        if report.totals.arena_bytes + stack <= options.ram_bytes:
            return compiled, report
        goal = replace(goal, limit_bytes=max(0, options.ram_bytes - stack))
    raise DoesNotFit(
        f"arena and stack take {report.totals.arena_bytes:,} and {stack:,} bytes of RAM, more than"
        f" the {options.ram_bytes:,} given, and each smaller arena took more stack",
        hint="give a little more with --ram",
    )


def examine(compiled: Compiled, folder: Path, progress: Progress = silent) -> Report:
    """Return the report of files in `folder`, built, run and compared with the reference."""
    arrays = graph_inputs(compiled.network.graph, compiled.network.samples)
    inputs = make_inputs(compiled.network.graph, arrays, EMIT_INPUTS, compiled.network.options.seed)
    subject = Subject(
        folder,
        compiled.program.interface,
        compiled.network.graph,
        compiled.network.target.kernels,
        inputs,
        run_reference(compiled.network.graph, inputs, progress),
    )
    found = study(subject, [compiled.network.target], lenient=True, progress=progress)
    return describe(compiled, found, progress)


def describe(compiled: Compiled, found: Study | None = None, progress: Progress = silent) -> Report:
    """Return the report of a compiled model with what a study found, if there was one."""
    schedule, options = compiled.schedule, compiled.network.options
    measured = read_measures(found.runs[0], schedule) if found and found.runs else Measured()
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
    return make_report(
        options,
        compiled.network.digest,
        compiled.network.target,
        schedule,
        compiled.plan,
        compiled.goal,
        compiled.program.interface,
        compiled.network.calibration,
        measured,
        agreement,
        found.checks if found else (),
        found.notes if found else ("nothing was built or run: --no-measure",),
        compiled.costs,
    )


def read_project(path: Path) -> Report:
    """Return the report of a folder that `emit_project` wrote; UnreadableFile if it is none."""
    return load_report(path / REPORT_FILE)


def read_plan(path: Path) -> Certificate:
    """Return the memory plan of an emitted folder; VerificationFailed where it is wrong."""
    certificate = load_plan(path / PLAN_FILE)
    check_plan(certificate, "plan.json was changed: emit the network again")
    return certificate


def report_model(options: Options, progress: Progress = silent) -> Report:
    """Return the report of a model, compiled and measured without leaving files."""
    with tempfile.TemporaryDirectory() as scratch:
        _, report = compile_within_ram(options, Path(scratch), progress=progress)
        return report


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
    First the memory plan is checked, by itself and against the C; VerificationFailed.
    """
    report, certificate = read_project(path), read_plan(path)
    check_written(path, report.interface, certificate)
    emitted_for = load_target(report.target)
    graph = load_graph(path / f"{report.interface.name}{GRAPH_SUFFIX}")
    samples = graph_inputs(graph, synthetic_samples(graph, count, seed))
    inputs = make_inputs(graph, samples, count, seed)
    subject = Subject(
        path,
        report.interface,
        graph,
        emitted_for.kernels,
        inputs,
        run_reference(graph, inputs, progress),
    )
    places = [load_target(name) for name in targets] or [emitted_for]
    checks = study(subject, places, progress=progress).checks
    if all(check.equal for check in checks):
        return checks
    edit = find_edit(path, report, graph, emitted_for.kernels)
    return tuple(_with_cause(check, edit) for check in checks)


def _with_cause(check: Check, cause: str) -> Check:
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
    kinds: dict[tuple[str, ...], list[Target]] = {}
    for name in targets:
        target = load_target(name)
        kinds.setdefault(target.kernels, []).append(target)
    checks: list[Check] = []
    for families, places in kinds.items():
        compiled = compile_model(replace(options, target=str(places[0].name)), progress)
        arrays = graph_inputs(compiled.network.graph, compiled.network.samples)
        inputs = make_inputs(compiled.network.graph, arrays, count, options.seed)
        expected = run_reference(compiled.network.graph, inputs, progress)
        with tempfile.TemporaryDirectory() as scratch:
            write_files(Path(scratch), compiled.files)
            interface = compiled.program.interface
            subject = Subject(
                Path(scratch), interface, compiled.network.graph, families, inputs, expected
            )
            checks += study(subject, places, progress=progress).checks
    return tuple(checks)


def raise_if_different(checks: Sequence[Check]) -> None:
    """Raise VerificationFailed with the first difference on every place that has one."""
    problems = [
        Problem(f"the C on {check.place} differs from the reference", str(check.difference))
        for check in checks
        if check.difference is not None
    ]
    if problems:
        raise VerificationFailed.collect(problems)
