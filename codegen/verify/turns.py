"""Networks of one library in turn in one arena: what one leaves in it means nothing to the next."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from codegen.errors import BadTarget, MissingTool
from codegen.ir.interface import Interface, shared_arena
from codegen.ir.report import Check
from codegen.ir.types import Array
from codegen.progress import Progress, silent
from codegen.targets import Target
from codegen.toolchain.cross import build_target
from codegen.toolchain.elf import ElfFacts, read_facts
from codegen.toolchain.emulate import emulate
from codegen.toolchain.host import build_host, run_host
from codegen.toolchain.ports import guard
from codegen.verify.check import Subject, compare

Runner = Callable[[Interface, Sequence[Array], Array], tuple[Array, ...]]
"""Runs a network of the library on inputs (N, *shape), in an arena that keeps what it holds."""


@dataclass(frozen=True, slots=True)
class SharedStudy:
    """Checks in one arena on each place, the image of all networks on each target, and notes."""

    checks: tuple[Check, ...] = ()
    facts: tuple[ElfFacts, ...] = ()
    notes: tuple[str, ...] = ()


def study_turns(
    subjects: Sequence[Subject],
    targets: Sequence[Target],
    *,
    lenient: bool = False,
    progress: Progress = silent,
) -> SharedStudy:
    """Run the networks of a library in turn on the host and on each target that is not the host.

    A single network has no turns. `lenient`: note a missing tool instead of raising.
    """
    checks: list[Check] = []
    facts: list[ElfFacts] = []
    notes: list[str] = []
    places = [None, *(target for target in targets if not target.is_host)]
    for index, target in enumerate(places if len(subjects) > 1 else ()):
        name = "host" if target is None else target.name
        progress(f"running in turn on {name}", index, len(places))
        try:
            if target is None:
                checks.append(check_host_turns(subjects))
            else:
                check, image = check_target_turns(subjects, target)
                checks.append(check)
                facts.append(image)
        except (MissingTool, BadTarget) as error:
            if not lenient:
                raise
            notes.append(f"{name} was not run: {error.problems[0].message}")
    return SharedStudy(tuple(checks), tuple(facts), tuple(notes))


def check_host_turns(subjects: Sequence[Subject]) -> Check:
    """Build the library for this machine and compare; MissingTool, ToolFailed."""
    first = subjects[0]
    with tempfile.TemporaryDirectory() as scratch:
        build = build_host(first.folder, first.interface, Path(scratch))

        def run(interface: Interface, inputs: Sequence[Array], arena: Array) -> tuple[Array, ...]:
            return run_host(replace(build, interface=interface), inputs, arena)

        return compare_turns("host", subjects, run)


def check_target_turns(subjects: Sequence[Subject], target: Target) -> tuple[Check, ElfFacts]:
    """Build one image of all networks, emulate it and compare; MissingTool, ToolFailed."""
    first, *rest = (subject.interface for subject in subjects)
    with tempfile.TemporaryDirectory() as scratch:
        build = build_target(subjects[0].folder, first, target, Path(scratch), beside=rest)

        def run(interface: Interface, inputs: Sequence[Array], arena: Array) -> tuple[Array, ...]:
            return emulate(replace(build, interface=interface), inputs, arena=arena).outputs

        return compare_turns(target.name, subjects, run), read_facts(build)


def compare_turns(place: str, subjects: Sequence[Subject], run: Runner) -> Check:
    """Run each network once in order and back to the first, each turn on another input.

    So each runs after each of its neighbors: a, b, a. Ends at the first difference.
    """
    order = (*subjects, *subjects[-2::-1])
    names = tuple(subject.interface.name for subject in order)
    arena = guard(shared_arena([subject.interface for subject in subjects])[0])
    compared = 0
    for turn, subject in enumerate(order):
        index = turn % len(subject.inputs)
        chosen = subject.select(index, index + 1)
        check = compare(place, chosen, run(subject.interface, chosen.inputs.arrays, arena))
        compared += check.compared_bytes
        if check.difference is not None:
            after = f" after {names[turn - 1]}" if turn else ""
            sample = f"{check.difference.sample} of {names[turn]}{after}"
            difference = replace(check.difference, sample=sample)
            return Check(place, check.kernels, turn + 1, compared, difference, names)
    return Check(place, subjects[0].families[0], len(order), compared, None, names)
