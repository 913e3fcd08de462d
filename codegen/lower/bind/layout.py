"""Bind operators that move values, and Resize."""

from __future__ import annotations

import numpy as np

from codegen.ir.op import Signature
from codegen.ir.types import DType
from codegen.lower.bind.binding import Binding
from codegen.ops import Concat, Copy, Deliver, DepthToSpace, Pad, Resize, Slice, Transpose
from codegen.ops.resize import Line


def bind_copy(op: Copy, signature: Signature) -> Binding:
    """Pixel by pixel."""
    y = signature.output
    params = {"pixels": y.width, "size": y.pixel_bytes}
    return Binding(f"copy_{y.width}x{y.pixel_bytes}", "Copy one row", params)


def bind_deliver(op: Deliver, signature: Signature) -> Binding:
    """The caller's own function."""
    return Binding("sink", "The caller's function", {"ctype": signature.output.dtype.ctype})


def bind_concat(op: Concat, signature: Signature) -> Binding:
    """Copies in turn from each operand; rows of the result are made of rows of all."""
    assert op.axis > 0, "a concatenation of rows is placed"
    outer = int(np.prod(signature.output.shape[1 : op.axis], dtype=np.int64))
    sizes = [t.row_bytes // outer for t in signature.inputs]
    return Binding(
        f"concat_{outer}x{sum(sizes)}",
        f"One row of a concatenation along axis {op.axis}",
        {"outer": outer, "operands": [{"name": f"x{i}", "n": n} for i, n in enumerate(sizes)]},
    )


def bind_pad(op: Pad, signature: Signature) -> Binding:
    """Fill, then copy the operand's row into place."""
    columns, run = pixels_of_row(signature.inputs[0].shape)
    out_columns, out_run = pixels_of_row(signature.output.shape)
    left = op.before[1] if len(op.before) == 3 else 0
    dtype, value = signature.output.dtype, op.params(signature)
    return Binding(
        f"pad_{out_columns}x{out_run}{of_type(dtype)}",
        "One row of a padded value",
        {
            "size": signature.output.row_bytes,
            "value": value,
            "fill": fill_byte(value, dtype),
            "ctype": dtype.ctype,
            "element": dtype.size_bytes,
            "columns": columns,
            "run": run * dtype.size_bytes,
            "column_pitch": out_run * dtype.size_bytes,
            "first": (left * out_run + op.before[-1]) * dtype.size_bytes,
        },
    )


def of_type(dtype: DType) -> str:
    """Return what the name of a function that moves wide elements ends with."""
    return "" if dtype.size_bytes == 1 else f"_of_{8 * dtype.size_bytes}"


def fill_byte(value: int, dtype: DType) -> int | None:
    """Return the byte that all bytes of an element are; None where they differ."""
    parts = set(np.array(value, dtype.numpy).tobytes())
    return parts.pop() if len(parts) == 1 else None


def bind_transpose(op: Transpose, signature: Signature) -> Binding:
    """Four nested loops over the output, or one row of it, with the operand's strides."""
    shape, perm = signature.inputs[0].shape, op.perm
    if op.keeps_rows:
        shape, perm = shape[1:], tuple(axis - 1 for axis in perm[1:])
    dtype = signature.output.dtype
    sizes, elements = transpose_loops(shape, perm)
    strides = tuple(stride * dtype.size_bytes for stride in elements)
    return Binding(
        "transpose_" + "x".join(map(str, sizes)) + of_type(dtype),
        f"{'One row of a transposition' if op.keeps_rows else 'Transposition'} by {op.perm}",
        {"sizes": sizes, "strides": strides, "element": dtype.size_bytes},
    )


def bind_slice(op: Slice, signature: Signature) -> Binding:
    """Loops over all dimensions but the innermost that lie side by side in both values."""
    inner = 1 if len(op.shape) > 1 else 0
    dtype = signature.output.dtype
    sizes, strides, run, first = slice_loops(
        (*signature.inputs[0].shape[inner:], dtype.size_bytes),
        (*op.starts[inner:], 0),
        (*op.shape[inner:], dtype.size_bytes),
        (*op.steps[inner:], 1),
    )
    ranges = "x".join(map(str, op.shape[inner:]))
    return Binding(
        f"slice_{ranges}{of_type(dtype)}",
        f"{ranges} values of a row",
        {"sizes": sizes, "strides": strides, "run": run, "first": first},
    )


def bind_resize(op: Resize, signature: Signature) -> Binding:
    """Positions along lines, as numbers."""
    x, y = signature.inputs[0], signature.output
    kind = "linear" if op.linear else "nearest"
    return Binding(
        f"resize_{kind}_{y.width}x{y.channels}",
        f"One row of {x.rows}x{x.width} resized to {y.rows}x{y.width}, {kind}",
        {
            "channels": x.channels,
            "size": x.pixel_bytes,
            "out_width": y.width,
            "rows": line_params(op.rows, x.rows),
            "columns": line_params(op.columns, x.width),
            "shares": op.shares,
            "raised": -x.dtype.min,
            "pixel": x.pixel_bytes,
            "lift": -x.dtype.min * op.shares + op.shares // 2,
        },
    )


def bind_depth_to_space(op: DepthToSpace, signature: Signature) -> Binding:
    """Pixels of a block's row lie side by side, those of each group apart."""
    x, y = signature.inputs[0], signature.output
    tall, wide = op.block
    depth = y.pixel_bytes // op.groups
    return Binding(
        f"depth_to_space_{y.width}x{y.pixel_bytes}",
        f"One row of pixels spread over blocks of {tall}x{wide}",
        {
            "out_width": y.width,
            "depth": depth,
            "groups": op.groups,
            "group": x.pixel_bytes // op.groups,
            "channels": x.pixel_bytes,
            "rows": tall,
            "columns": wide,
            "top": op.first[0],
            "begin": (op.first[1] // wide) * x.pixel_bytes,
            "column": op.first[1] % wide,
        },
    )


def line_params(line: Line, size: int) -> dict[str, int]:
    """Return what names the positions along an axis of `size`."""
    step, offset, divisor = line
    return {"step": step, "offset": offset, "divisor": divisor, "last": (size - 1) * divisor}


def slice_loops(
    shape: tuple[int, ...], starts: tuple[int, ...], counts: tuple[int, ...], steps: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...], int, int]:
    """Return sizes and operand strides of three loops, the length of a run, and where it begins.

    Raises ValueError where more than three dimensions move apart from each other.
    """
    pitches = [int(np.prod(shape[axis + 1 :], dtype=np.int64)) for axis in range(len(shape))]
    first = sum(start * pitch for start, pitch in zip(starts, pitches, strict=True))
    loops: list[tuple[int, int]] = []
    run = 1
    for count, step, pitch in reversed(list(zip(counts, steps, pitches, strict=True))):
        stride = step * pitch
        if not loops and stride == run:
            run *= count
        elif count == 1:
            continue
        elif loops and stride == loops[0][0] * loops[0][1]:
            loops[0] = (loops[0][0] * count, loops[0][1])
        else:
            loops.insert(0, (count, stride))
    if len(loops) > 3:
        raise ValueError(f"slicing moves {len(loops)} dimensions, three at most")
    loops = [(1, 0)] * (3 - len(loops)) + loops
    return tuple(count for count, _ in loops), tuple(step for _, step in loops), run, first


def pixels_of_row(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the pixels of a row and their length; ValueError for more than three dimensions."""
    if len(shape) > 3:
        raise ValueError(f"padding of {len(shape)} dimensions is not supported, only of three")
    return (shape[1] if len(shape) == 3 else 1), shape[-1]


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
