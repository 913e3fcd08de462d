"""ONNX forms of layers with weights: Conv and Gemm; the shuffle of a grouped convolution."""

from __future__ import annotations

from codegen.export.clamp import clamped, result_name
from codegen.export.writer import Writer, order
from codegen.frontend.operand import NHWC, View
from codegen.ir.graph import Node
from codegen.ops import Conv2d, Dense

FILTERS = (0, 3, 1, 2)
"""From (M, kH, kW, C / group) to the order of ONNX."""


def write_conv(writer: Writer, node: Node) -> View:
    """Conv, its clamp, and the shuffle of its groups."""
    op = node.op
    assert isinstance(op, Conv2d)
    x, w, b = node.inputs
    _, kh, kw, _ = writer.shape(w)
    base = f"{node.output}_grouped" if op.interleave else node.output
    y = writer.node(
        "Conv",
        [writer.tensor(x, NHWC), writer.constant(w, FILTERS), writer.constant(b, (0,))],
        result_name(base, op.clamp),
        kernel_shape=(kh, kw),
        strides=op.strides,
        pads=op.pads,
        dilations=op.dilations,
        group=op.group,
    )
    y = clamped(writer, y, op.clamp, base)
    if op.interleave:
        y = shuffled(writer, node, y, op.group)
    return View(y, node.output, NHWC)


def shuffled(writer: Writer, node: Node, tensor: str, group: int) -> str:
    """Let the groups of channels take turns: Reshape, Transpose, Reshape."""
    height, width, channels = writer.shape(node.output)
    apart = writer.numbers(f"{node.output}_groups", (1, group, channels // group, height, width))
    whole = writer.numbers(f"{node.output}_shape", (1, channels, height, width))
    y = writer.node("Reshape", [tensor, apart], f"{node.output}_apart")
    y = writer.node("Transpose", [y], f"{node.output}_in_turn", perm=(0, 2, 1, 3, 4))
    return writer.node("Reshape", [y, whole], node.output)


def write_dense(writer: Writer, node: Node) -> View:
    """Gemm with transposed weights, and the clamp."""
    op = node.op
    assert isinstance(op, Dense)
    x, w, b = node.inputs
    matrix = writer.graph.constants[w]
    if x in writer.vectors:
        matrix = matrix[:, writer.vectors[x]]
    y = writer.node(
        "Gemm",
        [writer.tensor(x, (0,)), writer.held(w, matrix, (0, 1)), writer.constant(b, (0,))],
        result_name(node.output, op.clamp),
        transB=1,
    )
    y = clamped(writer, y, op.clamp, node.output)
    return View(y, node.output, order(writer.shape(node.output)))
