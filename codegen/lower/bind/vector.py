"""Assembly of the inner loop of dense layers with SMLAD: a vector by four filters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from codegen.ir.op import Signature
from codegen.ir.program import Part
from codegen.ir.types import Array
from codegen.lower.bind.binding import Binding, Data
from codegen.lower.bind.block import block_starts, halves, rescale_suffix, rescale_told
from codegen.lower.bind.linear import conv_name, conv_params, group_name, group_params, linear_data
from codegen.lower.pack import pad_to_multiple
from codegen.ops import Conv2d, Dense
from codegen.ops.linear import LinearParams

FILTERS = 4
HELD = ("r2", "r3", "r8", "r9")
"""Registers for the weights of four filters; their sums are in r4 to r7."""
WORD_BYTES = 4
UNROLLS = (4, 2, 1)


def vector_loop(unroll: int, tail: bool) -> Iterator[str]:
    """Yield the loop over whole words, `unroll` at a time, then the word that ends the vector.

    r0: vector, r1: weights, r12: where whole words end.
    """
    for step in range(unroll):
        yield from _word(step)
    yield f"add r0, r0, #{WORD_BYTES * unroll}"
    yield from (f"add r1, r1, #{WORD_BYTES * FILTERS * unroll}", "cmp r0, r12", "bne 1b")
    if tail:
        yield "ldr r0, [sp, #8]"
        yield from _word(0)
        yield f"add r1, r1, #{WORD_BYTES * FILTERS}"


def _word(step: int) -> Iterator[str]:
    """Yield four values by four filters."""
    yield f"ldr r10, [r0, #{WORD_BYTES * step}]"
    for filter_, register in enumerate(HELD):
        yield f"ldr {register}, [r1, #{WORD_BYTES * (FILTERS * step + filter_)}]"
    yield from ("eor r11, r10, #0x007f007f", "sxtb16 r10, r10")
    for values in ("r10", "r11"):
        if values == "r11":
            yield from (f"sxtb16 {register}, {register}" for register in HELD)
        for filter_, register in enumerate(HELD):
            yield f"smlad r{4 + filter_}, {values}, {register}, r{4 + filter_}"


def pack_vectors(weights: Array) -> Array:
    """(filters, length) -> (fours of filters, words, 4) words; the last word ends the vector."""
    filters, length = weights.shape
    words = -(-length // 4)
    fours = np.zeros((filters + -filters % FILTERS, words, 4), np.int64)
    for word in range(words):
        first, done = min(4 * word, length - 4), 4 * word
        fours[:filters, word, done - first :] = weights[:, done : first + 4]
    packed: Array = halves(fours).reshape(-1, FILTERS, words).transpose(0, 2, 1)
    return packed


@dataclass(frozen=True, slots=True)
class Vectors:
    """Filters of one length as a kernel takes them: what its template is told, weights, loop."""

    params: Mapping[str, object]
    data: Data
    part: Part


def make_vectors(p: LinearParams, groups: int = 1) -> Vectors:
    """Pack the filters of each group by fours."""
    flat = p.weights.reshape(len(p.weights), -1)
    length = flat.shape[1]
    whole, tail = length // 4, length % 4 > 0
    unroll = next(n for n in UNROLLS if whole % n == 0)
    uniform = len(set(p.rescale.multipliers)) == 1
    array, bias, multipliers = linear_data(p, flat, "")
    streams = []
    for part in range(groups):
        own = slice(part * len(flat) // groups, (part + 1) * len(flat) // groups)
        packed = pack_vectors(flat[own])
        pieces = [block_starts(bias.values[own], packed), packed.reshape(len(packed), -1)]
        if not uniform:
            scales = pad_to_multiple(multipliers.values[own], 1, FILTERS)
            pieces.append(scales.reshape(-1, FILTERS))
        streams.append(np.concatenate(pieces, axis=1))
    last = "" if uniform else ", 4 multipliers"
    form = f"[{len(streams[0])}][4 starts, [{-(-length // 4)}][4] weights{last}]"
    bound = array.comment.rpartition("; ")[2] or bias.comment
    told = (
        ("loop", tuple(vector_loop(unroll, tail))),
        ("uniform", uniform),
        ("sums", tuple((f"r{4 + i}", "r2" if uniform else HELD[i]) for i in range(FILTERS))),
        *rescale_told(p.rescale),
    )
    name = f"fx_vector_{unroll}{'_tail' * tail}{'_each' * (not uniform)}{rescale_suffix(p.rescale)}"
    params = {
        "length": length,
        "whole": 4 * whole,
        "zero": p.rescale.zero_point,
        "multiplier": p.rescale.multipliers[0] if uniform else 0,
        "group_words": streams[0].size,
        "function": name,
    }
    data = Data("weights", "int32_t", np.concatenate(streams), f"{form}; {bound}")
    return Vectors(params, data, Part(name, "vector", told))


def bind_dense(op: Dense, signature: Signature) -> Binding:
    """Four outputs at a time, two products an instruction."""
    found = make_vectors(op.params(signature))
    outputs, length = signature.inputs[1].shape
    return Binding(
        f"dense_{length}x{outputs}",
        "A dense layer",
        {**found.params, "outputs": outputs},
        (found.data,),
        parts=(found.part,),
    )


def bind_pointwise(op: Conv2d, signature: Signature) -> Binding:
    """A 1x1 convolution reads its pixels where they are, one after another."""
    p = op.params(signature)
    found = make_vectors(p)
    return Binding(
        f"pointwise_{conv_name(op, signature)}",
        "One row of a 1x1 convolution",
        {**conv_params(op, signature, p), **found.params},
        (found.data,),
        parts=(found.part,),
    )


def bind_vector(op: Conv2d, signature: Signature) -> Binding:
    """Gather a patch of one group, then multiply it with four filters at a time."""
    p = op.params(signature)
    found = make_vectors(p, op.group)
    (window,) = op.windows(signature)
    beyond = window.overhangs(signature.inputs[0].rows, signature.output.rows)
    return Binding(
        f"conv2d_vector_{conv_name(op, signature)}{group_name(op)}",
        f"One row of a {p.weights.shape[1]}x{p.weights.shape[2]} convolution",
        {
            **conv_params(op, signature, p),
            **group_params(op, len(p.weights)),
            **found.params,
            "beyond": beyond,
        },
        (found.data,),
        parts=(found.part,),
    )
