"""Kernels of weights that are stored in fewer bits: they are decoded into working memory.

What is decoded are weights as the kernel reads them anyway, so the kernel is the same. Either those
of the whole layer are decoded once, and kept from its first row to its last; or those of some
filters at a time, for every row, by which the kernel makes the channels of these filters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from codegen.ir.coding import DECODING_CYCLES, Coding, fits, saves
from codegen.ir.op import Op, Signature
from codegen.ir.schedule import Kernel
from codegen.ir.types import Array, DType
from codegen.ops import Conv2d, Dense
from codegen.schedule.cost import Cost, round_up
from codegen.schedule.kernels.rule import Rule

WORD_BYTES = 4
FEW_FILTERS = 8
"""Decoded at a time where working memory is least."""
FILL = 31
"""A decoder writes whole blocks, of up to 32 weights."""

Form = Literal["bytes", "halves", "wide"]


@dataclass(frozen=True, slots=True)
class Packing:
    """How a kernel reads its weights: packs of `filters` filters, `values` gives those of each.

    No `filters`: one pack for all, and all its values.

    Before and after the weights of a pack stand up to `head` and `tail` words that are no weights.
    bytes: a byte each. halves: 256 * even + odd in 16 bits. wide: 16 bits each. `splits`: the
    kernel makes the channels of some filters just as it makes those of all. `by_group`: filters of
    a group have packs of their own.
    """

    filters: int
    values: Callable[[Signature], int]
    form: Form = "bytes"
    head: int = 0
    tail: int = 0
    splits: bool = True
    by_group: bool = True

    def body(self, signature: Signature) -> int:
        """Return how many weights a pack holds, those that fill it up among them."""
        return max(self.filters, 1) * self.values(signature)

    def pack_bytes(self, signature: Signature) -> int:
        """Return the bytes of a pack, at most."""
        wide = 2 if self.form == "wide" else 1
        return wide * self.body(signature) + WORD_BYTES * (self.head + self.tail)

    def packs(self, op: Op, filters: int) -> int:
        """Return how many packs hold so many filters."""
        if not self.filters:
            return 1
        groups = op.group if isinstance(op, Conv2d) and self.by_group else 1
        return groups * -(-filters // (groups * self.filters))

    def decoded_bytes(self, op: Op, signature: Signature, filters: int) -> int:
        """Return the working memory for the weights of so many filters."""
        size = self.packs(op, filters) * self.pack_bytes(signature)
        return round_up(size + (2 if self.form == "wide" else 1) * FILL, WORD_BYTES)


def window(signature: Signature) -> int:
    """All values of a filter."""
    return math.prod(signature.inputs[1].shape[1:])


def rounded(multiple: int) -> Callable[[Signature], int]:
    """All values of a filter, rounded up to a multiple."""
    return lambda signature: round_up(window(signature), multiple)


def by_pixel(signature: Signature) -> int:
    """The channels of each pixel of a window, rounded up to words."""
    _, kh, kw, channels = signature.inputs[1].shape
    return kh * kw * round_up(channels, WORD_BYTES)


def by_row(signature: Signature) -> int:
    """The values of each row of a window, rounded up to words."""
    _, kh, kw, channels = signature.inputs[1].shape
    return kh * round_up(kw * channels, WORD_BYTES)


def by_two_rows(signature: Signature) -> int:
    """The values of each two rows of a window of one channel."""
    _, kh, kw, _ = signature.inputs[1].shape
    return round_up(kh, 2) * kw


def but_the_last(signature: Signature) -> int:
    """All but one, which stands with the bias."""
    return window(signature) - 1


def of_all(signature: Signature) -> int:
    """All values of all filters: those of a window's pixel side by side."""
    return signature.inputs[1].elements


PAIRS = Packing(2, window)
FOURS = Packing(4, window)
QUADS = Packing(4, rounded(4))
TAPS = Packing(0, of_all, splits=False)
VECTORS = Packing(4, rounded(4), "halves", 4, 4)
DOTS = Packing(4, rounded(16), tail=8)

