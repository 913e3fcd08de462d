"""The memory map: which bytes of each base hold what, call by call, from the certificate alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codegen.ir.certificate import Base, Certificate, LiveRange, Value
from codegen.ir.memory import Bytes
from codegen.verify.order import call_order


@dataclass(frozen=True, slots=True, eq=False)
class MemoryMap:
    """One base: at call t, buffer i holds something needed from begins[i, t] to ends[i, t].

    `rows` are those of the value that each buffer is for, None for scratch. `peak` is the call at
    which most bytes are needed. `owners` names the layer of each call.
    """

    base: Base
    buffers: tuple[LiveRange, ...]
    rows: tuple[int | None, ...]
    begins: Bytes
    ends: Bytes
    owners: tuple[str, ...]

    @property
    def moments(self) -> int:
        return int(self.begins.shape[1])

    @property
    def live(self) -> Bytes:
        """Bytes that each buffer needs at each call."""
        return self.ends - self.begins

    @property
    def peak(self) -> int:
        return int(self.live.sum(axis=0).argmax())

    @property
    def peak_bytes(self) -> int:
        return int(self.live.sum(axis=0).max())

    def binding(self) -> list[tuple[int, int]]:
        """Return the buffers that are needed at the peak, and their bytes then, most first."""
        live = self.live[:, self.peak]
        return sorted(((int(i), int(live[i])) for i in np.flatnonzero(live)), key=lambda b: -b[1])

    def kept(self, index: int) -> str:
        """Return how many rows a buffer keeps, in words."""
        kept, rows = self.buffers[index].rows_kept, self.rows[index]
        if kept is None or rows is None:
            return "scratch"
        return f"{kept} of {rows}" if kept < rows else f"all {rows}"


def memory_maps(certificate: Certificate) -> tuple[MemoryMap, ...]:
    """Return the map of each base that is written to; in the order of the certificate."""
    steps = certificate.steps
    owners = tuple(steps[step].node for step, _ in call_order(certificate))
    values = {value.name: value for value in certificate.values}
    bases = (base for base in certificate.bases if base.writable and base.size_bytes)
    return tuple(_memory_map(certificate, base, values, owners) for base in bases)


def _memory_map(
    certificate: Certificate, base: Base, values: dict[str, Value], owners: tuple[str, ...]
) -> MemoryMap:
    mine = [buffer for buffer in certificate.buffers if buffer.base == base.name]
    mine.sort(key=lambda buffer: (buffer.live_from_call, buffer.offset_bytes))
    spans = [buffer.spans(certificate.moments) for buffer in mine]
    offsets = np.asarray([buffer.offset_bytes for buffer in mine], np.int64)[:, None]
    rows = tuple(values[buffer.values[0]].rows if buffer.values else None for buffer in mine)
    begins = np.stack([begin for begin, _ in spans]) + offsets
    ends = np.stack([end for _, end in spans]) + offsets
    return MemoryMap(base, tuple(mine), rows, begins, ends, owners)


def nest_spans(certificate: Certificate) -> tuple[tuple[str, int, int], ...]:
    """Return the layers of each nest in words, its first call, and the one after its last."""
    found, start = [], 0
    for nest in certificate.nests:
        end = start + sum(step.calls for step in nest.steps)
        first, last = nest.steps[0].node, nest.steps[-1].node
        words = first if len(nest.steps) == 1 else f"{first} to {last}, row by row"
        found.append((words, start, end))
        start = end
    return tuple(found)
