"""Bind pools over volumes."""

from __future__ import annotations

import math

import numpy as np

from codegen.ir.op import Signature
from codegen.ir.roots import PowerNorm
from codegen.lower.bind.binding import Binding, Data, rescale_params
from codegen.lower.bind.groups import levels_of, power_params
from codegen.ops import MaxPoolVolume, SumPoolVolume
from codegen.ops.pool_volume import PoolVolume


def volume_params(op: PoolVolume, signature: Signature) -> dict[str, object]:
    """Return the numbers common to all pools over volumes."""
    return {
        "size": signature.inputs[0].shape[1:],
        "shape": op.shape,
        "kernel": op.kernel,
        "strides": op.strides,
        "dilations": op.dilations,
        "begins": op.begins,
        "outputs": math.prod(op.shape),
        "area": op.shape[1] * op.shape[2],
        "taps": math.prod(op.kernel),
        "face": op.kernel[1] * op.kernel[2],
    }


def volume_name(op: PoolVolume, signature: Signature) -> str:
    """Name a pool by window, stride and size."""
    parts = op.kernel, op.strides, signature.inputs[0].shape[1:]
    kernel, strides, size = ("x".join(map(str, part)) for part in parts)
    return f"{kernel}_s{strides}_of_{size}"


def bind_max_pool_volume(op: MaxPoolVolume, signature: Signature) -> Binding:
    """Elements of any type."""
    dtype = signature.inputs[0].dtype
    return Binding(
        f"max_pool_{dtype.value}_{volume_name(op, signature)}",
        "One plane of a maximum over windows",
        {**volume_params(op, signature), "ctype": dtype.ctype, "bytes": dtype.size_bytes},
    )


def bind_sum_pool_volume(op: SumPoolVolume, signature: Signature) -> Binding:
    """A multiplier for each count of values; one where nothing is counted."""
    p, x = op.params(signature), signature.inputs[0]
    assert x.quant is not None
    name, size = volume_name(op, signature), volume_params(op, signature)
    if isinstance(p, PowerNorm):
        return Binding(
            f"norm_{op.p}_pool_{name}",
            f"One plane of a norm of p = {op.p} over windows",
            {
                **size,
                "kind": op.kind,
                "sum": "int64_t",
                "counts": False,
                "include": False,
                **power_params(p, x),
            },
            (levels_of(p),),
        )
    averages = op.kind == "average"
    limits = tuple(size + end for size, end in zip(x.shape[1:], op.ends, strict=True))
    comment = "from a sum of that many values to the output, in 2^-32; [0] is unused"
    if not averages:
        comment = "from a sum to the output, in 2^-32"
    return Binding(
        f"{op.kind}_pool_{name}",
        f"One plane of {WORDS[op.kind]} over windows",
        {
            **size,
            "kind": op.kind,
            "sum": "int32_t",
            "counts": averages,
            "include": averages and op.count_include_pad,
            "limits": limits,
            "input_zero": x.quant.zero_point,
            **rescale_params(p),
        },
        (Data("multipliers", "int32_t", np.asarray(p.multipliers, np.int32), comment),),
    )


WORDS = {
    "average": "an average",
    "l1": "a sum of magnitudes",
    "l2": "a root of the sum of squares",
}
"""What summaries call the kinds."""
