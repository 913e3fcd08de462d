"""Weights in fewer bits: their constants, and the functions that decode them before the kernel.

All weights of a call are decoded one after the other, at the end of their room; then, where the
kernel reads other things between them, or 16 bits, they are spread to where it reads them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from codegen.ir.coding import INDEX_BLOCK, Coded, Coding, encode, fits
from codegen.ir.op import Signature
from codegen.ir.program import Decoding, Function, KernelCall, Layer, Part
from codegen.ir.schedule import Kernel, Schedule, Step
from codegen.ir.types import Array
from codegen.lower.bind import Binding, Data, bind
from codegen.schedule.kernels.coded import WORD_BYTES, Form, Packing, packing_of

CALLED = {
    "unpack": ("pin", "load32", "store32"),
    "look_up": ("pin", "load32", "store_pair"),
    "inflate": ("symbol",),
    "spread": ("pin", "load32", "paired"),
}
"""What the templates of parts call."""
MEANINGS = {"bytes": "as they are", "halves": "as 256 * even + odd", "wide": "in 16 bits"}
SUFFIXES = {"bytes": "", "halves": "_halves"}
SPREAD_BLOCK = 8
"""Bytes that are moved together."""
FILTERS = ("filters", "group_filters", "outputs")
"""What kernels call the number of filters."""


@dataclass(frozen=True, slots=True)
class Split:
    """The weights of a layer by packs, (packs, weights) int8, and the words around each."""

    bodies: Array
    ends: Array


@dataclass(frozen=True, slots=True)
class CodedBinding:
    """What takes the place of a binding's weights: bindings of calls, and constants.

    `turns` are filters and times of each call.
    """

    calls: tuple[Binding, ...]
    turns: tuple[tuple[int, int], ...]
    data: tuple[Data, ...]
    parts: tuple[Part, ...]
    uses: tuple[str, ...]
    ctype: str

    def with_calls(self, calls: Sequence[Binding]) -> CodedBinding:
        """Return the same with other bindings."""
        return replace(self, calls=tuple(calls))


def plain(kernel: Kernel) -> Kernel:
    """Return the kernel as it is when it reads its weights, wherever they come from."""
    return replace(kernel, decodes=0, remembers=False) if kernel.decodes else kernel


def with_decoding(
    layer: Layer,
    schedule: Schedule,
    step: Step,
    binding: CodedBinding,
    functions: tuple[Function, ...],
) -> Layer:
    """Return a layer whose weights are decoded into its scratch; its first constants are codes."""
    signature = schedule.graph.signature(step.node)
    packing = packing_of(step.kernel)
    assert packing is not None
    op = step.node.op
    body = packing.body(signature)
    calls = []
    for function, call, (count, times) in zip(functions, binding.calls, binding.turns, strict=True):
        packs = packing.packs(op, count)
        calls.append(KernelCall(function, count, times, packs, packs * body, call.shape))
    names = dict(zip((data.role for data in binding.data), layer.constants, strict=True))
    decoded = packing.decoded_bytes(op, signature, step.kernel.decodes)
    assert all(call.packs * packing.pack_bytes(signature) <= decoded for call in calls)
    ends = next((data.values for data in binding.data if data.role == "ends"), None)
    wide = 2 if packing.form == "wide" else 1
    words = 0 if ends is None else ends.shape[1]
    decode, *spread = binding.parts
    decoding = Decoding(
        decode=decode.name,
        codes=names.pop("codes"),
        tables=tuple(names.pop(role) for role in ("zeros", "table") if role in names),
        spread=spread[0].name if spread else "",
        ends=names.pop("ends", ""),
        end_words=words // max(packing.filters, 1),
        pack_bytes=wide * body + WORD_BYTES * words,
        once=step.kernel.remembers,
        ctype=binding.ctype,
        calls=tuple(calls),
        own_scratch=decoded if step.scratch_bytes > decoded else None,
        parts=binding.parts,
        uses=binding.uses,
    )
    return replace(layer, constants=tuple(names.values()), decoding=decoding)


def split_weights(data: Data, packing: Packing, packs: int, body: int) -> Split:
    """Take apart the weights of a binding and what stands between them."""
    kind = {"int32_t": "<i4", "int16_t": "<i2", "int8_t": "i1"}[data.ctype]
    rows = np.ascontiguousarray(data.values.astype(kind)).view(np.uint8).reshape(packs, -1)
    begin = WORD_BYTES * packing.head
    end = begin + body * (2 if packing.form == "wide" else 1)
    ends = np.concatenate([rows[:, :begin], rows[:, end:]], axis=1)
    bodies = np.ascontiguousarray(rows[:, begin:end])
    if packing.form == "wide":
        found = bodies.view("<i2").astype(np.int8)
    else:
        found = bodies.view(np.int8).copy()
    if packing.form == "halves":
        found[:, 1::2] += found[:, ::2] < 0
    return Split(found, np.ascontiguousarray(ends).view("<i4"))


def bind_coded(step: Step, signature: Signature, binding: Binding) -> CodedBinding:
    """Return what a step needs whose kernel is bound to the weights of all filters."""
    coding = signature.inputs[1].coding
    assert coding is not None
    packing = packing_of(step.kernel)
    assert packing is not None
    filters = signature.inputs[1].shape[0]
    count = step.kernel.decodes
    packs, body = packing.packs(step.node.op, filters), packing.body(signature)
    weights, *others = binding.data
    split = split_weights(weights, packing, packs, body)
    if not fits(split.bodies, coding):
        split = fill(step, signature, split, packing, coding)
    whole, rest = divmod(filters, count)
    turns = tuple((n, times) for n, times in ((count, whole), (rest, 1)) if n and times)
    group = body * packing.packs(step.node.op, count)
    coded = encode(split.bodies, coding, group)
    decode, form = decode_part(coding, coded, packing.form)
    spread = spread_part(packing, form, split)
    parts = (decode, *((spread,) if spread else ()))
    data = (*coded_data(coding, coded), *ends_data(split), *others)
    calls = tuple(of_filters(binding, n, filters) for n, _ in turns)
    uses = tuple(name for part in parts for name in CALLED[part.template])
    return CodedBinding(calls, turns, data, parts, uses, weights.ctype)


def fill(step: Step, signature: Signature, split: Split, packing: Packing, coding: Coding) -> Split:
    """Fill up packs with a weight that has a code: what filters that are not there are is nothing.

    Where the weights of the layer stand is told by those of a layer of ones.
    """
    weights = signature.constants[1]
    assert weights is not None
    ones = np.ones_like(weights)
    constants = (signature.constants[0], ones, *signature.constants[2:])
    kernel = f"{step.kernel.family}/{step.kernel.name}"
    marked = bind(kernel, step.node.op, replace(signature, constants=constants))
    where = split_weights(marked.data[0], packing, *split.bodies.shape).bodies != 0
    filled = np.where(where, split.bodies, weights.flat[0]).astype(np.int8)
    assert fits(filled, coding)
    return replace(split, bodies=filled)


def of_filters(binding: Binding, count: int, filters: int) -> Binding:
    """Return the binding that makes the channels of some filters."""
    if count == filters:
        return binding
    params = {k: count if k in FILTERS else v for k, v in binding.params.items()}
    return replace(binding, stem=f"{binding.stem}_by_{count}", params=params)


def coded_data(coding: Coding, coded: Coded) -> Iterator[Data]:
    """Yield the constants that the decoder reads."""
    yield Data("codes", "int8_t", coded.codes.view(np.int8), f"weights in {coding}")
    for name, table in coded.tables.items():
        role = {"values": "table", "runs": "zeros"}[name]
        yield Data(role, f"{table.dtype}_t", table, f"{name} of weights in {coding}")


def ends_data(split: Split) -> Iterator[Data]:
    """Yield what stands around the weights of packs, if anything."""
    if split.ends.size:
        yield Data("ends", "int32_t", split.ends, f"[{len(split.ends)}] what is around weights")


def decode_part(coding: Coding, coded: Coded, form: Form) -> tuple[Part, Form]:
    """Return the function that decodes weights one after the other, and the form it leaves to make.

    Integers are unpacked and looked up in halves at once, if halves it is.
    """
    if coding.kind == "huffman":
        runs = "runs" in coded.tables
        return Part(f"fx_inflate{'_runs' * runs}", "inflate", (("runs", runs),)), form
    part = unpack_part if coding.kind == "bits" else look_up_part
    return (part(coding, "halves"), "bytes") if form == "halves" else (part(coding, "bytes"), form)


def unpack_part(coding: Coding, form: Form) -> Part:
    """Four bytes a time: fields in their lowest bits, or above, less the integers' least.

    The least is taken off under a bit above, of bytes or of pairs, which turns into the sign.
    """
    bits = coding.bits
    mask = ((1 << bits) - 1) * 0x01010101
    parts = []
    for index, shift in enumerate(range(0, 8, bits)):
        shifted = f"(word >> {shift})" if shift else "word"
        fields = f"({shifted} & 0x{mask:08x}u)"
        place = f"to + {4 * index}" if index else "to"
        parts.append((place, f"(2 * {fields})" if bits == 1 else fields))
    least = 1 if bits == 1 else 1 << (bits - 1)
    told = (
        ("bits", bits),
        ("block", coding.block),
        ("parts", tuple(parts)),
        ("meaning", MEANINGS[form]),
        ("sign", "0x80808080u" if form == "bytes" else "0x80008000u"),
        ("distance", f"0x{least * 0x01010101:08x}u"),
    )
    return Part(f"fx_unpack_{bits}{SUFFIXES[form]}", "unpack", told)


def look_up_part(coding: Coding, form: Form) -> Part:
    """Eight indices stand in two words, or in one."""
    bits = coding.bits
    in_first = INDEX_BLOCK if bits < 4 else 32 // bits
    left = 32 - bits * in_first
    rest = tuple(f"{byte(i)} << {8 * i}" for i in range(1, bits))
    words = [("first", "fx_load32(codes)", ()) if bits >= 4 else ("first", byte(0), rest)]
    if bits == 8:
        words.append(("second", "fx_load32(codes + 4)", ()))
    elif bits > 4:
        more = tuple(f"{byte(i)} << {left + 8 * (i - 4)}" for i in range(4, bits))
        words.append(("second", f"first >> {32 - left}", more))
    mask, fields = f"0x{(1 << bits) - 1:02x}u", []
    for i in range(INDEX_BLOCK):
        name, at = ("first", i) if i < in_first else ("second", i - in_first)
        shift = bits * at
        fields.append(f"({name} >> {shift}) & {mask}" if shift else f"{name} & {mask}")
    places = ("to", *(f"to + {i}" for i in range(2, INDEX_BLOCK, 2)))
    pairs = tuple(zip(places, fields[::2], fields[1::2], strict=True))
    told = (
        ("bits", bits),
        ("form", form),
        ("meaning", MEANINGS[form]),
        ("words", tuple(words)),
        ("indices", tuple(fields)),
        ("pairs", pairs),
    )
    return Part(f"fx_look_up_{bits}{SUFFIXES[form]}", "look_up", told)


def byte(index: int) -> str:
    """Return a byte of codes as an unsigned word."""
    return f"(uint32_t)(uint8_t)codes[{index}]"


def spread_part(packing: Packing, form: Form, split: Split) -> Part | None:
    """Return the function that takes weights, decoded, to that form where the kernel reads them."""
    words = split.ends.shape[1]
    if form == "bytes" and not words:
        return None
    assert form == "wide" or split.bodies.shape[1] % SPREAD_BLOCK == 0
    tail = words - packing.head
    told = (
        ("form", form),
        ("meaning", MEANINGS[form]),
        ("ends", "const int32_t *ends, " if words else ""),
        ("head_words", packing.head),
        ("head_bytes", WORD_BYTES * packing.head),
        ("tail_words", tail),
        ("tail_bytes", WORD_BYTES * tail),
    )
    return Part(f"fx_spread_{form}_{packing.head}_{tail}", "spread", told)
