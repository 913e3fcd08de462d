"""Accesses: how many bytes each layer reads and writes of each buffer and each constant.

A model, not a measurement. It follows the schedule call by call: the rows of a window that lie in
the image are read, and each output pixel is written once. Within a call it counts what the kernel's
loops load: a convolution loads its weights once for the output pixels of a tile, and its operand
once for the filters of a tile; where it has scratch for windows, these are gathered there once, and
read from there. Everything else is read once. Accesses count as though all were words in order;
alignment and caches are left to the costs of the memories.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from codegen.ir.op import Signature, Window
from codegen.ir.program import Program
from codegen.ir.schedule import Schedule, Step
from codegen.ir.types import TensorType
from codegen.ops import Conv2d, Dense, Recurrent, Resize
from codegen.ops.pool import Pool
from codegen.plan.lifetimes import scratch_name
from codegen.schedule.rows import calls, operand_windows
from codegen.targets import Memory

WORD_BYTES = 4
CALLER = -1
"""The step of accesses to inputs and outputs that the caller makes."""


@dataclass(frozen=True, slots=True)
class Access:
    """What one step reads and writes, in one inference, of a buffer or a constant."""

    step: int
    name: str
    read_bytes: int
    written_bytes: int = 0

    def cycles(self, memory: Memory) -> float:
        """Return the cycles that these accesses lose to a memory."""
        read, written = self.read_bytes * memory.read_cycles, self.written_bytes
        return (read + written * memory.write_cycles) / WORD_BYTES


def arena_accesses(schedule: Schedule) -> tuple[Access, ...]:
    """Return the accesses to buffers, by their names: those of the caller, then step by step."""
    types = schedule.graph.types
    found = [
        Access(CALLER, schedule.storage(value), 0, types[value].size_bytes)
        for value in schedule.graph.inputs
    ]
    found += [
        Access(CALLER, schedule.storage(value), types[value].size_bytes)
        for value in schedule.graph.outputs
    ]
    for index, step in enumerate(schedule.steps):
        found += _operand_accesses(schedule, index, step)
        output = step.node.output
        found.append(Access(index, schedule.storage(output), 0, types[output].size_bytes))
        if step.scratch_bytes:
            found.append(_scratch_access(schedule, index, step))
    return tuple(found)


def constant_accesses(schedule: Schedule, program: Program) -> tuple[Access, ...]:
    """Return the accesses to the constants of a program, step by step."""
    constants = {constant.name: constant for constant in program.constants}
    found = []
    for index, (step, layer) in enumerate(zip(schedule.steps, program.layers, strict=True)):
        output = schedule.graph.types[step.node.output]
        decoded = layer.decoding.constants if layer.decoding else ()
        for name in (*layer.constants, *decoded):
            constant = constants[name]
            if isinstance(step.node.op, Conv2d | Dense):
                passes = calls(schedule.graph, step) * _weight_passes(step, output)
                found.append(Access(index, name, constant.size_bytes * passes))
            elif isinstance(step.node.op, Recurrent):
                passes = output.rows * output.width
                found.append(Access(index, name, constant.size_bytes * passes))
            else:
                found.append(Access(index, name, constant.values.itemsize * output.elements))
    return tuple(found)


def _operand_accesses(schedule: Schedule, index: int, step: Step) -> Iterator[Access]:
    graph = schedule.graph
    signature = graph.signature(step.node)
    for value, window in operand_windows(graph, step):
        operand = graph.types[value]
        rows = _rows_read(window, calls(graph, step), operand)
        yield Access(index, schedule.storage(value), rows * _bytes_a_row(step, signature, operand))


def _rows_read(window: Window, times: int, operand: TensorType) -> int:
    """Return how many rows all calls read, those beyond the operand left out."""
    first = window.first(np.arange(times), operand.rows)
    rows = first[:, None] + np.arange(window.rows) * window.dilation
    return int(((rows >= 0) & (rows < operand.rows)).sum())


def _bytes_a_row(step: Step, signature: Signature, operand: TensorType) -> int:
    """Return the bytes that a call reads of a row in its window."""
    op, output = step.node.op, signature.output
    if isinstance(op, Pool) and not step.kernel.accumulates:
        return output.width * op.kernel_shape[1] * operand.channels
    if isinstance(op, Resize):
        return max(operand.row_bytes, output.row_bytes)
    if step.kernel.slides or not isinstance(op, Conv2d | Dense):
        return operand.row_bytes
    taps = signature.inputs[1].shape[2] * output.width if isinstance(op, Conv2d) else 1
    passes = 1 if _gathers(step, signature) else _operand_passes(step, signature)
    return taps * operand.channels * passes


def _scratch_access(schedule: Schedule, index: int, step: Step) -> Access:
    signature = schedule.graph.signature(step.node)
    name, op = scratch_name(step), step.node.op
    written = step.scratch_bytes * calls(schedule.graph, step)
    if not _gathers(step, signature):
        return Access(index, name, written, written)
    groups = op.group if isinstance(op, Conv2d) else 1
    written *= groups * _weight_passes(step, signature.output)
    return Access(index, name, written * _operand_passes(step, signature), written)


def _gathers(step: Step, signature: Signature) -> bool:
    """The kernel copies every window to its scratch, instead of those at the border alone."""
    op = step.node.op
    deep = isinstance(op, Dense) or (isinstance(op, Conv2d) and not op.is_depthwise(signature))
    return step.scratch_bytes > 0 and deep


def _weight_passes(step: Step, output: TensorType) -> int:
    """Return how often one call goes through the weights."""
    return 1 if step.kernel.slides else -(-output.width // step.tile[0])


def _operand_passes(step: Step, signature: Signature) -> int:
    """Return how often one call goes through a window: once for the filters of a tile."""
    op = step.node.op
    filters = signature.inputs[1].shape[0] // (op.group if isinstance(op, Conv2d) else 1)
    return 1 if step.kernel.slides else -(-filters // step.tile[1])


def lost_cycles(
    accesses: Sequence[Access], homes: Mapping[str, Memory], steps: int
) -> tuple[tuple[float, ...], float]:
    """Return the cycles that each step loses to the memories, and those that the caller loses."""
    lost = [0.0] * (steps + 1)
    for access in accesses:
        if access.name in homes:
            lost[access.step] += access.cycles(homes[access.name])
    return tuple(lost[:steps]), lost[CALLER]
