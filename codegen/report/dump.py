"""Write what each stage made as text, a numbered file a stage, for reading and comparing."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from codegen.emit.folder import write_files
from codegen.errors import OutputNotWritable
from codegen.ir.graph import Graph
from codegen.ir.memory import Buffer, MemoryPlan
from codegen.ir.schedule import Schedule
from codegen.ir.text import print_graph


class Dump:
    """Numbers the files in the order of the stages; writes nothing where `folder` is None."""

    def __init__(self, folder: Path | None) -> None:
        """Make the folder; OutputNotWritable."""
        self._folder = folder
        self._count = 0
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise OutputNotWritable(
                    f"cannot make {folder}: {error.strerror}", hint="name another --dump-ir folder"
                ) from error

    def graph(self, stage: str, graph: Graph) -> Graph:
        """Write a graph and return it."""
        self._write(stage, print_graph(graph))
        return graph

    def schedule(self, schedule: Schedule) -> Schedule:
        """Write a schedule, a step a line, and return it."""
        self._write("schedule", "".join(_step_lines(schedule)))
        return schedule

    def plan(self, plan: MemoryPlan) -> MemoryPlan:
        """Write a memory plan, a buffer a line, and return it."""
        self._write("plan", "".join(_plan_lines(plan)))
        return plan

    def _write(self, stage: str, text: str) -> None:
        self._count += 1
        if self._folder is not None:
            name = f"{self._count}_{stage}.txt"
            write_files(self._folder, {name: text.rstrip("\n") + "\n"})


def _step_lines(schedule: Schedule) -> list[str]:
    return [
        f"{time}: {step.node.output} = {step.node.op.name}({', '.join(step.node.inputs)})"
        f" by {step.kernel.family}/{step.kernel.name}, scratch {step.scratch_bytes} bytes\n"
        for time, step in enumerate(schedule.steps)
    ]


def _plan_lines(plan: MemoryPlan) -> list[str]:
    proof = "optimal" if plan.is_optimal else "not proved optimal"
    head = f"{plan.size_bytes} bytes, lower bound {plan.lower_bound_bytes}, {proof}\n"
    return [head, *(_buffer_line(plan, buffer) for buffer in plan.buffers)]


def _buffer_line(plan: MemoryPlan, buffer: Buffer) -> str:
    start, events = plan.offsets[buffer.name], np.flatnonzero(buffer.live)
    runs = len(events) and len(plan.steps)
    when = f"steps {plan.steps[events[0]]} to {plan.steps[events[-1]]}" if runs else "never"
    return f"[{start}, {start + buffer.size_bytes}) {when}: {buffer.name}\n"
