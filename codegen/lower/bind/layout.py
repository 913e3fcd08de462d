"""Bind operators that move values, and Resize."""

from __future__ import annotations

import numpy as np

from codegen.ir.op import Signature
from codegen.lower.bind.binding import Binding
from codegen.ops import Concat, Copy, Deliver, Pad, Resize, Slice, Transpose
from codegen.ops.resize import Line


def bind_copy(op: Copy, signature: Signature) -> Binding:
    """Pixel by pixel."""
    y = signature.output
    params = {"pixels": y.width, "channels": y.channels}
    return Binding(f"copy_{y.width}x{y.channels}", "Copy one row", params)


def bind_deliver(op: Deliver, signature: Signature) -> Binding:
    """The caller's own function."""
    return Binding("sink", "The caller's function", {})


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


def bind_slice(op: Slice, signature: Signature) -> Binding:
    """Loops over all dimensions but the innermost that lie side by side in both values."""
    sizes, strides, run, first = slice_loops(signature.inputs[0].shape, op)
    ranges = "x".join(map(str, op.shape))
    return Binding(
        f"slice_{ranges}",
        f"{ranges} values of every dimension",
        {"sizes": sizes, "strides": strides, "run": run, "first": first},
    )


def bind_resize(op: Resize, signature: Signature) -> Binding:
    """Positions along lines, as numbers."""
    x, y = signature.inputs[0], signature.output
    kind = "linear" if op.linear else "nearest"
    return Binding(
        f"resize_{kind}_{y.rows}x{y.width}x{y.channels}",
        f"Resize {x.rows}x{x.width} to {y.rows}x{y.width}, {kind}",
        {
            "channels": x.channels,
            "row_bytes": x.row_bytes,
            "out_height": y.rows,
            "out_width": y.width,
            "rows": line_params(op.rows, x.rows),
            "columns": line_params(op.columns, x.width),
            "shares": op.shares,
            "lift": 128 * op.shares + op.shares // 2,
        },
    )


def line_params(line: Line, size: int) -> dict[str, int]:
    """Return what names the positions along an axis of `size`."""
    step, offset, divisor = line
    return {"step": step, "offset": offset, "divisor": divisor, "last": (size - 1) * divisor}


def slice_loops(
    shape: tuple[int, ...], op: Slice
) -> tuple[tuple[int, ...], tuple[int, ...], int, int]:
    """Return sizes and operand strides of three loops, the bytes of a run, and the first byte.

    Raises ValueError where more than three dimensions move apart from each other.
    """
    pitches = [int(np.prod(shape[axis + 1 :], dtype=np.int64)) for axis in range(len(shape))]
    first = sum(start * pitch for start, pitch in zip(op.starts, pitches, strict=True))
    loops: list[tuple[int, int]] = []
    run = 1
    for count, step, pitch in reversed(list(zip(op.shape, op.steps, pitches, strict=True))):
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
