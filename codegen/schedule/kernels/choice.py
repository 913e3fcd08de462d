"""By what kernels of one node are compared: cycles and bytes of flash, and which are to be few."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from codegen.ir.op import Op, Signature
from codegen.options import Optimize
from codegen.schedule.kernels.rule import Rule

ESTIMATED = 1.02
"""Kernels whose estimates of cycles differ by less are taken to be equally fast."""

Figure = Callable[[Rule, Op, Signature], int]


def estimates(isa: Sequence[str] = ()) -> Figure:
    """Return the cycles that rules' costs tell, on a core with these features."""

    def cycles(rule: Rule, op: Op, signature: Signature) -> int:
        return rule.cost_on(isa).cycles(op, signature)

    return cycles


def unknown_bytes(rule: Rule, op: Op, signature: Signature) -> int:
    """Return 0: what is not measured makes no difference."""
    return 0


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to be least, and who tells cycles and bytes of flash of a kernel for a node.

    speed: cycles. size: bytes of code and constants. balanced: cycles, but bytes of flash, then of
    working memory, where kernels are as fast as the fastest but for the factor `margin`.
    """

    optimize: Optimize = "balanced"
    cycles: Figure = field(default_factory=estimates)
    flash_bytes: Figure = unknown_bytes
    margin: float = ESTIMATED

    def sort(self, rules: Sequence[Rule], op: Op, signature: Signature) -> list[Rule]:
        """Return rules that serve a node, the best first."""
        if len(rules) < 2:
            return list(rules)
        figures = {
            rule.kernel: (self.cycles(rule, op, signature), self.flash_bytes(rule, op, signature))
            for rule in rules
        }
        fastest = min(cycles for cycles, _ in figures.values())

        def key(rule: Rule) -> tuple[float, ...]:
            cycles, size = figures[rule.kernel]
            if self.optimize == "size":
                return size, cycles
            if self.optimize == "speed":
                return cycles, size
            rounded = max(cycles, fastest * self.margin)
            return rounded, size, rule.scratch_bytes(op, signature), cycles

        return sorted(rules, key=key)


BY_ESTIMATE = Choice()
