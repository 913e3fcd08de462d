"""Golden: one input of a network and the output that the reference gives for it."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.ir.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class Golden:
    """One array for each input and output port, (1, *shape) or (*shape), of its type."""

    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]
