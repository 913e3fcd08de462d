"""Bind convolutions and dense layers: weights packed as inner loops read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from codegen.ir.fixed_point import INT32_MAX
from codegen.ir.op import Signature
from codegen.ir.types import Array, DType
from codegen.lower.bind.binding import Binding, Data, rescale_params
from codegen.lower.pack import interleave_fours, interleave_pairs, pad_to_multiple
from codegen.ops import Conv2d, Dense, MatMul, MatMulInteger
from codegen.ops.linear import LinearParams
from codegen.schedule.conditions import has_edges


@dataclass(frozen=True, slots=True)
class Tile:
    """An inner loop: a C function that takes `filters` filters and `values` of a patch at a time.

    `pack` brings (filters, depth) into the order in which it reads weights, [packs][steps][form].
    `kind` tells kernels of one operator apart.
    """

    function: str
    kind: str
    filters: int
    values: int
    pack: Callable[[Array], Array]
    form: str

    def pack_groups(self, weights: Array, groups: int) -> Array:
        """Pack (filters, ...) weights group by group."""
        parts = np.split(weights.reshape(len(weights), -1), groups)
        return np.concatenate([self.pack(part) for part in parts])


PAIRS_2X2 = Tile("fx_tile_2x2", "", 2, 1, interleave_pairs, "c0, c1")
FOURS_4X1 = Tile("fx_tile_4x1", "_single", 4, 1, interleave_fours, "c0, c1, c2, c3")


DENSE_4X1 = Tile("fx_dense_4x1", "", 4, 1, interleave_fours, "c0, c1, c2, c3")


def linear_data(p: LinearParams, packed: Array, form: str) -> tuple[Data, ...]:
    """Return weights, bias and multipliers."""
    multipliers = np.resize(np.array(p.rescale.multipliers), p.bias.shape)
    bound = f"accumulators lie within {p.least:,} .. {p.greatest:,}"
    unit = f"in 2^-{p.rescale.down}"
    return (
        Data("weights", f"{packed.dtype}_t", packed, f"{packed.dtype}, {form}"),
        Data("bias", "int32_t", p.bias, f"zero point folded in; {bound}"),
        Data("multipliers", "int32_t", multipliers, f"accumulator scale / output scale, {unit}"),
    )


def tile_data(p: LinearParams, tile: Tile, groups: int = 1) -> tuple[Data, ...]:
    """Return packed weights; bias and multipliers of each group fill whole tiles."""
    packed = tile.pack_groups(p.weights, groups)
    weights, *others = linear_data(
        p, packed, f"[{packed.shape[0]}][{packed.shape[1]}][{tile.form}]"
    )
    return (
        weights,
        *(replace(data, values=fill_tiles(data, tile.filters, groups)) for data in others),
    )


def fill_tiles(data: Data, filters: int, groups: int) -> Array:
    """Return values of filters, those of each group a multiple of `filters`."""
    fill = 1 if data.role == "multipliers" else 0
    parts = np.split(data.values, groups)
    return np.concatenate([pad_to_multiple(part, fill, filters) for part in parts])


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


def bind_conv2d(tile: Tile, op: Conv2d, signature: Signature) -> Binding:
    """Gather a patch, or two, then multiply some filters at a time."""
    p = op.params(signature)
    filters, kh, kw, depth = p.weights.shape
    (window,) = op.windows(signature)
    patch = kh * kw * depth
    surplus = -patch % tile.values
    return Binding(
        f"conv2d{tile.kind}_{conv_name(op, signature)}{group_name(op)}",
        f"One row of a {kh}x{kw} convolution",
        conv_params(op, signature, p)
        | group_params(op, filters)
        | {
            "tile": tile.function,
            "padded": patch + surplus,
            "surplus": surplus,
            "is_run": op.group == 1 and op.dilations[1] == 1,
            "beyond": window.overhangs(signature.inputs[0].rows, signature.output.rows),
        },
        tile_data(p, tile, op.group),
    )


def group_name(op: Conv2d) -> str:
    """Name the groups of a convolution that has several."""
    if op.group == 1:
        return ""
    return f"_g{op.group}" + ("_interleaved" if op.interleave else "")


def group_params(op: Conv2d, filters: int) -> dict[str, object]:
    """Return how many filters a group has, and how far apart its results and the groups stand."""
    group_filters = filters // op.group
    return {
        "group_filters": group_filters,
        "filter_step": op.group if op.interleave else 1,
        "group_step": 1 if op.interleave else group_filters,
    }


def bind_pointwise(tile: Tile, op: Conv2d, signature: Signature) -> Binding:
    """A 1x1 convolution reads its pixels where they are."""
    p = op.params(signature)
    channels = signature.inputs[0].channels
    surplus = -channels % tile.values
    return Binding(
        f"pointwise{tile.kind}_{conv_name(op, signature)}",
        "One row of a 1x1 convolution",
        conv_params(op, signature, p)
        | {"tile": tile.function, "padded": channels + surplus, "surplus": surplus},
        tile_data(p, tile),
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
            "has_edges": has_edges(op, signature),
        },
        linear_data(p, packed, f"[{kh}][{kw}][{channels} channels]"),
    )


def bind_dense(tile: Tile, op: Dense, signature: Signature) -> Binding:
    """Four outputs at a time."""
    p = op.params(signature)
    outputs, depth = p.weights.shape
    return Binding(
        f"dense_{depth}x{outputs}",
        "A dense layer",
        {
            "inputs": depth,
            "outputs": outputs,
            "tile": tile.function,
            "padded": "inputs" if tile.values == 1 else depth + -depth % tile.values,
            **rescale_params(p.rescale),
        },
        tile_data(p, tile),
    )


def bind_matmul(op: MatMul, signature: Signature) -> Binding:
    """Steps through the second matrices as they lie."""
    p, sizes = op.params(signature), matmul_sizes(op, signature)
    batch, rows, depth, columns = (sizes[key] for key in ("batch", "rows", "depth", "columns"))
    return Binding(
        f"matmul_{batch}x{rows}x{depth}x{columns}",
        f"{batch} products of {rows}x{depth} and {depth}x{columns} matrices",
        {
            **sizes,
            "a_zero": p.zero_points[0],
            "b_zero": p.zero_points[1],
            "sum": sum_type(p.bound),
            "multiplier": p.rescale.multipliers[0],
            "sign": "-" if p.sign < 0 else "",
            **rescale_params(p.rescale),
        },
    )


def bind_matmul_integer(op: MatMulInteger, signature: Signature) -> Binding:
    """Computed matrices are bytes, constant ones have their own type."""
    batch, rows, depth = signature.inputs[0].shape
    columns = signature.output.shape[2]
    computed: list[str] = []
    held: list[str] = []
    texts: dict[str, str] = {}
    for name, kind, constant, zero in zip(
        "ab", signature.inputs, signature.constants, op.zero_points, strict=True
    ):
        is_held = constant is not None
        ctype = kind.dtype.ctype if is_held else "int8_t"
        (held if is_held else computed).append(f"const {ctype} *{name}")
        texts[f"{name}_type"] = ctype
        texts[f"{name}_cast"] = "(uint8_t)" if ctype != kind.dtype.ctype else ""
        texts[f"{name}_offset"] = f" - ({zero})" if zero else ""
    return Binding(
        f"matmul_integer_{batch}x{rows}x{depth}x{columns}",
        f"{batch} exact products of {rows}x{depth} and {depth}x{columns} matrices",
        {
            "parameters": ", ".join((*computed, "int8_t *out", *held)),
            "batch": batch,
            "rows": rows,
            "depth": depth,
            "columns": columns,
            **texts,
        },
        tuple(
            Data(f"operand_{name}", kind.dtype.ctype, constant, f"operand {name}")
            for name, kind, constant in zip(
                "ab", signature.inputs, signature.constants, strict=True
            )
            if constant is not None
        ),
    )


def wide_operand(signature: Signature) -> str:
    """Say which operands have 16 bits."""
    kinds = zip(("activations", "weights"), signature.inputs, strict=False)
    return " with int16 " + " and ".join(n for n, kind in kinds if kind.dtype is DType.INT16)


def wide_params(p: LinearParams) -> dict[str, object]:
    """Return the types of weights and of sums: 64 bits where 32 are not proved to hold them."""
    return {"weight": f"{p.weights.dtype}_t", "sum": sum_type(max(-p.least, p.greatest))}


def sum_type(bound: int) -> str:
    """Return the C type of sums up to a bound."""
    return "int32_t" if bound <= INT32_MAX else "int64_t"


def matmul_sizes(op: MatMul, signature: Signature) -> dict[str, object]:
    """Return sizes of matrices, and how far apart columns and rows of the second are."""
    batch, rows, depth = signature.inputs[0].shape
    columns = signature.output.shape[2]
    return {
        "batch": batch,
        "rows": rows,
        "depth": depth,
        "columns": columns,
        "column_pitch": depth if op.transposed else 1,
        "row_pitch": 1 if op.transposed else columns,
    }


def bind_conv2d_wide(op: Conv2d, signature: Signature) -> Binding:
    """Filter by filter, with weights as they are stored."""
    p = op.params(signature)
    filters, kh, kw, _ = p.weights.shape
    (window,) = op.windows(signature)
    beyond = window.overhangs(signature.inputs[0].rows, signature.output.rows)
    return Binding(
        f"conv2d_wide_{conv_name(op, signature)}{group_name(op)}",
        f"One row of a {kh}x{kw} convolution{wide_operand(signature)}",
        conv_params(op, signature, p)
        | group_params(op, filters)
        | {"beyond": beyond, "beside": op.pads[1] > 0 or op.pads[3] > 0}
        | wide_params(p),
        linear_data(p, p.weights, "[filters][rows][columns][channels]"),
    )


def bind_dense_wide(op: Dense, signature: Signature) -> Binding:
    """Output by output, with weights as they are stored."""
    p = op.params(signature)
    outputs, inputs = p.weights.shape
    return Binding(
        f"dense_wide_{inputs}x{outputs}",
        f"{outputs} sums of {inputs} products{wide_operand(signature)}",
        {"inputs": inputs, "outputs": outputs, **rescale_params(p.rescale), **wide_params(p)},
        linear_data(p, p.weights, "[outputs][inputs]"),
    )
