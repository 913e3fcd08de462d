"""Bind pools."""

from __future__ import annotations

import numpy as np

from codegen.ir.fixed_point import Rescale
from codegen.ir.op import Signature, has_int16
from codegen.lower.bind.binding import Binding, Data, rescale_params
from codegen.ops import AveragePool, MaxPlaces, MaxPool, Unpool
from codegen.ops.pool import Pool


def pool_params(op: Pool, signature: Signature) -> dict[str, object]:
    """Return the numbers common to both pools."""
    _, width, channels = signature.inputs[0].shape
    return {
        "width": width,
        "held": "int32_t" if has_int16(signature) else "int8_t",
        "out_width": signature.output.shape[1],
        "channels": channels,
        "channels_left": channels % 4,
        "kernel_rows": op.kernel_shape[0],
        "kernel_width": op.kernel_shape[1],
        "stride": op.strides[1],
        "pad": op.pads[1],
    }


def pool_name(op: Pool, signature: Signature) -> str:
    """Name a pool by window, stride, width and channels."""
    _, width, channels = signature.inputs[0].shape
    return f"{op.kernel_shape[0]}x{op.kernel_shape[1]}_s{op.strides[1]}_w{width}_c{channels}"


def rescale_name(signature: Signature) -> str:
    """Return the C function of a rescale."""
    return "fx_rescale16" if has_int16(signature) else "fx_rescale"


def bind_max_pool(op: MaxPool, signature: Signature) -> Binding:
    """Rows beyond the image are null and left out."""
    return Binding(
        f"max_pool_{pool_name(op, signature)}",
        "One row of a maximum over windows",
        pool_params(op, signature),
    )


def bind_max_places(op: MaxPlaces, signature: Signature) -> Binding:
    """Numbers of what places count in each direction."""
    height, width, _ = signature.inputs[0].shape
    by_row, by_pixel = (1, height) if op.by_column else (width, 1)
    way = "_by_column" * op.by_column
    return Binding(
        f"max_places{way}_{pool_name(op, signature)}",
        "One row of where the maximum of each window is",
        {
            **pool_params(op, signature),
            "stride_rows": op.strides[0],
            "top": op.pads[0],
            "by_row": by_row,
            "by_pixel": by_pixel,
            "by_channel": height * width,
        },
    )


def bind_unpool(op: Unpool, signature: Signature) -> Binding:
    """Elements of any type; all bytes of a zero are alike."""
    x, y = signature.inputs[0], signature.output
    return Binding(
        f"unpool_{op.block[0]}x{op.block[1]}_w{x.width}_c{x.channels}_{x.dtype.value}",
        f"One row of values at their places, in blocks of {op.block[0]}x{op.block[1]}",
        {
            "width": x.width,
            "channels": x.channels,
            "out_width": y.width,
            "area": y.rows * y.width,
            "bytes": x.dtype.size_bytes,
            "row_bytes": y.row_bytes,
            "zero": op.zero(signature),
        },
    )


def average_params(op: AveragePool, signature: Signature, p: Rescale) -> dict[str, object]:
    """Return the numbers common to all averages; `multiplier` serves where all counts are alike."""
    qx = signature.inputs[0].quant
    assert qx is not None
    counts = op.counts(signature.inputs[0].shape[:2])
    return {
        "input_zero": qx.zero_point,
        "rescale": "fx_average" if op.ties_to_even(signature) else rescale_name(signature),
        "multiplier": p.multipliers[int(counts.flat[0])],
        **rescale_params(p),
    }


def bind_global_average_pool(op: AveragePool, signature: Signature) -> Binding:
    """Sums of each channel, kept from row to row."""
    p = op.params(signature)
    rows, width, channels = signature.inputs[0].shape
    return Binding(
        f"global_average_pool_{rows}x{width}x{channels}",
        "One row of an average over the image; the last row's call writes it",
        {
            "last": rows - 1,
            "width": width,
            "channels": channels,
            "channels_left": channels % 4,
            "count": rows * width,
            **average_params(op, signature, p),
        },
    )


def bind_average_pool(op: AveragePool, signature: Signature) -> Binding:
    """One multiplier where all windows count alike, else one for each count."""
    p = op.params(signature)
    counts = op.counts(signature.inputs[0].shape[:2])
    by_count = bool((counts != counts.flat[0]).any())
    comment = f"from a sum of that many values to the output, in 2^-{p.down}; [0] is unused"
    table = Data("multipliers", "int32_t", np.asarray(p.multipliers, np.int32), comment)
    return Binding(
        f"average_pool_{pool_name(op, signature)}",
        "One row of an average over windows",
        pool_params(op, signature) | {"by_count": by_count} | average_params(op, signature, p),
        (table,) if by_count else (),
    )
