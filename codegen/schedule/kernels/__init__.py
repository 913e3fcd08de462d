"""Which kernels there are and when each may be used; the first that applies is preferred.

A target lists its families in order of preference; `generic` serves every operator.
"""

from __future__ import annotations

from codegen.ir.op import Op, Signature
from codegen.schedule.kernels.arm_dsp import ARM_DSP
from codegen.schedule.kernels.arm_mve import ARM_MVE
from codegen.schedule.kernels.generic import GENERIC
from codegen.schedule.kernels.lanes import LANES
from codegen.schedule.kernels.rule import Rule

__all__ = ["RULES", "Rule", "variants"]

RULES: tuple[Rule, ...] = (*ARM_DSP, *ARM_MVE, *LANES, *GENERIC)


def variants(
    families: tuple[str, ...], op: Op, signature: Signature, *, spread: bool = False
) -> tuple[Rule, ...]:
    """Return the rules of the most preferred family that serves the node, best first.

    Each takes less working memory than all before it; a rule after the first that another one
    undercuts in memory and in cycles is left out. All are called alike: once a row of the result,
    of the operand, or once. Where an operand is `spread`, each reads it so.
    """
    for family in families:
        found: list[Rule] = []
        for rule in RULES:
            serves = rule.kernel.family == family and isinstance(op, rule.ops)
            if not serves or not rule.applies(op, signature):
                continue
            if spread and not rule.kernel.reads_spread:
                continue
            if found and not rule.kernel.is_called_as(found[0].kernel):
                continue
            scratch = rule.scratch_bytes(op, signature)
            if found and scratch >= found[-1].scratch_bytes(op, signature):
                continue
            cycles = rule.cost.cycles(op, signature)
            while len(found) > 1 and found[-1].cost.cycles(op, signature) >= cycles:
                found.pop()
            found.append(rule)
        if found:
            return tuple(found)
    return ()
