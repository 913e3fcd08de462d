"""Bind a node to its kernel: the numbers its template needs and the constants it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from codegen.ir.fixed_point import Rescale
from codegen.ir.op import Op, Signature
from codegen.ir.types import Array
from codegen.lower.pack import column_pairs_3x3, interleave_halves, interleave_pairs, pad_to_even
from codegen.ops import AveragePool, Concat, Conv2d, Copy, Dense, MaxPool, Pad, Softmax, Transpose
from codegen.ops.add import Add
from codegen.ops.linear import LinearParams
from codegen.ops.pool import Pool
from codegen.ops.unary import Unary

T = TypeVar("T", bound=Op)


@dataclass(frozen=True, slots=True)
class Data:
    """A constant array: what it is for, C element type, values in storage order, description."""

    role: str
    ctype: str
    values: Array
    comment: str


@dataclass(frozen=True, slots=True)
class Binding:
    """`stem` begins the function's name, `summary` says what it does; `params` fill its template.

    `outside_value` is what rows beyond the operand hold.
    """

    stem: str
    summary: str
    params: Mapping[str, object]
    data: tuple[Data, ...] = field(default=())
    outside_value: int = 0


def bind(kernel: str, op: Op, signature: Signature) -> Binding:
    """Return the binding of `op` for the kernel of that name (FAMILY/NAME)."""
    return BINDERS[kernel](op, signature)


def rescale_params(rescale: Rescale) -> dict[str, object]:
    """Return what every template that rescales needs."""
    return {
        "scale_up": 1 << rescale.shift,
        "zero": rescale.zero_point,
        "low": rescale.low,
        "high": rescale.high,
    }


def linear_data(
    p: LinearParams, packed: Array, form: str, pairs_of: int | None = None
) -> tuple[Data, ...]:
    """Return weights, bias and multipliers; the last two even in each group of `pairs_of`."""
    bias, multipliers = p.bias, np.resize(np.array(p.rescale.multipliers), p.bias.shape)
    if pairs_of is not None:
        groups = len(bias) // pairs_of
        bias = np.concatenate([pad_to_even(part, 0) for part in np.split(bias, groups)])
        multipliers = np.concatenate(
            [pad_to_even(part, 1) for part in np.split(multipliers, groups)]
        )
    bound = f"accumulators lie within {p.least:,} .. {p.greatest:,}"
    return (
        Data("weights", "int8_t", packed, f"int8, {form}"),
        Data("bias", "int32_t", bias, f"zero point folded in; {bound}"),
        Data("multipliers", "int32_t", multipliers, "accumulator scale / output scale, in 2^-32"),
    )


def conv_name(op: Conv2d, signature: Signature) -> str:
    """Name a convolution by what distinguishes it: window, stride, channels and filters."""
    (_, width, channels), (filters, kh, kw, _) = (t.shape for t in signature.inputs[:2])
    stride = f"_s{op.strides[1]}" if op.strides[1] > 1 else ""
    return f"{kh}x{kw}{stride}_w{width}_c{channels}_f{filters}"


def conv_params(op: Conv2d, signature: Signature, p: LinearParams) -> dict[str, object]:
    """Return the numbers common to all convolutions."""
    (_, width, channels), (filters, kh, kw, depth) = (t.shape for t in signature.inputs[:2])
    return {
        "width": width,
        "out_width": signature.output.shape[1],
        "channels": channels,
        "filters": filters,
        "kernel_rows": kh,
        "kernel_width": kw,
        "depth": depth,
        "groups": op.group,
        "stride": op.strides[1],
        "dilation": op.dilations[1],
        "pad": op.pads[1],
        "pad_right": op.pads[3],
        "input_zero": p.input_zero_point,
        **rescale_params(p.rescale),
    }


def bind_conv2d(op: Conv2d, signature: Signature) -> Binding:
    """Gather a patch, then multiply pairs of filters by pairs of patches."""
    p = op.params(signature)
    filters, kh, kw, depth = p.weights.shape
    groups = p.weights.reshape(op.group, filters // op.group, -1)
    packed = np.concatenate([interleave_pairs(group) for group in groups])
    grouped = f"_g{op.group}" if op.group > 1 else ""
    return Binding(
        f"conv2d_{conv_name(op, signature)}{grouped}",
        f"One row of a {kh}x{kw} convolution",
        conv_params(op, signature, p)
        | {"patch": kh * kw * depth, "group_filters": filters // op.group},
        linear_data(p, packed, f"[pair][{kh * kw * depth}][2 filters]", filters // op.group),
        p.input_zero_point,
    )


def bind_pointwise(op: Conv2d, signature: Signature) -> Binding:
    """A 1x1 convolution reads its pixels where they are."""
    p = op.params(signature)
    weights = p.weights.reshape(len(p.weights), -1)
    form = f"[pair][{weights.shape[1]}][2 filters]"
    return Binding(
        f"pointwise_{conv_name(op, signature)}",
        "One row of a 1x1 convolution",
        conv_params(op, signature, p),
        linear_data(p, interleave_pairs(weights), form, len(weights)),
        p.input_zero_point,
    )


def bind_depthwise(op: Conv2d, signature: Signature) -> Binding:
    """Each channel its own filter; weights lie as the taps of all channels, tap by tap."""
    p = op.params(signature)
    channels, kh, kw, _ = p.weights.shape
    params = conv_params(op, signature, p)
    span = (kw - 1) * op.dilations[1] + 1
    taps = [
        {"row": ky, "offset": kx * op.dilations[1] * channels, "weight": (ky * kw + kx) * channels}
        for ky in range(kh)
        for kx in range(kw)
    ]
    packed = p.weights[..., 0].transpose(1, 2, 0)
    return Binding(
        f"depthwise_{conv_name(op, signature)}",
        f"One row of a {kh}x{kw} depthwise convolution",
        params
        | {
            "rows": range(kh),
            "taps": taps,
            "span": span,
            "has_edges": bool(op.pads[1] or op.pads[3]),
        },
        linear_data(p, packed, f"[{kh}][{kw}][{channels} channels]"),
        p.input_zero_point,
    )


def bind_depthwise_3x3(op: Conv2d, signature: Signature) -> Binding:
    """Slide along a row, one channel at a time, with pairs of rows in one register."""
    p = op.params(signature)
    params = conv_params(op, signature, p)
    (_, width, channels), out_width = signature.inputs[0].shape, signature.output.shape[1]
    inside = min((width - 3 + op.pads[1]) // op.strides[1] + 1, out_width)
    carried = 3 - op.strides[1] - op.pads[1]
    packed = column_pairs_3x3(p.weights[..., 0])
    return Binding(
        f"depthwise_{conv_name(op, signature)}",
        "One row of a 3x3 depthwise convolution",
        params | {"inside": inside, "overhangs": inside < out_width, "carried": carried * channels},
        linear_data(p, packed, "[channel][9], in the order of column pairs"),
        p.input_zero_point,
    )


def bind_conv2d_dsp(op: Conv2d, signature: Signature) -> Binding:
    """Two patches widened to int16, two filters at a time, two products an instruction."""
    p = op.params(signature)
    filters, kh, kw, _ = p.weights.shape
    packed = interleave_halves(p.weights.reshape(filters, -1))
    padded = packed.shape[1] * 2
    has_edges = bool(op.pads[1] or op.pads[3])
    return Binding(
        f"conv2d_{conv_name(op, signature)}",
        f"One row of a {kh}x{kw} convolution",
        conv_params(op, signature, p)
        | {"padded": padded, "scratch_bytes": 4 * padded, "has_edges": has_edges},
        linear_data(p, packed, f"[pair][{padded // 2}][c0k0, c1k0, c0k1, c1k1]", filters),
        p.input_zero_point,
    )


def bind_dense(op: Dense, signature: Signature) -> Binding:
    """Two outputs at a time."""
    p = op.params(signature)
    outputs, depth = p.weights.shape
    return Binding(
        f"dense_{depth}x{outputs}",
        "A dense layer",
        {"inputs": depth, "outputs": outputs, **rescale_params(p.rescale)},
        linear_data(p, interleave_pairs(p.weights), f"[pair][{depth}][2 outputs]", outputs),
    )


def bind_dense_dsp(op: Dense, signature: Signature) -> Binding:
    """The vector widened to int16 once, two outputs at a time, two products an instruction."""
    p = op.params(signature)
    outputs, depth = p.weights.shape
    packed = interleave_halves(p.weights)
    padded = packed.shape[1] * 2
    return Binding(
        f"dense_{depth}x{outputs}",
        "A dense layer",
        {
            "inputs": depth,
            "outputs": outputs,
            "padded": padded,
            "surplus": padded - depth,
            **rescale_params(p.rescale),
        },
        linear_data(p, packed, f"[pair][{padded // 2}][c0k0, c1k0, c0k1, c1k1]", outputs),
    )


def bind_add(op: Add, signature: Signature) -> Binding:
    """Two products, one shift."""
    p = op.params(signature)
    n = signature.output.row_bytes
    return Binding(
        f"add_{n}",
        "One row of a sum",
        {
            "n": n,
            "a_multiplier": p.multipliers[0],
            "b_multiplier": p.multipliers[1],
            "offset": p.offset,
            "shift": p.shift,
            "low": p.low,
            "high": p.high,
        },
    )


def pool_params(op: Pool, signature: Signature) -> dict[str, object]:
    """Return the numbers common to both pools."""
    _, width, channels = signature.inputs[0].shape
    return {
        "width": width,
        "out_width": signature.output.shape[1],
        "channels": channels,
        "kernel_rows": op.kernel_shape[0],
        "kernel_width": op.kernel_shape[1],
        "stride": op.strides[1],
        "pad": op.pads[1],
    }


def pool_name(op: Pool, signature: Signature) -> str:
    """Name a pool by window, stride, width and channels."""
    _, width, channels = signature.inputs[0].shape
    return f"{op.kernel_shape[0]}x{op.kernel_shape[1]}_s{op.strides[1]}_w{width}_c{channels}"


def bind_max_pool(op: MaxPool, signature: Signature) -> Binding:
    """Rows beyond the image are null and left out."""
    return Binding(
        f"max_pool_{pool_name(op, signature)}",
        "One row of a maximum over windows",
        pool_params(op, signature),
    )


def bind_average_pool(op: AveragePool, signature: Signature) -> Binding:
    """One multiplier where all windows count alike, else one for each count."""
    p = op.params(signature)
    qx = signature.inputs[0].quant
    assert qx is not None
    counts = op.counts(signature.inputs[0].shape[:2])
    by_count = bool((counts != counts.flat[0]).any())
    comment = "from a sum of that many values to the output, in 2^-32; [0] is unused"
    table = Data("multipliers", "int32_t", np.asarray(p.multipliers, np.int32), comment)
    return Binding(
        f"average_pool_{pool_name(op, signature)}",
        "One row of an average over windows",
        pool_params(op, signature)
        | {
            "input_zero": qx.zero_point,
            "by_count": by_count,
            "to_even": op.ties_to_even(signature),
            "multiplier": p.multipliers[int(counts.flat[0])],
            **rescale_params(p),
        },
        (table,) if by_count else (),
    )


def bind_table(op: Unary, signature: Signature) -> Binding:
    """A look-up of 256 entries."""
    y = signature.output
    table = Data("table", "int8_t", op.params(signature), f"{op.name} of each int8, from -128 up")
    params = {"pixels": y.width, "channels": y.channels}
    return Binding(f"table_{y.width}x{y.channels}", "One row through a table", params, (table,))


def bind_copy(op: Copy, signature: Signature) -> Binding:
    """Pixel by pixel."""
    y = signature.output
    params = {"pixels": y.width, "channels": y.channels}
    return Binding(f"copy_{y.width}x{y.channels}", "Copy one row", params)


def bind_softmax(op: Softmax, signature: Signature) -> Binding:
    """Exponentials from a table, then one division an element."""
    p = op.params(signature)
    x = signature.inputs[0]
    table = Data("table", "int32_t", p.exponentials, "exp(-d * input scale), largest 2^31 / sum")
    return Binding(
        f"softmax_{x.channels}",
        "Softmax of each pixel of a row",
        {
            "pixels": x.width,
            "channels": x.channels,
            "multiplier": p.multiplier,
            "zero": p.zero_point,
        },
        (table,),
    )


def bind_concat(op: Concat, signature: Signature) -> Binding:
    """Copies in turn from each operand."""
    shape = signature.output.shape
    outer = int(np.prod(shape[: op.axis], dtype=np.int64))
    sizes = [t.size_bytes // outer for t in signature.inputs]
    return Binding(
        f"concat_{outer}x{sum(sizes)}",
        f"Concatenation along axis {op.axis}",
        {"outer": outer, "operands": [{"name": f"x{i}", "n": n} for i, n in enumerate(sizes)]},
    )


def bind_pad(op: Pad, signature: Signature) -> Binding:
    """Fill, then copy the operand's rows into place."""
    inner = three(signature.inputs[0].shape)
    outer = three(signature.output.shape)
    before = (0,) * (3 - len(op.before)) + op.before
    return Binding(
        "pad_" + "x".join(map(str, outer)),
        "Padding",
        {
            "size": signature.output.size_bytes,
            "value": op.params(signature),
            "rows": inner[0],
            "columns": inner[1],
            "run": inner[2],
            "row_pitch": outer[1] * outer[2],
            "column_pitch": outer[2],
            "first": (before[0] * outer[1] + before[1]) * outer[2] + before[2],
        },
    )


