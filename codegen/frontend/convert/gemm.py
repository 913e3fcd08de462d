"""Gemm: a matrix product, scaled, plus anything that broadcasts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.convert.affine import convert_add, convert_mul
from codegen.frontend.convert.linear import Product, emit_product, product, shape_of
from codegen.frontend.convert.samples import step_of
from codegen.frontend.operand import Const, Operand, Unsupported, View


def convert_gemm(builder: Builder, call: Call) -> View:
    """Gemm: alpha, beta and a bias for each output of a constant go into its numbers.

    Any other bias is added, which rounds once more.
    """
    a, b, bias = (call.operand(i) for i in range(3))
    labels = [("m", "k"), ("k", "n")]
    for i, name in enumerate(("transA", "transB")):
        if len(shape_of(builder, (a, b)[i])) != 2:
            raise Unsupported(f"operand {i} is no matrix")
        labels[i] = labels[i][::-1] if call.integer(name, 0) else labels[i]
    wanted = product(builder, (a, b), labels, ("m", "n"), call.real("alpha", 1.0))
    beta = call.real("beta", 1.0)
    if bias is None or beta == 0:
        return emit_product(builder, call, wanted)
    if isinstance(bias, Const):
        bias = Const(bias.name, bias.real() * beta) if beta != 1 else bias
        folded = bias_of_outputs(wanted, bias)
        if folded is not None:
            return emit_product(builder, call, replace(wanted, bias=folded))
    hidden = step_of(call, f"{call.output}_product"), step_of(call, f"{call.output}_bias")
    terms: tuple[Operand, Operand] = (emit_product(builder, hidden[0], wanted), bias)
    if isinstance(bias, View) and beta != 1:
        factor = Const(f"{call.output}_beta", np.float32(beta).reshape(1))
        terms = terms[0], convert_mul(builder, replace(hidden[1], operands=(bias, factor)))
    y = convert_add(builder, replace(call, operands=terms))
    for step in hidden:
        builder.forget(step.output)
    return y


def bias_of_outputs(wanted: Product, bias: Const) -> Const | None:
    """Return a constant as a number for each output of the constant factor, if it is that."""
    constant = [isinstance(factor.operand, Const) for factor in wanted.factors]
    if not any(constant):
        return None
    rows, columns = (1, 1, *bias.data.shape)[-2:]
    own, other = (columns, rows) if constant[1] else (rows, columns)
    if other > 1 or own not in (1, wanted.sizes["n" if constant[1] else "m"]):
        return None
    axis = None if bias.axis is None else 0
    return replace(bias, data=bias.data.ravel(), axis=axis)
