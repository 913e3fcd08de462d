"""Runs: one inference of a network on a target, as it was counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from codegen.toolchain import Loop, Opcode


@dataclass(frozen=True, slots=True)
class LayerRun:
    """What all calls of a layer took. Classes and opcodes: how often each was executed."""

    name: str
    kernel: str
    family: str
    macs: int
    instructions: int
    cycles: int
    classes: Mapping[str, int]
    opcodes: Mapping[str, int]
    loop: Loop | None


@dataclass(frozen=True, slots=True)
class Run:
    """What one inference took of a network built for a target with a compiler.

    `layers` are () where the compiler joined some of them.
    """

    network: str
    model: str
    target: str
    compiler: str
    clock_hz: int | None
    macs: int
    instructions: int
    cycles: int
    arena_bytes: int
    stack_bytes: int
    flash_bytes: int
    classes: Mapping[str, int]
    opcodes: Mapping[str, int]
    layers: tuple[LayerRun, ...]

    @property
    def place(self) -> tuple[str, str, str]:
        """The network, and what it was built for: runs of one place are compared."""
        return self.network, self.target, self.compiler


def count_classes(opcodes: Sequence[Opcode]) -> dict[str, int]:
    """Return how often instructions of each class were executed, the most frequent first."""
    found: Counter[str] = Counter()
    for opcode in opcodes:
        found[opcode.kind.value] += opcode.executions
    return dict(found.most_common())


def count_mnemonics(opcodes: Sequence[Opcode]) -> dict[str, int]:
    """Return how often each mnemonic was executed, the most frequent first."""
    return {opcode.mnemonic: opcode.executions for opcode in opcodes}
