"""A kernel, and when it may be used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from codegen.ir.op import Op, Signature, has_int16
from codegen.ir.schedule import Kernel
from codegen.schedule.conditions import always, has_wide_weights, no_scratch
from codegen.schedule.cost import Cost


@dataclass(frozen=True, slots=True)
class Rule:
    """A kernel, the operators it computes, a condition, its scratch in bytes, and its cost.

    `wide`: it takes int16 weights, and no others, of int8 activations. `int16`: it takes
    activations of 16 bits, and no others; None: of any type.
    `costs` are those on cores where it is far from `cost`, by a feature of the instruction set.
    """

    kernel: Kernel
    ops: tuple[type[Op], ...]
    applies: Callable[[Op, Signature], bool] = always
    scratch_bytes: Callable[[Op, Signature], int] = no_scratch
    wide: bool = field(kw_only=True, default=False)
    int16: bool | None = field(kw_only=True, default=False)
    cost: Cost = field(kw_only=True)
    costs: Mapping[str, Cost] = field(kw_only=True, default_factory=dict)

    def serves(self, op: Op, signature: Signature) -> bool:
        """The kernel computes the operator on operands of these types."""
        return (
            isinstance(op, self.ops)
            and self.int16 in (None, has_int16(signature))
            and (self.int16 or self.wide == has_wide_weights(op, signature))
            and self.applies(op, signature)
        )

    def cost_on(self, isa: Sequence[str]) -> Cost:
        """Return the cost on a core with these features."""
        return next((self.costs[name] for name in isa if name in self.costs), self.cost)
