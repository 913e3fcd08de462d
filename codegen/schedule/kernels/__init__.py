"""Which kernels there are, when each may be used, and which serve a node best.

A target lists its families in order of preference; `generic` serves every operator. Hardware has
one family, `rtl`.
"""

from __future__ import annotations

from codegen.ir.coding import Coding
from codegen.ir.op import Op, Signature
from codegen.schedule.kernels.arm_dsp import ARM_DSP
from codegen.schedule.kernels.arm_mve import ARM_MVE
from codegen.schedule.kernels.choice import BY_ESTIMATE, Choice, estimates
from codegen.schedule.kernels.coded import coded_forms, stored_as
from codegen.schedule.kernels.generic import GENERIC
from codegen.schedule.kernels.hls import HLS
from codegen.schedule.kernels.host import HOST
from codegen.schedule.kernels.in_float import IN_FLOAT
from codegen.schedule.kernels.int16 import INT16
from codegen.schedule.kernels.lanes import LANES
from codegen.schedule.kernels.rtl import RTL
from codegen.schedule.kernels.rule import Rule

__all__ = ["BY_ESTIMATE", "RULES", "Choice", "Rule", "estimates", "variants"]

RULES: tuple[Rule, ...] = (
    *ARM_DSP,
    *ARM_MVE,
    *LANES,
    *HOST,
    *HLS,
    *GENERIC,
    *INT16,
    *IN_FLOAT,
    *RTL,
)


def variants(
    families: tuple[str, ...],
    op: Op,
    signature: Signature,
    *,
    spread: bool = False,
    choice: Choice = BY_ESTIMATE,
) -> tuple[Rule, ...]:
    """Return the rules of the most preferred family that serves the node, best first by `choice`.

    Each takes less working memory than all before it; others are left out. All are called alike:
    once a row of the result, of the operand, or once. Where an operand is `spread`, each reads it
    so. Where no kernel takes weights as they would be stored, they are stored a byte each.
    """
    coding = stored_as(op, signature)
    found = _of_families(families, op, signature, coding, spread=spread, choice=choice)
    if coding is not None and not found:
        return _of_families(families, op, signature, None, spread=spread, choice=choice)
    return found


def _of_families(
    families: tuple[str, ...],
    op: Op,
    signature: Signature,
    coding: Coding | None,
    *,
    spread: bool,
    choice: Choice,
) -> tuple[Rule, ...]:
    for family in families:
        serving = [
            form
            for rule in RULES
            if rule.kernel.family == family
            and rule.serves(op, signature)
            and (rule.kernel.reads_spread or not spread)
            for form in coded_forms(rule, op, signature, coding)
        ]
        alike = [rule for rule in serving if rule.kernel.is_called_as(serving[0].kernel)]
        found: list[Rule] = []
        for rule in choice.sort(alike, op, signature):
            scratch = rule.scratch_bytes(op, signature)
            if not found or scratch < found[-1].scratch_bytes(op, signature):
                found.append(rule)
        if found:
            return tuple(found)
    return ()
