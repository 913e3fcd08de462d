"""ONNX forms of pools, and of what works on whole images."""

from __future__ import annotations

from typing import Any

from codegen.export.writer import Writer
from codegen.frontend.operand import NHWC, View
from codegen.ir.graph import Node
from codegen.ops import AveragePool, MaxPool


def write_max_pool(writer: Writer, node: Node) -> View:
    """MaxPool, or GlobalMaxPool."""
    assert isinstance(node.op, MaxPool)
    return write_pool(writer, node, "MaxPool", node.op)


def write_average_pool(writer: Writer, node: Node) -> View:
    """AveragePool, or GlobalAveragePool."""
    op = node.op
    assert isinstance(op, AveragePool)
    return write_pool(writer, node, "AveragePool", op, count_include_pad=int(op.count_include_pad))


def write_pool(
    writer: Writer, node: Node, kind: str, op: MaxPool | AveragePool, **attributes: Any
) -> View:
    """A pool over a window, or over the whole image."""
    x = writer.tensor(node.inputs[0], NHWC)
    if op.kernel_shape == writer.shape(node.inputs[0])[:2] and op.strides == (1, 1):
        return View(writer.node(f"Global{kind}", [x], node.output), node.output, NHWC)
    attributes.update(kernel_shape=op.kernel_shape, strides=op.strides, pads=op.pads)
    return View(writer.node(kind, [x], node.output, **attributes), node.output, NHWC)
