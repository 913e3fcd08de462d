"""Bind operators on groups: values along the middle of (outer, n, inner)."""

from __future__ import annotations

from codegen.ir.op import Signature
from codegen.ir.roots import PowerNorm
from codegen.ir.types import TensorType
from codegen.lower.bind.binding import Binding, Data, rescale_params
from codegen.ops import CumSum, Hardmax, LogSoftmax, Reduce, SelectIndices, SelectValues
from codegen.ops.exponentials import FACTOR_BITS, Exponentials


def group_params(signature: Signature) -> dict[str, object]:
    """Return the size of groups, and how many stand side by side."""
    _, n, inner = signature.inputs[0].shape
    return {"n": n, "inner": inner}


def bind_reduce(op: Reduce, signature: Signature) -> Binding:
    """Sums of each group, and what becomes of them."""
    p = op.params(signature)
    assert p is not None
    sizes = group_params(signature)
    data = exponentials_data(p.exponentials) if op.kind == "log_sum_exp" else ()
    return Binding(
        f"reduce_{op.kind}_{sizes['n']}x{sizes['inner']}",
        f"The {WORDS[op.kind]} of each group of {sizes['n']} values",
        {
            **sizes,
            "square": op.kind in ("l2", "sum_square"),
            "absolute": op.kind == "l1",
            "root": op.kind == "l2",
            "wide": p.wide,
            "log": op.kind == "log_sum",
            "bits": p.bits,
            "offset": p.offset,
            "step": p.step,
            "down": p.down,
            "input_zero": p.input_zero,
            "multiplier": p.rescale.multipliers[0],
            **rescale_params(p.rescale),
            "tables": parameters_of(data),
        },
        data,
    )


def bind_reduce_power(op: Reduce, signature: Signature) -> Binding:
    """Powers in 64 bits, and the place of their sum among levels."""
    p, sizes = op.params(signature), group_params(signature)
    assert p is not None and p.norm is not None
    return Binding(
        f"norm_{op.p}_{sizes['n']}x{sizes['inner']}",
        f"The norm of p = {op.p} of each group of {sizes['n']} values",
        {**sizes, **power_params(p.norm, signature.inputs[0])},
        (levels_of(p.norm),),
    )


def power_params(norm: PowerNorm, x: TensorType) -> dict[str, object]:
    """Return what a norm by powers is told."""
    assert x.quant is not None
    return {
        "power": norm.p,
        "levels": len(norm.levels),
        "input_zero": x.quant.zero_point,
        "zero": norm.zero_point,
    }


def levels_of(norm: PowerNorm) -> Data:
    """Return the levels."""
    comment = f"from these sums of powers of {norm.p} on the result is one step more"
    return Data("levels", "int64_t", norm.levels, comment)


def bind_reduce_plain(op: Reduce, signature: Signature) -> Binding:
    """Of integers, in the unsigned type of their size or of int."""
    x = signature.inputs[0].dtype
    sizes = group_params(signature)
    is_signed = x.min < 0
    return Binding(
        f"reduce_{op.kind}_{x.value}_{sizes['n']}x{sizes['inner']}",
        f"The {WORDS[op.kind]} of each group of {sizes['n']} integers",
        {
            **sizes,
            "ctype": x.ctype,
            "wide": "uint64_t" if x.size_bytes == 8 else "uint32_t",
            "size": x.size_bytes,
            "start": int(op.kind == "prod"),
            "prod": op.kind == "prod",
            "absolute": op.kind == "l1" and is_signed,
            "square": op.kind == "sum_square",
        },
    )


WORDS = {
    "sum": "sum",
    "mean": "mean",
    "l1": "sum of magnitudes",
    "l2": "root of the sum of squares",
    "lp": "norm",
    "sum_square": "sum of squares",
    "log_sum": "logarithm of the sum",
    "log_sum_exp": "logarithm of the sum of exponentials",
    "prod": "product",
}
"""What summaries call the kinds."""


def bind_select(op: SelectValues | SelectIndices, signature: Signature) -> Binding:
    """As many passes over the group as values are selected."""
    x, y = signature.inputs[0].dtype, signature.output.dtype
    sizes = group_params(signature)
    is_index = isinstance(op, SelectIndices)
    what = "indices" if is_index else "values"
    order = "greatest" if op.greatest else "least"
    sign = ">" if op.greatest else "<"
    stem = f"last_{order}" if op.last else order
    return Binding(
        f"{stem}_{op.k}_{what}_{x.value}_{sizes['n']}x{sizes['inner']}",
        f"The {order} {op.k} of each group of {sizes['n']}: their {what}",
        {
            **sizes,
            "k": op.k,
            "ctype": x.ctype,
            "size": x.size_bytes,
            "out_size": y.size_bytes,
            "before": sign,
            "better": f"{sign}=" if op.last else sign,
            "result": "index" if is_index else "best",
        },
    )


def bind_hardmax(op: Hardmax, signature: Signature) -> Binding:
    """Two values to write."""
    sizes, y = group_params(signature), signature.output
    zero, one = op.params(signature)
    return Binding(
        f"hardmax_{sizes['n']}x{sizes['inner']}",
        f"One of each group of {sizes['n']}: the first of the greatest",
        {**sizes, "size": y.width * y.channels, "zero": zero, "one": one},
    )


def bind_log_softmax(op: LogSoftmax, signature: Signature) -> Binding:
    """Exponentials from a table, one logarithm a pixel, one rescale an element."""
    p, x = op.params(signature), signature.inputs[0]
    data = exponentials_data(p.exponentials)
    return Binding(
        f"log_softmax_{x.channels}",
        "Logarithms of the softmax of each pixel of a row",
        {
            "pixels": x.width,
            "channels": x.channels,
            "bits": p.bits,
            "offset": p.offset,
            "step": p.step,
            "multiplier": p.rescale.multipliers[0],
            **rescale_params(p.rescale),
            "tables": parameters_of(data),
        },
        data,
    )


def exponentials_data(tables: Exponentials) -> tuple[Data, ...]:
    """Return the tables of exponentials."""
    ctype, comment = f"{tables.fine.dtype}_t", f"exp(-d * input scale) * {tables.fine[0]}"
    fine = Data("table", ctype, tables.fine, comment)
    if not len(tables.coarse):
        return (fine,)
    comment = f"exp(-256 * d * input scale), in 2^-{FACTOR_BITS}"
    return fine, Data("coarse", "int32_t", tables.coarse, comment)


def parameters_of(data: tuple[Data, ...]) -> str:
    """Return the parameters of constants."""
    return ", ".join(f"const {array.ctype} *{array.role}" for array in data)


def bind_cum_sum(op: CumSum, signature: Signature) -> Binding:
    """Of values in a format, or of integers in the unsigned type of their size."""
    x, p = signature.inputs[0], op.params(signature)
    _, n, inner = x.shape
    way = "_reverse" * op.reverse + "_exclusive" * op.exclusive
    params: dict[str, object] = {
        "size": n * inner,
        "inner": inner,
        "exclusive": op.exclusive,
        "reverse": op.reverse,
    }
    if p is None:
        bits = 8 * x.dtype.size_bytes
        params |= {"ctype": f"uint{bits}_t", "bytes": x.dtype.size_bytes}
        way += f"_{bits}"
    else:
        assert x.quant is not None
        params |= {
            "input_zero": x.quant.zero_point,
            "multiplier": p.multipliers[0],
            **rescale_params(p),
        }
    return Binding(f"cum_sum{way}_{n}x{inner}", f"Running sums of groups of {n}", params)
