"""ONNX forms of operators that move values: Reshape, Transpose, Concat, Pad, Slice."""

from __future__ import annotations

import math

import numpy as np
from onnx import helper

from codegen.export.writer import NoForm, Writer, inverse, order
from codegen.frontend.operand import View
from codegen.ir.graph import Graph, Node
from codegen.ops import (
    Cast,
    Concat,
    Constant,
    Dense,
    Lookup,
    Pad,
    Slice,
    Take,
    Transpose,
)
from codegen.ops.take import FILL


def write_reshape(writer: Writer, node: Node) -> View:
    """Reshape of the elements in the value's order; what is transposed but for ones is that."""
    (x,) = node.inputs
    shape, perm = writer.shape(x), writer.perm(x)
    axes = [axis for axis in inverse(perm) if shape[axis] != 1]
    if axes != sorted(axes) and is_read_by_dense(writer.graph, node):
        places = np.arange(math.prod(shape)).reshape(shape)
        writer.vectors[node.output] = places.transpose(inverse(perm)).ravel()
    elif axes != sorted(axes):
        perm = order(shape)
    wanted = writer.shape(node.output)
    y = reshaped(writer, writer.tensor(x, perm), (1, *wanted), node.output)
    return View(y, node.output, order(wanted))


def reshaped(writer: Writer, tensor: str, shape: tuple[int, ...], output: str) -> str:
    """Add a Reshape and return its result."""
    return writer.node("Reshape", [tensor, writer.numbers(f"{output}_shape", shape)], output)


def is_read_by_dense(graph: Graph, node: Node) -> bool:
    """The result is a vector that only dense layers read: their weights may take its order."""
    readers = graph.consumers().get(node.output, ())
    is_vector = len(graph.types[node.output].shape) == 1 and node.output not in graph.outputs
    return is_vector and all(isinstance(reader.op, Dense) for reader in readers)


def write_transpose(writer: Writer, node: Node) -> View:
    """No operator: the same tensor seen in another layout."""
    assert isinstance(node.op, Transpose)
    view = writer.views[node.inputs[0]]
    return View(view.tensor, node.output, tuple(view.perm[axis] for axis in node.op.perm))


def write_concat(writer: Writer, node: Node) -> View:
    """Concat in the layout of most operands."""
    assert isinstance(node.op, Concat)
    perms = [writer.perm(name) for name in node.inputs if name in writer.views]
    perm = max(perms, key=perms.count)
    tensors = [writer.tensor(name, perm) for name in node.inputs]
    y = writer.node("Concat", tensors, node.output, axis=perm[node.op.axis] + 1)
    return View(y, node.output, perm)


def write_pad(writer: Writer, node: Node) -> View:
    """Pad with a constant."""
    op = node.op
    assert isinstance(op, Pad)
    view = writer.views[node.inputs[0]]
    axes = inverse(view.perm)
    before, after = ([counts[axis] for axis in axes] for counts in (op.before, op.after))
    pads = writer.numbers(f"{node.output}_pads", (0, *before, 0, *after))
    value = writer.number(f"{node.output}_value", op.value)
    return View(writer.node("Pad", [view.tensor, pads, value], node.output), *view_of(node, view))


def write_slice(writer: Writer, node: Node) -> View:
    """Slice; a range that ends before the first index has the least end there is."""
    op = node.op
    assert isinstance(op, Slice)
    view = writer.views[node.inputs[0]]
    ranges = zip(op.starts, op.shape, op.steps, strict=True)
    ends = [start + count * step for start, count, step in ranges]
    numbers = (
        op.starts,
        tuple(end if end >= 0 else -(2**31) for end in ends),
        tuple(axis + 1 for axis in view.perm),
        op.steps,
    )
    names = ("starts", "ends", "axes", "steps")
    parameters = [
        writer.numbers(f"{node.output}_{name}", found)
        for name, found in zip(names, numbers, strict=True)
    ]
    return View(writer.node("Slice", [view.tensor, *parameters], node.output), *view_of(node, view))


def write_take(writer: Writer, node: Node) -> View:
    """Gather of all elements in a row; a fill value stands behind them."""
    op = node.op
    assert isinstance(op, Take)
    x, index = node.inputs
    places = writer.graph.constants[index].astype(np.int64)
    if (places == FILL).any():
        raise NoForm("a choice of elements, some of them none")
    shape = writer.shape(x)
    tensor = writer.tensor(x, order(shape))
    if len(shape) != 1:
        tensor = reshaped(writer, tensor, (1, math.prod(shape)), f"{node.output}_elements")
    chosen = writer.stored(index, places)
    y = writer.node("Gather", [tensor, chosen], node.output, axis=1)
    return View(y, node.output, order(places.shape))


def write_lookup(writer: Writer, node: Node) -> View:
    """Gather of computed indices from a table."""
    assert isinstance(node.op, Lookup)
    table, index = node.inputs
    places = writer.tensor(index, (0,))
    if table in writer.graph.constants:
        parts = writer.node(
            "Gather", [writer.constant(table, (0, 1, 2)), places], f"{node.output}_parts", axis=1
        )
    else:
        held = writer.tensor(table, (0, 1, 2))
        parts = writer.node("Gather", [held, places], f"{node.output}_parts", axis=2)
    shape = writer.shape(node.output)
    return View(reshaped(writer, parts, (1, *shape), node.output), node.output, order(shape))


def write_cast(writer: Writer, node: Node) -> View:
    """Cast."""
    assert isinstance(node.op, Cast)
    view = writer.views[node.inputs[0]]
    element = helper.np_dtype_to_tensor_dtype(node.op.dtype.numpy)
    return View(writer.node("Cast", [view.tensor], node.output, to=element), *view_of(node, view))


def write_constant(writer: Writer, node: Node) -> View:
    """No operator: an initializer read as a value."""
    assert isinstance(node.op, Constant)
    (name,) = node.inputs
    perm = order(writer.shape(name))
    return View(writer.tensor(name, perm), node.output, perm)


def view_of(node: Node, operand: View) -> tuple[str, tuple[int, ...]]:
    """Return name and layout of a result that lies as its operand does."""
    return node.output, operand.perm
