"""Nodes whose result is known before the network runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper

from codegen.frontend.call import Call
from codegen.frontend.operand import Const, Unsupported
from codegen.ir.types import Array

RANDOM = (
    "Bernoulli",
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
)
MOVES = ("Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
"""Operators that leave the elements of their first operand as they are."""


def fold_node(call: Call) -> tuple[Const | None, ...]:
    """Return the results of a node whose operands are all constant.

    Integers with a scale for the whole tensor, or transposed with their axis, stay integers.
    """
    if call.proto.op_type in RANDOM:
        raise Unsupported("gives random values")
    first = call.operand(0)
    if isinstance(first, Const) and first.is_quantized and call.proto.op_type in MOVES:
        axis = _moved_axis(call, first)
        if first.axis is None or axis is not None:
            data = _run(call, integers=True)[0]
            return (Const(call.output, data, first.scales, first.zero_points, axis),)
    results = iter(_run(call))
    names = (str(name) for name in call.proto.output)
    return tuple(Const(name, next(results)) if name else None for name in names)


def shape_of(call: Call, shape: tuple[int, ...]) -> Const:
    """Return the result of Shape for a value of known shape, the batch included."""
    start, end = call.integer("start", 0), call.integer("end", len(shape))
    return Const(call.output, np.asarray(shape, np.int64)[start:end])


def _moved_axis(call: Call, const: Const) -> int | None:
    if const.axis is None or call.proto.op_type != "Transpose":
        return const.axis if call.proto.op_type == "Identity" else None
    perm = call.integers("perm") or tuple(reversed(range(const.data.ndim)))
    return perm.index(const.axis)


def _run(call: Call, integers: bool = False) -> list[Array]:
    arrays = [
        (const.data if integers or not const.is_quantized else const.real().astype(np.float32))
        if isinstance(const, Const)
        else None
        for const in call.operands
    ]
    return run_node(call, arrays)


def run_node(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """Return what ONNX says a node makes of these operands; None stands for one that is absent."""
    from onnx.reference import ReferenceEvaluator

    node = onnx.NodeProto()
    node.CopyFrom(call.proto)
    node.ClearField("input")
    node.input.extend("" if a is None else f"operand_{i}" for i, a in enumerate(arrays))
    given = zip(node.input, arrays, strict=True)
    feeds = {str(name): array for name, array in given if array is not None}
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
        for name, a in feeds.items()
    ]
    outputs = [onnx.ValueInfoProto(name=name) for name in call.proto.output if name]
    graph = helper.make_graph([node], "fold", inputs, outputs)
    opset = [helper.make_opsetid(call.proto.domain, call.opset)]
    try:
        model = helper.make_model(graph, opset_imports=opset)
        return [np.asarray(y) for y in ReferenceEvaluator(model).run(None, feeds)]
    except Exception as error:
        raise Unsupported(f"cannot be evaluated: {error}") from error
