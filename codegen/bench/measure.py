"""Build and run networks on emulated targets, and count."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from codegen.bench.run import LayerRun, Run, count_classes, count_mnemonics
from codegen.errors import BadTarget
from codegen.ir.report import LayerReport, Report
from codegen.options import Options
from codegen.progress import Progress, silent
from codegen.project import (
    compile_within_limits,
    make_subject,
    read_project,
    read_subject,
)
from codegen.targets import Target, load_target
from codegen.toolchain import CrossCompiler, LayerCost
from codegen.verify import Subject, check_target, raise_if_different

INPUTS = 1
"""Counts do not depend on data but for a few saturating branches: one input tells them."""


def measure_model(
    options: Options,
    targets: Sequence[str],
    compiler: CrossCompiler,
    progress: Progress = silent,
) -> tuple[Run, ...]:
    """Return a run on each target of a model, compiled for it; any CodegenError of a stage.

    VerificationFailed where the C gives other bytes than the reference: its cost says nothing.
    """
    runs = []
    for name in targets:
        _check(load_target(name))
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            aimed = replace(options, target=name)
            (compiled,), bundle = compile_within_limits(
                options.identifier, (aimed,), folder, measure=False, progress=progress
            )
            subject = make_subject(compiled, folder, INPUTS, progress)
            target = compiled.network.target
            runs.append(_measure(subject, bundle.networks[0], target, compiler))
    return tuple(runs)


def measure_project(
    path: Path,
    targets: Sequence[str],
    compiler: CrossCompiler,
    progress: Progress = silent,
) -> tuple[Run, ...]:
    """Return a run of each network of an emitted folder, as its files are now, on each target.

    Without targets, on the one that it was emitted for. As `measure_model`.
    """
    reports = read_project(path).networks
    families = load_target(reports[0].target).kernels
    places = [load_target(name) for name in targets or (reports[0].target,)]
    for target in places:
        _check(target)
    runs = []
    for report in reports:
        subject = read_subject(path, report.interface, families, INPUTS, 0, progress)
        for index, target in enumerate(places):
            progress(f"building and running on {target.name}", index, len(places))
            runs.append(_measure(subject, report, target, compiler))
    return tuple(runs)


def _check(target: Target) -> None:
    if target.cycles is None or not target.is_emulated:
        raise BadTarget(
            f"target '{target.name}' is not emulated and counted",
            hint="it lacks [emulator] or [cycles]; see codegen targets",
        )


def _measure(subject: Subject, report: Report, target: Target, compiler: CrossCompiler) -> Run:
    found = check_target(subject, target, compiler)
    raise_if_different((found.check,))
    cost = found.run.cost
    assert cost is not None, "a target with a cost table"
    layers = cost.layers if len(cost.layers) == len(report.layers) else ()
    return Run(
        network=report.interface.name,
        model=report.model,
        target=target.name,
        compiler=compiler,
        clock_hz=target.clock_hz,
        macs=report.totals.macs,
        instructions=cost.instructions,
        cycles=cost.cycles,
        arena_bytes=report.interface.arena_bytes,
        stack_bytes=found.run.stack_bytes,
        flash_bytes=found.facts.flash_bytes,
        classes=count_classes(cost.opcodes),
        opcodes=count_mnemonics(cost.opcodes),
        layers=tuple(_layer(*pair) for pair in zip(report.layers, layers, strict=False)),
    )


def _layer(report: LayerReport, cost: LayerCost) -> LayerRun:
    return LayerRun(
        name=report.name,
        kernel=report.kernel,
        family=report.family,
        macs=report.macs,
        instructions=cost.instructions,
        cycles=cost.cycles,
        classes=count_classes(cost.opcodes),
        opcodes=count_mnemonics(cost.opcodes),
        loop=cost.loop,
    )
