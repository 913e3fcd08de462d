"""Sums of products, by a constant or of two computed values; MatMul is one.

Each dimension of an operand has a label, as in Einsum. Labels that both operands and the result
have are of a batch; those that only the operands have are summed over. By a constant that is a
Dense, or a 1x1 Conv2d whose groups are the batch; of two computed values it is a MatMul.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from codegen.frontend.builder import Builder, significant
from codegen.frontend.call import Call
from codegen.frontend.operand import Const, Unsupported, View, is_batched
from codegen.ir.op import Op
from codegen.ir.types import Origin
from codegen.ops import Conv2d, Dense, MatMul, Reshape

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Factor:
    """An operand of a sum of products, and the label of each of its ONNX dimensions."""

    operand: View | Const
    labels: Labels


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """A sum of products of two factors, at least one of them computed.

    `result` are the labels of the result, `sizes` those of all labels. Dimensions of size 1
    broadcast. `bias` has a number for each index of the labels that the constant alone has.
    """

    factors: tuple[Factor, Factor]
    result: Labels
    sizes: dict[str, int]
    scale: float = 1.0
    bias: Const | None = None


def convert_matmul(builder: Builder, call: Call) -> View:
    """MatMul as in NumPy: matrices, batches of them, vectors."""
    operands = call.operand(0), call.operand(1)
    ranks = [len(shape_of(builder, operand)) for operand in operands]
    batch = tuple(f"b{axis}" for axis in range(max(*ranks, 2) - 2, 0, -1))
    ends = (("m", "k"), ("k", "n"))
    labels: list[Labels] = []
    for rank, end in zip(ranks, ends, strict=True):
        labels.append(("k",) if rank == 1 else (*batch[len(batch) + 2 - rank :], *end))
    result = (*batch, *(label for label, rank in zip("mn", ranks, strict=True) if rank > 1))
    return emit_product(builder, call, product(builder, operands, labels, result))


def shape_of(builder: Builder, operand: object) -> tuple[int, ...]:
    """Return the shape of a tensor; Unsupported where there is none."""
    if isinstance(operand, Const):
        return operand.data.shape
    if isinstance(operand, View):
        return builder.full_shape(operand)
    raise Unsupported("an operand is absent")


def product(
    builder: Builder,
    operands: Sequence[object],
    labels: Sequence[Labels],
    result: Labels,
    scale: float = 1.0,
) -> Product:
    """Return the product of two operands; Unsupported where their dimensions do not agree."""
    sizes: dict[str, int] = {}
    factors = []
    for operand, found in zip(operands, labels, strict=True):
        assert isinstance(operand, View | Const)
        factors.append(Factor(operand, found))
        for label, size in zip(found, shape_of(builder, operand), strict=True):
            if 1 not in (size, known := sizes.get(label, 1)) and size != known:
                raise Unsupported(f"multiplies dimensions of {known} and {size}")
            sizes[label] = max(size, known)
    return Product((factors[0], factors[1]), result, sizes, scale)


def emit_product(builder: Builder, call: Call, wanted: Product) -> View:
    """Add the nodes that compute `call`'s result, a sum of products."""
    left, right = wanted.factors
    if isinstance(left.operand, Const):
        left, right = right, left
    if isinstance(left.operand, Const):
        raise Unsupported("multiplies two constants")
    if isinstance(right.operand, Const):
        return by_constant(builder, call, wanted, left, right)
    return of_two(builder, call, wanted, left, right)


def by_constant(builder: Builder, call: Call, wanted: Product, x: Factor, w: Factor) -> View:
    """A computed value times a constant: its batch are groups, what it sums over are channels."""
    view, const = x.operand, w.operand
    assert isinstance(view, View) and isinstance(const, Const)
    own, held = present(builder, x), present(builder, w)
    groups = [label for label in own if label in held and label in wanted.result]
    kept = [label for label in own if label not in held and label in wanted.result]
    summed = [label for label in own if label not in wanted.result]
    made = [label for label in wanted.result if label in held and label not in own]
    channels = (*groups, *summed)
    pixels = tuple(wanted.sizes[label] for label in kept)
    depth = math.prod(wanted.sizes[label] for label in channels)
    image = image_shape((*pixels, depth))
    group = math.prod(wanted.sizes[label] for label in groups)
    axes = tuple(x.labels.index(label) for label in (*kept, *channels))
    filters = weights_of(wanted, w, groups, made, summed)
    size = len(filters.data)
    op: Op = Conv2d(group=group)
    if math.prod(pixels) == group == 1:
        op, image = Dense(), (depth,)
    else:
        filters = expanded(filters)
    data = arranged(builder, view, axes, image, call)
    order = tuple(range(filters.data.ndim))
    weights = builder.weights(filters, order, wanted.scale)
    bias = builder.bias(wanted.bias, size, call.output)
    return shown(builder, call, op, (data, weights, bias), wanted, (*kept, *groups, *made))


