"""Bind normalizations."""

from __future__ import annotations

import numpy as np

from codegen.ir.op import Signature
from codegen.lower.bind.binding import Binding, Data
from codegen.ops import InverseDeviation, Normalize
from codegen.ops.normalize import BIAS_BITS, Energy

WORDS = {
    "deviation": "values less their mean over their deviation",
    "rms": "values over the root of their mean square",
    "l2": "values over the root of the sum of their squares",
    "l1": "values over the sum of their magnitudes",
}
"""What summaries call the norms."""


def energy_params(energy: Energy) -> dict[str, object]:
    """Return how energies are computed."""
    return {
        "input_zero": energy.zero_point,
        "lifted": 1 << energy.lift,
        "offset": f"INT64_C({energy.offset})",
    }


def bind_normalize(op: Normalize, signature: Signature) -> Binding:
    """One inverse root a group, two products an element."""
    p = op.params(signature)
    outer, n, inner = signature.inputs[0].shape
    assert signature.output.quant is not None
    comment = f"scale and bias, in 2^-{p.shift - p.bits} and 2^-{BIAS_BITS} steps of the output"
    return Binding(
        f"normalize_{op.norm}_{outer}x{n}x{inner}",
        f"Groups of {n}: {WORDS[op.norm]}",
        {
            "n": n,
            "inner": inner,
            "groups": outer * inner,
            "absolute": op.norm == "l1",
            "sums": op.norm in ("l1", "deviation"),
            "centered": op.norm == "deviation",
            "repeat": op.repeat,
            "coefficients": len(op.scales),
            "down": 61 - p.bits - p.energy.lift // 2,
            "shift": p.shift,
            "bias_unit": f"INT64_C({1 << (p.shift - BIAS_BITS)})",
            "half": f"INT64_C({1 << (p.shift - 1)})",
            "zero": signature.output.quant.zero_point,
            **energy_params(p.energy),
        },
        (Data("factors", "int32_t", np.stack([p.multipliers, p.biases], axis=1), comment),),
    )


def bind_inverse_deviation(op: InverseDeviation, signature: Signature) -> Binding:
    """One inverse root a group."""
    energy, multiplier, down = op.params(signature)
    _, n, inner = signature.inputs[0].shape
    assert signature.output.quant is not None
    return Binding(
        f"inverse_deviation_{n}x{inner}",
        f"One over the deviation of each group of {n}",
        {
            "n": n,
            "inner": inner,
            "multiplier": multiplier,
            "down": down,
            "zero": signature.output.quant.zero_point,
            **energy_params(energy),
        },
    )
