"""What the loops around kernels cost: an estimate by which plans of the same kernels are compared.

A nest asks its layers from the last to the first which may make a row. Measured on Cortex-M4, one
question takes 8 to 9 instructions, whatever the network.
"""

from __future__ import annotations

from collections.abc import Sequence

from codegen.schedule.rows import Event

CYCLES_PER_QUESTION = 10


def loop_cycles(events: Sequence[Event], first: int, end: int) -> int:
    """Return the cycles of the loop that runs the steps from `first` to `end` as one nest."""
    if end - first == 1:
        return 0
    questions = sum(end - event.step for event in events) + (end - first)
    return CYCLES_PER_QUESTION * questions
