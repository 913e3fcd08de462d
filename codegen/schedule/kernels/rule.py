"""A kernel, and when it may be used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from codegen.ir.op import Op, Signature
from codegen.ir.schedule import Kernel
from codegen.schedule.conditions import always, no_scratch
from codegen.schedule.cost import Cost


@dataclass(frozen=True, slots=True)
class Rule:
    """A kernel, the operators it computes, a condition, its scratch in bytes, and its cost."""

    kernel: Kernel
    ops: tuple[type[Op], ...]
    applies: Callable[[Op, Signature], bool] = always
    scratch_bytes: Callable[[Op, Signature], int] = no_scratch
    cost: Cost = field(kw_only=True)
