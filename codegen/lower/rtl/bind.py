"""Bind a node to the shared engine: its commands, and the constants that they read."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from codegen.ir.engine import Shape
from codegen.ir.op import Op, Signature
from codegen.lower.bind.binding import Binding
from codegen.lower.rtl.elementwise import (
    bind_add,
    bind_argmax,
    bind_concat,
    bind_copy,
    bind_softmax,
    bind_table,
)
from codegen.lower.rtl.layout import Node, pixels_of
from codegen.lower.rtl.linear import bind_conv2d, bind_dense
from codegen.lower.rtl.pool import bind_average_pool, bind_max_pool


def bind_commands(
    kernel: str,
    op: Op,
    signature: Signature,
    pitches: tuple[tuple[int, ...], int],
    shape: Shape,
) -> Binding:
    """Return the binding of `op` for the kernel of that name.

    `pitches` are the bytes between the pixels of each computed operand, and of the result.
    ValueError where the engine cannot hold its numbers.
    """
    kinds = zip(signature.inputs, signature.constants, strict=True)
    computed = [kind for kind, constant in kinds if constant is None]
    operands = tuple(pixels_of(k, pitch) for k, pitch in zip(computed, pitches[0], strict=True))
    result = pixels_of(signature.output, pitches[1])
    return BINDERS[kernel](Node(op, signature, operands, result, shape))


BINDERS: Mapping[str, Callable[[Node], Binding]] = {
    "conv2d": bind_conv2d,
    "dense": bind_dense,
    "max_pool": bind_max_pool,
    "average_pool": bind_average_pool,
    "add": bind_add,
    "table": bind_table,
    "copy": bind_copy,
    "concat": bind_concat,
    "softmax": bind_softmax,
    "argmax": bind_argmax,
}
