"""Find where the files of an emitted folder are not what codegen emits for their graph."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from codegen.emit import Golden, emit, emit_headers
from codegen.emit.rtl.program import emit_rtl
from codegen.ir.graph import Graph
from codegen.ir.memory import RamGoal
from codegen.ir.program import Program
from codegen.ir.report import Report
from codegen.lower.spread import lower_into
from codegen.plan.solve import schedule_and_plan
from codegen.targets import choose_memories, load_target


def find_edit(
    folder: Path, reports: Sequence[Report], graphs: Sequence[Graph], families: tuple[str, ...]
) -> str:
    """Return the first line of C or Verilog that differs from what is emitted now; "" if none."""
    tests = {f"{report.interface.name}_test.h" for report in reports}
    files = emit_again(reports, graphs, families)
    return find_edit_of(folder, {file: files[file] for file in files if file not in tests})


def find_edit_of(folder: Path, files: Mapping[str, str | bytes]) -> str:
    """Return the first line of code that differs from what files of a folder hold; "" if none."""
    for file, expected in files.items():
        if isinstance(expected, bytes):
            if (folder / file).read_bytes() != expected:
                return f"{file} was changed"
            continue
        if not file.endswith((".c", ".h", ".v", ".hex")):
            continue
        lines = (folder / file).read_text(encoding="utf-8", errors="replace").splitlines()
        edited = first_difference(expected.splitlines(), lines)
        if edited is not None:
            return f"{file}, line {edited + 1}{_layer_at(lines[: edited + 1])}, was changed"
    return ""


def emit_again(
    reports: Sequence[Report], graphs: Sequence[Graph], families: tuple[str, ...]
) -> Mapping[str, str | bytes]:
    """Return what each file holds for the graphs; the golden values are no part of the C."""
    programs = lower_again(reports, graphs, families)
    if programs[0].engine is not None:
        return emit_rtl(programs[0])
    code = [report.kernels for report in reports]
    return emit(programs, [Golden((), ())] * len(programs)) | emit_headers(programs, code)


def lower_again(
    reports: Sequence[Report], graphs: Sequence[Graph], families: tuple[str, ...]
) -> list[Program]:
    """Return the programs of the graphs of a folder."""
    programs: list[Program] = []
    for report, graph in zip(reports, graphs, strict=True):
        goal = RamGoal(report.ram.arena_limit_bytes, report.ram.least)
        schedule, plan = schedule_and_plan(graph, families, report.interface.transfer, goal)
        chosen = {memory.name: memory.capacity_bytes for memory in report.memories}
        target = load_target(report.target)
        engine = target.engine
        if engine is not None and report.hardware is not None:
            engine = replace(engine, ring=report.hardware.ring)
        placed = lower_into(
            choose_memories(target, chosen),
            schedule,
            plan,
            report.interface.name,
            target=report.target,
            model=report.model,
            digest=report.model_digest,
            library=report.interface.library,
            beside=tuple(programs),
            engine=engine,
        )
        programs.append(placed.program)
    return programs


def first_difference(expected: list[str], found: list[str]) -> int | None:
    """Return the index of the first line that differs, None if none does.

    >>> first_difference(["a", "b"], ["a", "c"]), first_difference(["a"], ["a"])
    (1, None)
    """
    for index, (first, second) in enumerate(zip(expected, found, strict=False)):
        if first != second:
            return index
    return None if len(expected) == len(found) else min(len(expected), len(found))


def _layer_at(lines: list[str]) -> str:
    """Return the layer that was named last, in words."""
    named = [match for line in lines for match in re.findall(r"(?:\w+_)?layer_\d+", line)]
    return f" (of {named[-1]})" if named else ""