PACKINGS: Mapping[str, Packing] = {
    **{f"generic/{name}": PAIRS for name in ("conv2d", "conv2d_by_tap", "pointwise")},
    "generic/conv2d_single": FOURS,
    "generic/dense": FOURS,
    "generic/depthwise": TAPS,
    **{
        f"arm_dsp/conv2d_{name}": Packing(2, by_pixel, "halves", 2, 2)
        for name in ("block", "bytes")
    },
    "arm_dsp/conv2d_run": Packing(2, by_row, "halves", 2, 2),
    "arm_dsp/conv2d_vector": VECTORS,
    "arm_dsp/pointwise": VECTORS,
    "arm_dsp/dense": VECTORS,
    "arm_dsp/conv2d_single": QUADS,
    "arm_dsp/depthwise_by_pixel": TAPS,
    "arm_dsp/depthwise": Packing(1, by_two_rows, "wide", 1, 1, splits=False),
    "arm_dsp/depthwise_3x3": Packing(1, but_the_last, tail=2, splits=False),
    "arm_mve/pointwise": DOTS,
    "arm_mve/conv2d": DOTS,
    "arm_mve/dense": DOTS,
    "arm_mve/depthwise": Packing(16, window, tail=32, splits=False, by_group=False),
    "generic/conv2d_wide": Packing(1, window),
    "generic/dense_wide": Packing(1, window),
    "arm_dsp/conv2d_wide": QUADS,
    "arm_dsp/dense_wide": QUADS,
    **{f"lanes/{name}": PAIRS for name in ("conv2d", "conv2d_by_tap", "pointwise")},
    "lanes/conv2d_single": FOURS,
    "lanes/depthwise": TAPS,
    "lanes/pointwise_paired": Packing(2, rounded(2), splits=False),
    "lanes/conv2d_paired": Packing(2, rounded(2), splits=False),
    "host/conv2d": Packing(4, rounded(16), "wide", splits=False),
    "host/dense": Packing(4, rounded(16), "wide", splits=False),
    "host/dense_bytes": Packing(32, rounded(4), splits=False),
    "host/depthwise": Packing(0, of_all, "wide", splits=False),
}
"""How kernels read their weights, by family and name; of others, weights stay a byte each."""


def coded_forms(rule: Rule, op: Op, signature: Signature, coding: Coding | None) -> Iterator[Rule]:
    """Yield the rule for weights as they are stored: itself, or its forms that decode them first.

    None where it cannot: a kernel that fills its packs with zeros needs a code for them.
    """
    if coding is None:
        yield rule
        return
    packing = packing_of(rule.kernel)
    if packing is None or not holds(packing, coding, signature):
        return
    filters = signature.inputs[1].shape[0]
    yield decoding(rule, packing, coding, filters, once=True)
    if packing.splits and not (isinstance(op, Conv2d) and op.group > 1):
        several = round_up(-(-filters // 4), packing.filters)
        few = round_up(min(FEW_FILTERS, several), packing.filters)
        for count in sorted({several, few}, reverse=True):
            if count < filters:
                yield decoding(rule, packing, coding, count, once=False)


def packing_of(kernel: Kernel) -> Packing | None:
    """Return how a kernel reads its weights; None where they cannot be decoded for it."""
    return PACKINGS.get(f"{kernel.family}/{kernel.name}".removesuffix("_int16"))


def stored_as(op: Op, signature: Signature) -> Coding | None:
    """Return the coding in which the weights of a layer are stored: None if it saves nothing."""
    if not isinstance(op, Conv2d | Dense):
        return None
    kind, weights = signature.inputs[1], signature.constants[1]
    if kind.coding is None or kind.dtype is not DType.INT8 or weights is None:
        return None
    return kind.coding if saves(weights, kind.coding) else None


def holds(packing: Packing, coding: Coding, signature: Signature) -> bool:
    """What fills up the weights of a filter has a code too."""
    weights = signature.constants[1]
    assert weights is not None
    is_full = not packing.filters or packing.values(signature) <= window(signature)
    return is_full or has_zero(weights, coding)


def has_zero(weights: Array, coding: Coding) -> bool:
    """Weights and a zero can be stored so."""
    return fits(np.append(np.unique(weights), 0).astype(np.int8), coding)


def decoding(rule: Rule, packing: Packing, coding: Coding, filters: int, once: bool) -> Rule:
    """Return the rule's kernel with the weights of so many filters decoded before it."""
    kernel = replace(rule.kernel, decodes=filters, remembers=rule.kernel.remembers or once)

    def scratch_bytes(op: Op, signature: Signature) -> int:
        own = rule.scratch_bytes(op, signature)
        return packing.decoded_bytes(op, signature, filters) + own

    def decoded(cost: Cost) -> Cost:
        return replace(cost, decoded=DECODING_CYCLES[coding.kind], passes=0 if once else filters)

    return replace(
        rule,
        kernel=kernel,
        scratch_bytes=scratch_bytes,
        cost=decoded(rule.cost),
        costs={isa: decoded(cost) for isa, cost in rule.costs.items()},
    )
