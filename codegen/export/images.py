"""ONNX forms of Resize and LRN."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import product

from onnx import helper

from codegen.export.writer import NoForm, Writer, inverse
from codegen.frontend.call import Call
from codegen.frontend.convert.resize import Scaling, line_of
from codegen.frontend.operand import Unsupported, View
from codegen.ir.graph import Node
from codegen.ir.types import Loc
from codegen.ops import Lrn, Resize

COORDINATES = ("asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners")
ROUNDINGS = ("floor", "round_prefer_floor", "round_prefer_ceil", "ceil")


def write_lrn(writer: Writer, node: Node) -> View:
    """LRN, its channels first."""
    op = node.op
    assert isinstance(op, Lrn)
    rank = len(writer.shape(node.output))
    perm = (*range(1, rank), 0)
    x = writer.tensor(node.inputs[0], perm)
    y = writer.node(
        "LRN", [x], node.output, size=op.size, alpha=op.alpha, beta=op.beta, bias=op.bias
    )
    return View(y, node.output, perm)


def write_resize(writer: Writer, node: Node) -> View:
    """Resize with the coordinates and rounding that read the places which the value reads."""
    op = node.op
    assert isinstance(op, Resize)
    sizes = writer.shape(node.inputs[0])[:2]
    for attributes, scales in ways(op, sizes):
        proto = helper.make_node("Resize", ["x"], ["y"], **attributes)
        call = Call(proto, (), writer.opset, Loc())
        axes = [Scaling(*found) for found in zip(sizes, op.size, scales, strict=True)]
        try:
            lines = [line_of(call, axis, op.linear) for axis in axes]
        except Unsupported:
            continue
        if lines == [op.rows, op.columns]:
            break
    else:
        raise NoForm("the places that a resize reads are those of no mode")
    perm = writer.perm(node.inputs[0])
    x = writer.tensor(node.inputs[0], perm)
    if scales == counted(op, sizes):
        whole = writer.shape(node.output)
        counts = writer.numbers(f"{node.output}_sizes", (1, *(whole[a] for a in inverse(perm))))
        inputs = [x, "", "", counts]
    else:
        kept = (*scales, Fraction(1))
        factors = (Fraction(1), *(kept[axis] for axis in inverse(perm)))
        inputs = [x, "", writer.singles(f"{node.output}_scales", factors)]
    return View(writer.node("Resize", inputs, node.output, **attributes), node.output, perm)


def counted(op: Resize, sizes: tuple[int, ...]) -> tuple[Fraction, ...]:
    """Return the scales that follow from sizes."""
    return tuple(Fraction(n, size) for n, size in zip(op.size, sizes, strict=True))


def ways(
    op: Resize, sizes: tuple[int, ...]
) -> Iterator[tuple[dict[str, str], tuple[Fraction, ...]]]:
    """Yield the attributes of Resize, and scales, that may read what `op` reads."""
    steps = tuple(Fraction(line[0], line[2]) for line in (op.rows, op.columns))
    scales = [counted(op, sizes)]
    if all(steps):
        scales.append(tuple(1 / step for step in steps))
    mode = "linear" if op.linear else "nearest"
    for found, coordinates, rounding in product(scales, COORDINATES, ROUNDINGS):
        if op.linear and rounding != ROUNDINGS[0]:
            continue
        named = {"mode": mode, "coordinate_transformation_mode": coordinates}
        yield ({**named, "nearest_mode": rounding} if not op.linear else named), found
