"""Einsum: diagonals, transpositions, and sums of products of two operands."""

from __future__ import annotations

import math

import numpy as np

from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.convert.linear import (
    Labels,
    arranged,
    emit_product,
    order,
    product,
    shape_of,
)
from codegen.frontend.operand import Const, Unsupported, View
from codegen.ops import Reshape, Slice, Transpose


def convert_einsum(builder: Builder, call: Call) -> View:
    """Einsum of one operand or two."""
    terms, result = parse_equation(builder, call)
    if len(terms) > 2:
        raise Unsupported(f"multiplies {len(terms)} operands", "multiply two at a time")
    operands = list(call.operands[: len(terms)])
    labels = list(terms)
    made: list[str] = []
    for i, (operand, found) in enumerate(zip(operands, terms, strict=True)):
        if isinstance(operand, View) and len(set(found)) < len(found):
            operands[i], labels[i] = diagonal(builder, call, operand, found)
            made.append(f"{call.output}_{i}")
    first = operands[0]
    if len(operands) == 1 and isinstance(first, View) and {*labels[0]} == {*result}:
        return permuted(builder, call, first, tuple(map(labels[0].index, result)), made)
    if len(operands) == 1:
        operands.append(Const(f"{call.output}_ones", np.ones((), np.float32)))
        labels.append(())
    y = emit_product(builder, call, product(builder, operands, labels, result))
    for name in made:
        builder.forget(name)
    return y


def permuted(
    builder: Builder, call: Call, view: View, perm: tuple[int, ...], made: list[str]
) -> View:
    """Return `call`'s result, a tensor transposed; `made` are tensors to be forgotten."""
    x = builder.full(view, call.loc)
    for name in made:
        builder.forget(name)
    if perm == order(perm):
        return builder.emit_full(Reshape(builder.types[x].shape), (x,), call)
    return builder.emit_full(Transpose(perm), (x,), call)


def parse_equation(builder: Builder, call: Call) -> tuple[list[Labels], Labels]:
    """Return the labels of each operand and of the result; an ellipsis stands for .0, .1, ..."""
    equation = call.text("equation", "").replace(" ", "")
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(call.operands):
        raise Unsupported(f"'{equation}' is for {len(terms)} operands")
    found = []
    for term, operand in zip(terms, call.operands, strict=True):
        rank = len(shape_of(builder, operand))
        found.append(spelled(term, rank - len(term.replace("...", ""))))
        if len(found[-1]) != rank:
            raise Unsupported(f"'{equation}' has {len(found[-1])} labels for {rank} dimensions")
    dots = max((labels for labels in found), key=lambda labels: sum(map(is_dot, labels)))
    shared = tuple(label for label in dots if is_dot(label))
    if arrow:
        result = spelled(right, len(shared))
    else:
        letters = sorted(left.replace(",", "").replace(".", ""))
        result = (*shared, *(label for label in letters if letters.count(label) == 1))
    if not {*result} <= {label for labels in found for label in labels}:
        raise Unsupported(f"'{equation}' makes labels that no operand has")
    return found, result


def spelled(term: str, dots: int) -> Labels:
    """Return a term's labels, those of its ellipsis counted from the last dimension.

    >>> spelled("...ij", 2)
    ('.1', '.0', 'i', 'j')
    """
    before, ellipsis, after = term.partition("...")
    named = tuple(f".{axis}" for axis in range(dots - 1, -1, -1)) if ellipsis else ()
    return (*before, *named, *after)


def is_dot(label: str) -> bool:
    """The label is one of an ellipsis."""
    return label.startswith(".")


def diagonal(builder: Builder, call: Call, view: View, labels: Labels) -> tuple[View, Labels]:
    """Return the part of a value where the indices of each repeated label are equal."""
    axis = next(i for i, label in enumerate(labels) if labels.count(label) > 1)
    other = labels.index(labels[axis], axis + 1)
    shape = builder.full_shape(view)
    size = shape[axis]
    if shape[other] != size:
        raise Unsupported(f"label '{labels[axis]}' is for {size} and {shape[other]} indices")
    rest = tuple(i for i in range(len(shape)) if i not in (axis, other))
    kept = tuple(shape[i] for i in rest)
    x = arranged(builder, view, (*rest, axis, other), (math.prod(kept), size * size), call)
    cut = Slice((0, 0), (math.prod(kept), size), (1, size + 1))
    found = builder.add(cut, (x,), call.loc, f"{call.output}_diagonal")
    value = builder.reshaped(found, (*kept, size), call.loc)
    tensor = f"{call.output}_{call.operands.index(view)}"
    made = View(tensor, value, builder.order(value), batched=False)
    known = (*(labels[i] for i in rest), labels[axis])
    return diagonal(builder, call, made, known) if len({*known}) < len(known) else (made, known)
