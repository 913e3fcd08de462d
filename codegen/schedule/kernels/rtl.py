"""Kernels of the shared engine in hardware: whole layers, from bytes to bytes of its arena."""

from __future__ import annotations

from codegen.ir.op import Op, Signature
from codegen.ir.schedule import Kernel
from codegen.ops import (
    Add,
    AveragePool,
    Clip,
    Concat,
    Conv2d,
    Copy,
    Dense,
    FlipSign,
    Function,
    MaxPool,
    Requantize,
    SelectIndices,
    Softmax,
)
from codegen.schedule.cost import Cost
from codegen.schedule.kernels.rule import Rule

FAMILY = "rtl"
WORD_ALIGN = 16
"""Buffers begin at multiples of the widest word of an arena, so no word belongs to two."""


def in_bytes(op: Op, signature: Signature) -> bool:
    """All that is computed takes a byte an element."""
    kinds = zip(signature.inputs, signature.constants, strict=True)
    computed = (kind for kind, constant in kinds if constant is None)
    return all(kind.dtype.size_bytes == 1 for kind in (*computed, signature.output))


def finds_greatest(op: Op, signature: Signature) -> bool:
    """The index of the first greatest byte of each group of neighbors."""
    assert isinstance(op, SelectIndices)
    (x,) = signature.inputs
    alone = op.k == 1 and op.greatest and not op.last
    return alone and x.dtype.size_bytes == 1 and x.shape[2] == 1


def _kernel(name: str, *, apart: bool = False) -> Kernel:
    return Kernel(
        FAMILY, name, whole=True, strided=True, reads_spread=True, align=WORD_ALIGN, apart=apart
    )


RTL: tuple[Rule, ...] = (
    Rule(_kernel("conv2d"), (Conv2d,), in_bytes, cost=Cost()),
    Rule(_kernel("dense"), (Dense,), in_bytes, cost=Cost()),
    Rule(_kernel("max_pool"), (MaxPool,), in_bytes, cost=Cost()),
    Rule(_kernel("average_pool"), (AveragePool,), in_bytes, cost=Cost()),
    Rule(_kernel("add"), (Add,), in_bytes, cost=Cost()),
    Rule(_kernel("table"), (Clip, FlipSign, Function, Requantize), in_bytes, cost=Cost()),
    Rule(_kernel("copy"), (Copy,), in_bytes, cost=Cost()),
    Rule(_kernel("concat"), (Concat,), in_bytes, cost=Cost()),
    Rule(_kernel("softmax", apart=True), (Softmax,), in_bytes, cost=Cost()),
    Rule(_kernel("argmax"), (SelectIndices,), finds_greatest, cost=Cost()),
)
