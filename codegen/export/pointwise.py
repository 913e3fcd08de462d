"""ONNX forms of operators that work element by element."""

from __future__ import annotations

from collections.abc import Mapping

from codegen.export.clamp import clamped, result_name
from codegen.export.writer import NoForm, Writer
from codegen.frontend.convert.broadcast import BINARY
from codegen.frontend.convert.functions import UNARY
from codegen.frontend.operand import View
from codegen.ir.graph import Node
from codegen.ir.types import DType
from codegen.ops import Add, Clip, Elementwise, Function, Softmax
from codegen.ops.functions import VARIABLE, Expression

UNARY_OPERATORS: Mapping[str, str] = {name: op_type for op_type, (name, _) in UNARY.items()}
"""The ONNX operator of one operand for each function that has one."""
OPERATORS: Mapping[str, str] = {
    **{name: op_type for op_type, name in BINARY.items() if op_type != "Add"},
    **{"add": "Sum", "sub": "Sub", "mul": "Mul", "div": "Div"},
}
"""That of several operands."""
OF_INTEGERS: Mapping[str, str] = {"add": "Add", "neg": "Neg", "abs": "Abs", "sign": "Sign"}
"""Those of integers that are others."""
ATTRIBUTED: Mapping[str, tuple[str, dict[str, object]]] = {
    "mod": ("Mod", {"fmod": 0}),
    "fmod": ("Mod", {"fmod": 1}),
    "shift_left": ("BitShift", {"direction": "LEFT"}),
    "shift_right": ("BitShift", {"direction": "RIGHT"}),
    "gelu_tanh": ("Gelu", {"approximate": "tanh"}),
}
"""Those that an attribute tells from others."""
LOGICAL: Mapping[str, str] = {"bit_and": "And", "bit_or": "Or", "bit_xor": "Xor"}
"""Those of booleans."""


def write_add(writer: Writer, node: Node) -> View:
    """Add, and the clamp."""
    assert isinstance(node.op, Add)
    first, second = node.inputs
    perm = writer.perm(first)
    tensors = [writer.tensor(first, perm), writer.tensor(second, perm)]
    y = writer.node("Add", tensors, result_name(node.output, node.op.clamp))
    return View(clamped(writer, y, node.op.clamp, node.output), node.output, perm)


def write_clip(writer: Writer, node: Node) -> View:
    """Relu or Clip."""
    assert isinstance(node.op, Clip)
    view = writer.views[node.inputs[0]]
    y = clamped(writer, view.tensor, (node.op.low, node.op.high), node.output)
    return View(y, node.output, view.perm)


def write_requantize(writer: Writer, node: Node) -> View:
    """No operator: the same reals, which are quantized in another format behind."""
    view = writer.views[node.inputs[0]]
    return View(view.tensor, node.output, view.perm)


def write_softmax(writer: Writer, node: Node) -> View:
    """Softmax along the axis that is the value's last."""
    assert isinstance(node.op, Softmax)
    view = writer.views[node.inputs[0]]
    y = writer.node("Softmax", [view.tensor], node.output, axis=view.perm[-1] + 1)
    return View(y, node.output, view.perm)


def write_function(writer: Writer, node: Node) -> View:
    """The expression, an operator for each of its functions."""
    assert isinstance(node.op, Function)
    view = writer.views[node.inputs[0]]
    y = write_expression(writer, node.op.expression, view.tensor, node.output)
    return View(y, node.output, view.perm)


def write_expression(writer: Writer, expression: Expression, x: str, output: str) -> str:
    """Return the tensor of an expression's values at `x`."""
    if expression == VARIABLE:
        return x
    if not isinstance(expression, tuple):
        return writer.number(f"{output}_constant", expression)
    function, *operands = expression
    attributes: dict[str, object] = {}
    if function in UNARY_OPERATORS and all(isinstance(n, int | float) for n in operands[1:]):
        op_type = UNARY_OPERATORS[function]
        pairs = zip(UNARY[op_type][1], operands[1:], strict=True)
        attributes = {key: type(known)(n) for (key, known), n in pairs if n != known}
        operands = operands[:1]
    elif function in ATTRIBUTED:
        op_type, attributes = ATTRIBUTED[function]
    elif function == "add" and len(operands) == 2:
        op_type = "Add"
    elif function in OPERATORS:
        op_type = OPERATORS[function]
    else:
        raise NoForm(f"the function '{function}' has no ONNX operator")
    tensors = [write_expression(writer, operand, x, f"{output}_{function}") for operand in operands]
    return writer.node(op_type, tensors, output, **attributes)


def write_elementwise(writer: Writer, node: Node) -> View:
    """The function of several operands, which broadcast."""
    op = node.op
    assert isinstance(op, Elementwise)
    perm = next(view.perm for name in node.inputs if (view := writer.views.get(name)))
    tensors = [writer.tensor(name, perm) for name in node.inputs]
    op_type, attributes = ATTRIBUTED.get(op.kind) or (operator_of(writer, node, op), {})
    y = writer.node(op_type, tensors, node.output, **attributes)
    return View(y, node.output, perm)


def operator_of(writer: Writer, node: Node, op: Elementwise) -> str:
    """Return the ONNX operator of an elementwise function."""
    kinds = {writer.graph.types[name].dtype for name in node.inputs}
    if op.exact and kinds == {DType.BOOL} and op.kind in LOGICAL:
        return LOGICAL[op.kind]
    named = (OF_INTEGERS if op.exact else {}).get(op.kind) or OPERATORS.get(op.kind)
    if named is None:
        raise NoForm(f"the function '{op.kind}' has no ONNX operator")
    return named