def bind_transpose(op: Transpose, signature: Signature) -> Binding:
    """Four nested loops over the output with the operand's strides."""
    sizes, strides = transpose_loops(signature.inputs[0].shape, op.perm)
    return Binding(
        "transpose_" + "x".join(map(str, sizes)),
        f"Transposition by {op.perm}",
        {"sizes": sizes, "strides": strides},
    )


def three(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return a shape of up to three dimensions with leading ones."""
    if len(shape) > 3:
        raise ValueError(f"padding of {len(shape)} dimensions is not supported, only of three")
    full = (1,) * (3 - len(shape)) + shape
    return full[0], full[1], full[2]


def transpose_loops(
    shape: tuple[int, ...], perm: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return sizes and operand strides of four loops over the output, outermost first.

    Raises ValueError where more than four dimensions move apart from each other.

    >>> transpose_loops((2, 3, 4), (2, 0, 1))
    ((1, 1, 4, 6), (0, 0, 1, 4))
    """
    steps = [int(np.prod(shape[axis + 1 :], dtype=np.int64)) for axis in range(len(shape))]
    loops: list[tuple[int, int]] = []
    for axis in perm:
        if shape[axis] == 1:
            continue
        if loops and loops[-1][1] == shape[axis] * steps[axis]:
            loops[-1] = (loops[-1][0] * shape[axis], steps[axis])
        else:
            loops.append((shape[axis], steps[axis]))
    if len(loops) > 4:
        raise ValueError(f"transposition by {perm} moves {len(loops)} dimensions, four at most")
    loops = [(1, 0)] * (4 - len(loops)) + loops
    return tuple(size for size, _ in loops), tuple(step for _, step in loops)


BINDERS: Mapping[str, Callable[..., Binding]] = {
    "generic/conv2d": bind_conv2d,
    "generic/conv2d_by_tap": bind_conv2d,
    "generic/pointwise": bind_pointwise,
    "generic/depthwise": bind_depthwise,
    "generic/dense": bind_dense,
    "generic/add": bind_add,
    "generic/max_pool": bind_max_pool,
    "generic/average_pool": bind_average_pool,
    "generic/copy": bind_copy,
    "generic/table": bind_table,
    "generic/softmax": bind_softmax,
    "generic/concat": bind_concat,
    "generic/pad": bind_pad,
    "generic/transpose": bind_transpose,
    "arm_dsp/conv2d": bind_conv2d_dsp,
    "arm_dsp/dense": bind_dense_dsp,
    "arm_dsp/depthwise_3x3": bind_depthwise_3x3,
    "arm_dsp/depthwise_3x3_s2": bind_depthwise_3x3,
}
