"""The activation that a layer's clamp is."""

from __future__ import annotations

import math

from codegen.export.writer import Writer
from codegen.ops.linear import Clamp


def clamped(writer: Writer, tensor: str, clamp: Clamp, output: str) -> str:
    """Return the tensor within `clamp`: a Relu from 0 upwards, else a Clip."""
    if clamp is None:
        return tensor
    low, high = clamp
    if clamp == (0.0, math.inf):
        return writer.node("Relu", [tensor], output)
    bounds = [
        "" if math.isinf(bound) else writer.number(f"{output}_{name}", bound)
        for name, bound in (("low", low), ("high", high))
    ]
    return writer.node("Clip", [tensor, *bounds], output)


def result_name(output: str, clamp: Clamp) -> str:
    """Return the name of what a clamp is applied to: the result's own where there is none."""
    return output if clamp is None else f"{output}_unclamped"