def weights_of(
    wanted: Product, w: Factor, groups: list[str], made: list[str], summed: list[str]
) -> Const:
    """Return a constant as a matrix of filters: of each group, those of the labels it makes.

    Labels that are of the constant alone are summed over here, those it lacks are repeated.
    """
    const = w.operand
    assert isinstance(const, Const)
    order = (*groups, *made, *summed)
    held = present_labels(w.labels, const.data.shape)
    own = tuple(label for label in order if label in held)
    if len({*w.labels}) < len(w.labels) or not {*held} <= {*own}:
        numbers = {label: i for i, label in enumerate(dict.fromkeys(w.labels))}
        terms = [numbers[i] for i in w.labels], [numbers[i] for i in own]
        const = Const(const.name, np.einsum(const.real(), *terms).astype(np.float32))
    else:
        rest = tuple(label for label in w.labels if label not in own)
        const = moved(const, tuple(w.labels.index(label) for label in (*rest, *own)), len(rest))
    sizes = tuple(wanted.sizes[label] for label in order)
    outputs = math.prod(sizes[: len(groups) + len(made)])
    full = tuple(wanted.sizes[label] if label in own else 1 for label in order)
    data = np.broadcast_to(const.data.reshape(full), sizes).reshape(outputs, -1)
    if const.axis is None or const.scales is None or const.zero_points is None:
        return replace(const, data=data)
    label = own[const.axis]
    if label in summed:
        return replace(const, data=data, axis=1)
    shape = tuple(wanted.sizes[i] if i == label else 1 for i in order[: len(groups) + len(made)])
    scales, points = (
        np.broadcast_to(found.reshape(shape), sizes[: len(shape)]).ravel()
        for found in (const.scales, const.zero_points)
    )
    return Const(const.name, data, scales, points, 0)


def moved(const: Const, perm: tuple[int, ...], dropped: int) -> Const:
    """Return a constant transposed, without its first dimensions, which are 1."""
    axis = None if const.axis is None else perm.index(const.axis) - dropped
    data = const.data.transpose(perm)
    return replace(const, data=data.reshape(data.shape[dropped:]), axis=axis)


def of_two(builder: Builder, call: Call, wanted: Product, a: Factor, b: Factor) -> View:
    """Two computed values: the second as it lies, rows or columns first."""
    assert isinstance(a.operand, View) and isinstance(b.operand, View)
    left, right = present(builder, a), present(builder, b)
    batch = [label for label in left if label in right and label in wanted.result]
    summed = [label for label in left if label in right and label not in wanted.result]
    rows = [label for label in left if label not in right]
    columns = [label for label in right if label not in left]
    alone = [label for label in (*rows, *columns) if label not in wanted.result]
    if alone:
        raise Unsupported(f"sums over '{alone[0]}' of one operand alone", "sum before")
    by_rows, by_columns = (*batch, *summed, *columns), (*batch, *columns, *summed)
    transposed = right != by_rows

    def sizes(*parts: Sequence[str]) -> tuple[int, ...]:
        return tuple(math.prod(wanted.sizes[label] for label in part) for part in parts)

    def value(factor: Factor, order: Sequence[str], shape: tuple[int, ...]) -> str:
        axes = tuple(factor.labels.index(label) for label in order)
        assert isinstance(factor.operand, View)
        return arranged(builder, factor.operand, axes, shape, call)

    first = value(a, (*batch, *rows, *summed), sizes(batch, rows, summed))
    if transposed:
        second = value(b, by_columns, sizes(batch, columns, summed))
    else:
        second = value(b, by_rows, sizes(batch, summed, columns))
    op = MatMul(transposed, wanted.scale)
    return shown(builder, call, op, (first, second), wanted, (*batch, *rows, *columns))


def present(builder: Builder, factor: Factor) -> Labels:
    """Return the labels of dimensions that are not of size 1, in the order in which they lie."""
    operand = factor.operand
    shape = shape_of(builder, operand)
    order: Sequence[int] = range(len(shape))
    if isinstance(operand, View):
        order = tuple(axis + operand.batched for axis in operand.perm)
    labels = tuple(factor.labels[axis] for axis in order)
    return present_labels(labels, tuple(shape[axis] for axis in order))


def present_labels(labels: Labels, shape: tuple[int, ...]) -> Labels:
    """Return the labels of dimensions that are not of size 1."""
    return tuple(label for label, size in zip(labels, shape, strict=True) if size > 1)


def arranged(
    builder: Builder, view: View, axes: tuple[int, ...], shape: tuple[int, ...], call: Call
) -> str:
    """Return a value with ONNX dimensions in the order of `axes`, reshaped; the others are 1."""
    ones = tuple(axis for axis in range(view.batched, view.rank) if axis not in axes)
    perm = tuple(axis - view.batched for axis in (*ones, *axes))
    return builder.reshaped(builder.layout(view, perm, call.loc), shape, call.loc)


def shown(
    builder: Builder,
    call: Call,
    op: Op,
    operands: tuple[str, ...],
    wanted: Product,
    labels: Labels,
) -> View:
    """Add the node that computes `call`'s result with dimensions in the order of `labels`."""
    shape = tuple(wanted.sizes[label] for label in wanted.result)
    batched = is_batched(shape)
    axes = [wanted.result.index(label) for label in labels]
    order = (*(axis for axis in range(batched, len(shape)) if axis not in axes), *axes)
    order = tuple(sorted(order)) if axes == sorted(axes) else order
    perm = tuple(axis - batched for axis in order)
    final = tuple(shape[axis] for axis in order)
    if op.infer(*(builder.types[name] for name in operands)).shape == final:
        return builder.emit(op, operands, call, perm, batched)
    origin = Origin(call.output, significant(perm), batched)
    y = builder.add(op, operands, call.loc, f"{call.output}_image", origin)
    return builder.emit(Reshape(final), (y,), call, perm, batched)


def image_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the image, channels last, that holds a value of any rank.

    >>> image_shape((10,)), image_shape((4, 10)), image_shape((2, 3, 4, 10))
    ((1, 1, 10), (4, 1, 10), (24, 1, 10))
    """
    if len(shape) == 3:
        return shape
    return math.prod(shape[:-1]), 1, shape[-1] if shape else 1


def expanded(matrix: Const) -> Const:
    """View an (M, K) matrix as (M, 1, 1, K), formats included."""
    axis = matrix.axis and 3
    return replace(matrix, data=matrix.data[:, None, None], axis=axis)


def order(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the permutation that changes nothing."""
    return tuple(range(len(shape)))
