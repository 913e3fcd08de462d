"""Build an emitted folder, run it, compare it with the reference, and note what could not be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from codegen.errors import BadTarget, MissingTool
from codegen.ir.report import Check
from codegen.progress import Progress, silent
from codegen.targets import Target
from codegen.toolchain.hls import run_top
from codegen.verify.check import (
    Subject,
    TargetRun,
    check_host,
    check_target,
    check_top,
    run_on_host,
    run_on_target,
)
from codegen.verify.locate import Runner, locate

TARGET_INPUTS = 2
"""How many inputs an emulated target is given unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Study:
    """Checks made, the runs on targets, and notes on what was not possible."""

    checks: tuple[Check, ...] = ()
    runs: tuple[TargetRun, ...] = ()
    notes: tuple[str, ...] = ()


def study(
    subject: Subject,
    targets: Sequence[Target],
    *,
    target_inputs: int = TARGET_INPUTS,
    lenient: bool = False,
    progress: Progress = silent,
) -> Study:
    """Compare the reference with the host C, and with the C on each target that is not the host.

    The host gets all inputs, a target the first `target_inputs`, whose first one is measured. What
    is made for high-level synthesis runs on the host.
    `lenient`: note a missing compiler or emulator instead of raising.
    """
    checks: list[Check] = []
    runs: list[TargetRun] = []
    notes: list[str] = []
    places = [None, *(target for target in targets if not target.is_host)]
    for index, target in enumerate(places):
        name = "host" if target is None else target.name
        progress(f"building and running on {name}", index, len(places))
        try:
            if target is None:
                checks.append(_on_host(subject, progress))
            elif target.is_hls:
                checks.append(_located(check_top(subject), subject, run_top, progress))
            else:
                runs.append(_on_target(subject.first(target_inputs), target, progress))
                checks.append(runs[-1].check)
        except (MissingTool, BadTarget) as error:
            if not lenient:
                raise
            notes.append(f"{name} was not run: {error.problems[0].message}")
    return Study(tuple(checks), tuple(runs), tuple(notes))


def _on_host(subject: Subject, progress: Progress) -> Check:
    return _located(check_host(subject), subject, run_on_host, progress)


def _on_target(subject: Subject, target: Target, progress: Progress) -> TargetRun:
    run = check_target(subject, target)
    runner = partial(run_on_target, target=target)
    return replace(run, check=_located(run.check, subject, runner, progress))


def _located(check: Check, subject: Subject, run: Runner, progress: Progress) -> Check:
    """Return the check with the layer at fault, where it found a difference."""
    if check.difference is None:
        return check
    sample = subject.inputs.labels.index(check.difference.sample)
    inputs = subject.inputs.select(sample, sample + 1).arrays
    layer = locate(subject.graph, subject.families, inputs, run, progress)
    cause = f"the first layer that differs is {layer}" if layer else ""
    return replace(check, difference=replace(check.difference, cause=cause))
