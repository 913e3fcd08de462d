"""What kernels and the loops around them cost: estimates of cycles by which plans are compared.

Fitted to counts on an emulated Cortex-M4, and on other cores where those differ too much to tell
which kernel is faster; what a network takes on a target is counted by running
it. A nest asks its layers from the last to the first which may make a row: one question takes 8 to
9 instructions, whatever the network.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from codegen.ir.op import Op, Signature
from codegen.ops import AveragePool, Conv2d, MaxPlaces, MaxPool
from codegen.schedule.rows import Event

CYCLES_PER_QUESTION = 10


@dataclass(frozen=True, slots=True)
class Cost:
    """Cycles of each multiply-accumulate, each value of the result, each value and tap of a window,
    each filter in each row of the result.

    A kernel of `pixels` pixels and `filters` filters at a time computes as many where fewer are
    left, but for groups of one filter, whose missing ones the compiler leaves out. Without
    windows, an operand's value is a value and a pixel of the result a tap.
    `decoded`: of each weight that is decoded; once, or, with `passes`, for each row of the result,
    as many filters at a time, for which windows are read again.
    """

    mac: float = 0.0
    output: float = 0.0
    value: float = 0.0
    tap: float = 0.0
    row: float = 0.0
    pixels: int = 1
    filters: int = 1
    decoded: float = 0.0
    passes: int = 0

    def cycles(self, op: Op, signature: Signature) -> int:
        """Return an estimate for one inference."""
        y = signature.output
        columns = round_up(y.width, self.pixels)
        groups = op.group if isinstance(op, Conv2d) else 1
        group = y.channels // groups
        filters = groups * (round_up(group, self.filters) if group > 1 else 1)
        pixels = y.rows * columns
        values, taps = read_by_pixel(op, signature)
        macs = op.macs(signature) * pixels * filters // max(y.elements, 1)
        total = self.mac * macs + pixels * self.output * filters + self.row * y.rows * filters
        passes = -(-y.channels // self.passes) if self.passes else 1
        total += passes * pixels * (self.value * values + self.tap * taps)
        if self.decoded:
            times = y.rows if self.passes else 1
            total += times * self.decoded * signature.inputs[1].elements
        return round(total)


def read_by_pixel(op: Op, signature: Signature) -> tuple[float, float]:
    """Return how many values and taps the window of a pixel has."""
    if isinstance(op, Conv2d):
        _, *window, depth = signature.inputs[1].shape
        taps = math.prod(window) * op.group
        return taps * depth, taps
    if isinstance(op, MaxPool | MaxPlaces | AveragePool):
        taps = math.prod(op.kernel_shape)
        return taps * signature.inputs[0].channels, taps
    computed = zip(signature.inputs, signature.constants, strict=True)
    values = sum(kind.elements for kind, constant in computed if constant is None)
    pixels = signature.output.elements // signature.output.channels
    return values / pixels, 1.0


def round_up(n: int, multiple: int) -> int:
    """Return the least multiple of `multiple` that is not below n."""
    return -(-n // multiple) * multiple


def loop_cycles(events: Sequence[Event], first: int, end: int) -> int:
    """Return the cycles of the loop that runs the steps from `first` to `end` as one nest."""
    if end - first == 1:
        return 0
    questions = sum(end - event.step for event in events) + (end - first)
    return CYCLES_PER_QUESTION * questions
