"""ONNX forms of operators on groups of values: reductions, selections, running sums, products."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from onnx import helper

from codegen.export.moves import reshaped
from codegen.export.writer import NoForm, Writer, order
from codegen.frontend.operand import View
from codegen.ir.graph import Node
from codegen.ops import CumSum, Hardmax, LogSoftmax, MatMul, Reduce, SelectIndices, SelectValues
from codegen.ops.reduce import Kind

REDUCTIONS: Mapping[Kind, str] = {
    "sum": "ReduceSum",
    "mean": "ReduceMean",
    "l1": "ReduceL1",
    "l2": "ReduceL2",
    "sum_square": "ReduceSumSquare",
    "log_sum": "ReduceLogSum",
    "log_sum_exp": "ReduceLogSumExp",
    "prod": "ReduceProd",
}
AXES_OPERAND = 18
"""The operator set from which on reductions have their axes as an operand; sums have it always."""


def write_reduce(writer: Writer, node: Node) -> View:
    """A Reduce operator along the middle dimension; means of rows along the last of two."""
    assert isinstance(node.op, Reduce)
    if node.op.kind == "mean":
        return write_mean(writer, node)
    view = writer.views[node.inputs[0]]
    y = reduced(writer, REDUCTIONS[node.op.kind], view.tensor, node.output, view.perm[1] + 1)
    return View(y, node.output, view.perm)


def write_mean(writer: Writer, node: Node) -> View:
    """ReduceMean of rows; a mean over part of an image is an average pool."""
    x = node.inputs[0]
    outer, size, inner = writer.shape(x)
    if inner != 1:
        raise NoForm("a mean over the middle dimension of a value that is no image")
    rows = reshaped(writer, writer.tensor(x, (0, 1, 2)), (1, outer, size), f"{node.output}_rows")
    y = reduced(writer, "ReduceMean", rows, f"{node.output}_means", 2)
    whole = reshaped(writer, y, (1, outer, 1, 1), node.output)
    return View(whole, node.output, (0, 1, 2))


def reduced(writer: Writer, op_type: str, tensor: str, output: str, axis: int) -> str:
    """Add a reduction along one axis, which stays."""
    if op_type != "ReduceSum" and writer.opset < AXES_OPERAND:
        return writer.node(op_type, [tensor], output, axes=[axis])
    return writer.node(op_type, [tensor, writer.numbers(f"{output}_axes", (axis,))], output)


def write_values(writer: Writer, node: Node) -> View:
    """ReduceMax or ReduceMin, or the values of TopK."""
    op = node.op
    assert isinstance(op, SelectValues)
    view = writer.views[node.inputs[0]]
    axis = view.perm[1] + 1
    if op.k == 1:
        op_type = "ReduceMax" if op.greatest else "ReduceMin"
        return View(
            reduced(writer, op_type, view.tensor, node.output, axis), node.output, view.perm
        )
    y = top_k(writer, node, op, view.tensor, axis)[0]
    return View(y, node.output, view.perm)


def write_indices(writer: Writer, node: Node) -> View:
    """ArgMax or ArgMin, or the indices of TopK."""
    op = node.op
    assert isinstance(op, SelectIndices)
    view = writer.views[node.inputs[0]]
    axis = view.perm[1] + 1
    if op.k > 1:
        return View(top_k(writer, node, op, view.tensor, axis)[1], node.output, view.perm)
    op_type = "ArgMax" if op.greatest else "ArgMin"
    y = writer.node(op_type, [view.tensor], node.output, axis=axis, select_last_index=int(op.last))
    return View(y, node.output, view.perm)


def top_k(
    writer: Writer, node: Node, op: SelectValues | SelectIndices, tensor: str, axis: int
) -> tuple[str, str]:
    """Add a TopK and return its values and indices."""
    k = writer.numbers(f"{node.output}_k", (op.k,))
    values, indices = (writer.unique(f"{node.output}_{part}") for part in ("values", "indices"))
    results = [values, indices]
    writer.nodes.append(
        helper.make_node("TopK", [tensor, k], results, axis=axis, largest=int(op.greatest))
    )
    return values, indices


def write_cum_sum(writer: Writer, node: Node) -> View:
    """CumSum along the middle dimension."""
    op = node.op
    assert isinstance(op, CumSum)
    view = writer.views[node.inputs[0]]
    axis = writer.stored(f"{node.output}_axis", np.asarray(view.perm[1] + 1, np.int64))
    y = writer.node(
        "CumSum",
        [view.tensor, axis],
        node.output,
        exclusive=int(op.exclusive),
        reverse=int(op.reverse),
    )
    return View(y, node.output, view.perm)


def write_hardmax(writer: Writer, node: Node) -> View:
    """Hardmax along the middle dimension."""
    assert isinstance(node.op, Hardmax)
    view = writer.views[node.inputs[0]]
    y = writer.node("Hardmax", [view.tensor], node.output, axis=view.perm[1] + 1)
    return View(y, node.output, view.perm)


def write_log_softmax(writer: Writer, node: Node) -> View:
    """LogSoftmax along the last dimension."""
    assert isinstance(node.op, LogSoftmax)
    view = writer.views[node.inputs[0]]
    y = writer.node("LogSoftmax", [view.tensor], node.output, axis=view.perm[-1] + 1)
    return View(y, node.output, view.perm)


def write_matmul(writer: Writer, node: Node) -> View:
    """MatMul of two values, the second transposed or not, and the factor."""
    op = node.op
    assert isinstance(op, MatMul)
    a, b = node.inputs
    second = writer.tensor(b, (0, 2, 1) if op.transposed else (0, 1, 2))
    inputs = [writer.tensor(a, (0, 1, 2)), second]
    if op.factor == 1:
        y = writer.node("MatMul", inputs, node.output)
    else:
        product = writer.node("MatMul", inputs, f"{node.output}_product")
        factor = writer.number(f"{node.output}_factor", op.factor)
        y = writer.node("Mul", [product, factor], node.output)
    return View(y, node.output, order(writer.shape(node.output)))
