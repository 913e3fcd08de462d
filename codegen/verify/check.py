"""Run an emitted folder on the host or an emulated target, and compare every output byte."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from codegen.errors import Problem, VerificationFailed
from codegen.ir.graph import Graph
from codegen.ir.interface import Interface
from codegen.ir.report import Check, Difference
from codegen.ir.types import Array
from codegen.targets import Target
from codegen.toolchain.cross import CrossCompiler, build_target
from codegen.toolchain.elf import ElfFacts, read_facts
from codegen.toolchain.emulate import EmulatedRun, emulate
from codegen.toolchain.hls import run_testbench, run_top
from codegen.toolchain.host import build_host, run_host
from codegen.verify.inputs import Inputs

HARDWARE_FAMILY = "rtl"
TOP_FUNCTION = "top function"
"""The place of a check that ran on this machine what is made for high-level synthesis."""
HOST_FAMILY = "host"
"""Its kernels are loops that a compiler turns into vectors, if it is let."""


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A network of an emitted folder, what it was made from, and inputs with their outputs.

    `families` are the kernel families it was emitted with, the preferred first.
    """

    folder: Path
    interface: Interface
    graph: Graph
    families: tuple[str, ...]
    inputs: Inputs
    expected: tuple[Array, ...]

    def first(self, count: int) -> Subject:
        """Return this with the first `count` inputs, or all there are."""
        return self.select(0, count)

    def select(self, start: int, stop: int) -> Subject:
        """Return this with the inputs from `start` to before `stop`."""
        expected = tuple(array[start:stop] for array in self.expected)
        return replace(self, inputs=self.inputs.select(start, stop), expected=expected)


@dataclass(frozen=True, slots=True)
class TargetRun:
    """The comparison on a target, and what building and running told besides."""

    check: Check
    facts: ElfFacts
    run: EmulatedRun


def check_host(subject: Subject) -> Check:
    """Build an emitted folder for this machine and compare; MissingTool, ToolFailed."""
    with tempfile.TemporaryDirectory() as scratch:
        fast = HOST_FAMILY in subject.families
        build = build_host(subject.folder, subject.interface, Path(scratch), fast=fast)
        found = run_host(build, subject.inputs.arrays)
    return compare("host", subject, found)


def check_target(subject: Subject, target: Target, compiler: CrossCompiler = "zig") -> TargetRun:
    """Build an emitted folder for a target, emulate it and compare; MissingTool, ToolFailed.

    Instructions of the first input are counted where the target has a cost table.
    """
    with tempfile.TemporaryDirectory() as scratch:
        build = build_target(subject.folder, subject.interface, target, Path(scratch), compiler)
        run = emulate(build, subject.inputs.arrays, count=target.cycles is not None)
        facts = read_facts(build)
    return TargetRun(compare(target.name, subject, run.outputs), facts, run)


def check_top(subject: Subject) -> Check:
    """Run the testbench and the top function of an emitted folder on this machine, and compare.

    Raises VerificationFailed where the testbench objects; BadTarget, MissingTool, ToolFailed.
    """
    found = run_top(subject.folder, subject.interface, subject.inputs.arrays)
    check = compare(TOP_FUNCTION, subject, found)
    if check.difference is None:
        run_testbench(subject.folder, subject.interface)
    return check


def run_on_host(folder: Path, interface: Interface, inputs: Sequence[Array]) -> tuple[Array, ...]:
    """Build an emitted folder for this machine, without leaving files, and run it."""
    with tempfile.TemporaryDirectory() as scratch:
        return run_host(build_host(folder, interface, Path(scratch)), inputs)


def run_on_target(
    folder: Path, interface: Interface, inputs: Sequence[Array], target: Target
) -> tuple[Array, ...]:
    """Build an emitted folder for a target, without leaving files, and emulate it."""
    with tempfile.TemporaryDirectory() as scratch:
        return emulate(build_target(folder, interface, target, Path(scratch)), inputs).outputs


def compare(place: str, subject: Subject, found: Sequence[Array]) -> Check:
    """Return the check of the outputs found at a place, with the first difference."""
    inputs, kernels = subject.inputs, subject.families[0]
    compared = sum(array.nbytes for array in subject.expected)
    for sample, label in enumerate(inputs.labels):
        for port, right, given in zip(
            subject.interface.outputs, subject.expected, found, strict=True
        ):
            differing = np.flatnonzero(right[sample].ravel() != given[sample].ravel())
            if len(differing):
                index = int(differing[0])
                values = int(right[sample].flat[index]), int(given[sample].flat[index])
                difference = Difference(label, port.tensor, index, *values)
                return Check(place, kernels, len(inputs), compared, difference)
    return Check(place, kernels, len(inputs), compared)


def _what(check: Check) -> str:
    """Return what was compared."""
    return "program" if check.kernels == HARDWARE_FAMILY else "C"


def _of(check: Check) -> str:
    """Return whose C was compared, where there are several."""
    return f" of {', '.join(check.networks)}" if check.networks else ""


def raise_if_different(checks: Sequence[Check]) -> None:
    """Raise VerificationFailed with the first difference on every place that has one."""
    problems = [
        Problem(
            f"the {_what(check)}{_of(check)} on {check.place} differs from the reference",
            str(check.difference),
        )
        for check in checks
        if check.difference is not None
    ]
    if problems:
        raise VerificationFailed.collect(problems)
