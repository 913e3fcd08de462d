"""Assembly of the inner loop of convolutions with SMLAD: a block of pixels by two filters.

Four values of depth are two words of two halves: E holds the even ones, X holds 256 * odd + 127 -
even. A filter's four weights are one word H = 256 * even + odd; its sign-extended low bytes are the
odd ones. So

    E * H + X * low(H) = 256 * (sum of the products) + 127 * (sum of the odd weights)

takes two SMLAD and one SXTB16; the constant is part of the bias, the factor goes in the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from codegen.ir.fixed_point import Rescale
from codegen.ir.op import Signature
from codegen.ir.program import Part
from codegen.ir.types import Array
from codegen.lower.bind.binding import Binding, Data
from codegen.lower.bind.linear import conv_name, linear_data
from codegen.lower.pack import pad_to_multiple
from codegen.ops import Conv2d
from codegen.schedule.conditions import byte_pixels

WEIGHT_BYTES = 8
"""Of two filters: one word each."""
MOST_TAPS = 12
"""A tap takes about 120 bytes of code."""
SPARE = {1: "r6 r7 r8", 2: "r8 r9 r10", 3: "r10 r11 r12", 4: "r12 lr"}
"""Registers for words of pixels, by the pixels of a block; fewer than four leave lr for more."""


@dataclass(frozen=True, slots=True)
class Block:
    """A loop over steps of four channels and `taps` columns, `unroll` of them at a time.

    Pixels stand `stride` columns apart. `enters`: the first time some steps are left out.
    `bytes`: columns hold four values, of which the loop makes E and X.
    """

    pixels: int
    taps: int
    stride: int
    unroll: int
    enters: bool
    bytes: bool = False

    @property
    def name(self) -> str:
        """The C function."""
        stride = f"_s{self.stride}" if self.stride > 1 else ""
        form = "bytes" if self.bytes else "block"
        return f"fx_{form}_{self.pixels}x{self.taps}{stride}_{self.unroll}{'_enter' * self.enters}"

    @property
    def columns(self) -> int:
        """How many columns the pixels read together."""
        return self.stride * (self.pixels - 1) + self.taps

    @property
    def step_bytes(self) -> int:
        """From one step's columns to the next."""
        return self.column_bytes * self.columns

    @property
    def column_bytes(self) -> int:
        """From a column to the next: four bytes, or E and X of them."""
        return 4 if self.bytes else 8

    @property
    def first(self) -> tuple[str, ...]:
        """The accumulators of the first filter."""
        return tuple(f"r{4 + i}" for i in range(self.pixels))

    @property
    def second(self) -> tuple[str, ...]:
        """The accumulators of the second filter."""
        return tuple(f"r{4 + self.pixels + i}" for i in range(self.pixels))

    @property
    def end(self) -> str:
        """The register that holds where the loop ends; "" where none is left."""
        return "" if self.pixels == 4 or (self.bytes and self.pixels == 3) else "lr"

    def loop(self) -> tuple[str, ...]:
        """Return the instructions of the loop. r0: columns, r1: weights, both less 4 bytes."""
        lines: list[str] = []
        for step in range(self.unroll):
            lines.append(f"{step + 1}:")
            for tap in range(self.taps):
                lines += self._bytes(step, tap) if self.bytes else self._words(step, tap)
        return (*lines, *(() if self.end else ("ldr r12, [sp]",)), f"cmp r0, {self.end or 'r12'}")

    def _words(self, step: int, tap: int) -> Iterator[str]:
        """Yield one tap of a step; the last loads move the pointers on."""
        yield from self._weights(step, tap)
        for half in range(2):
            if half:
                yield from ("sxtb16 r2, r2", "sxtb16 r3, r3")
            for group in self._groups():
                for pixel, register in group:
                    yield self._load(step, tap, pixel, register, half)
                yield from self._products(group)

    def _bytes(self, step: int, tap: int) -> Iterator[str]:
        """Yield the same where columns are bytes: E in a register of its own, X in their place."""
        (group,) = self._groups()
        even = "lr" if self.pixels == 3 else SPARE[self.pixels].split()[-1]
        yield from self._weights(step, tap)
        for pixel, register in group:
            yield self._load(step, tap, pixel, register, 0)
        for pixel, register in group:
            yield f"sxtb16 {even}, {register}"
            yield from self._products(((pixel, even),))
        yield from (f"eor {register}, {register}, #0x007f007f" for _, register in group)
        yield from ("sxtb16 r2, r2", "sxtb16 r3, r3")
        yield from self._products(group)

    def _weights(self, step: int, tap: int) -> Iterator[str]:
        """Yield the loads of both filters' weights."""
        at = 4 + WEIGHT_BYTES * (step * self.taps + tap)
        yield f"ldr r2, [r1, #{at}]"
        yield f"ldr r3, [r1, #{at + 4}]{'!' * self._is_last(step, tap)}"

    def _load(self, step: int, tap: int, pixel: int, register: str, half: int) -> str:
        """Return the load of a pixel's word, or of one of its two."""
        at = self.step_bytes * step + self.column_bytes * (self.stride * pixel + tap) + 4 * half
        is_whole = self.bytes or half == 1
        moves = self._is_last(step, tap) and is_whole and pixel == self.pixels - 1
        return f"ldr {register}, [r0, #{at + 4}]{'!' * moves}"

    def _products(self, group: tuple[tuple[int, str], ...]) -> Iterator[str]:
        """Yield the multiply-accumulates of some pixels with both filters."""
        for sums, weight in ((self.first, "r2"), (self.second, "r3")):
            for pixel, register in group:
                yield f"smlad {sums[pixel]}, {register}, {weight}, {sums[pixel]}"

    def _is_last(self, step: int, tap: int) -> bool:
        return (step, tap) == (self.unroll - 1, self.taps - 1)

    def _groups(self) -> Iterator[tuple[tuple[int, str], ...]]:
        """Yield pixels with the registers of their words, as many as fit at a time."""
        spare = SPARE[self.pixels].split()
        for start in range(0, self.pixels, len(spare)):
            pixels = range(start, min(start + len(spare), self.pixels))
            yield tuple(zip(pixels, spare, strict=False))


def cover(width: int, most: int = 4) -> tuple[tuple[int, int], ...]:
    """Return (pixels of a block, how many of it) for a row, larger blocks first.

    Blocks have at most `most` pixels.

    >>> cover(32), cover(6), cover(5), cover(13), cover(1)
    (((4, 8),), ((3, 2),), ((3, 1), (2, 1)), ((4, 1), (3, 3)), ((1, 1),))
    >>> cover(8, 3), cover(7, 3)
    (((3, 2), (2, 1)), ((3, 1), (2, 2)))
    """
    if width < most:
        return ((width, 1),)
    if width % most == 0:
        return ((most, width // most),)
    if width % 3 == 0:
        return ((3, width // 3),)
    smaller = -width % most
    if width >= (most - 1) * smaller:
        larger = (width - (most - 1) * smaller) // most
        return (((most, larger),) if larger else ()) + ((most - 1, smaller),)
    return ((3, 1), (2, 1))


def choose_block(pixels: int, taps: int, stride: int, steps: int, as_bytes: bool) -> Block:
    """Return the loop that takes most steps at a time; it leaves some out if it must.

    A pass moves the pointer by less than 256 bytes, and has at most MOST_TAPS taps.
    """
    single = Block(pixels, taps, stride, 1, False, as_bytes)
    unroll = max(1, min(4, 255 // single.step_bytes, MOST_TAPS // taps))
    return replace(single, unroll=unroll, enters=steps % unroll > 0)


def pack_blocks(weights: Array) -> Array:
    """(filters, rows, runs, length) -> (filter pairs, rows, words of a run, runs, 2) words.

    A word is 256 * even + odd in each half: of values 0 and 1 in the lower, of 2 and 3 in the
    upper. The last word of a run ends with it; what the one before holds too is zero there.
    """
    filters, rows, runs, length = weights.shape
    words = -(-length // 4)
    fours = np.zeros((filters + filters % 2, rows, runs, words, 4), np.int64)
    for word in range(words):
        first, done = min(4 * word, length - 4), 4 * word
        fours[:filters, :, :, word, done - first :] = weights[..., done : first + 4]
    ordered: Array = halves(fours).reshape(-1, 2, rows, runs, words).transpose(0, 2, 4, 3, 1)
    return ordered


def halves(fours: Array) -> Array:
    """(..., 4) weights -> (...) words: 256 * even + odd in the lower and in the upper half."""
    pairs = (256 * fours[..., ::2] + fours[..., 1::2]) & 0xFFFF
    words: Array = (pairs[..., 0] | (pairs[..., 1] << 16)).astype(np.uint32).view(np.int32)
    return words


def block_starts(bias: Array, packed: Array) -> Array:
    """Return where sums begin, (packs, filters): 256 * bias less what odd weights add, wrapped.

    `packed` is (packs, ..., filters of a pack).
    """
    low = np.ascontiguousarray(packed, np.int32).view(np.int8).reshape(*packed.shape, 4)[..., ::2]
    middle = tuple(range(1, packed.ndim - 1))
    odd = low.astype(np.int64).sum(axis=(*middle, packed.ndim))
    start = 256 * pad_to_multiple(bias.astype(np.int64), 0, odd.shape[1]).reshape(odd.shape)
    wrapped: Array = ((start - 127 * odd) & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
    return wrapped


def bind_windows(as_bytes: bool, op: Conv2d, signature: Signature) -> Binding:
    """A run is a pixel: those that lie in several windows of a block are expanded once."""
    p = op.params(signature)
    taps, stride = p.weights.shape[2], op.strides[1]
    if taps == 1:
        return _bind(op, signature, p.weights, stride, 1, as_bytes)
    return _bind(op, signature, p.weights, 1, stride, as_bytes)


def bind_runs(op: Conv2d, signature: Signature) -> Binding:
    """A run is a row of a window."""
    p = op.params(signature)
    weights = p.weights.reshape(*p.weights.shape[:2], 1, -1)
    binding = _bind(op, signature, weights, op.strides[1], 1)
    return replace(binding, params={**binding.params, "in_pitches": (p.weights.shape[3],)})


def _bind(
    op: Conv2d,
    signature: Signature,
    weights: Array,
    apart: int,
    stride: int,
    as_bytes: bool = False,
) -> Binding:
    """Runs of the input stand `apart` pixels apart, those of neighboring outputs `stride` runs."""
    p = op.params(signature)
    _, rows, taps, length = weights.shape
    words = -(-length // 4)
    steps = rows * words
    blocks: list[tuple[Block, int]] = []
    end = 0
    for pixels, count in cover(
        signature.output.width, byte_pixels(signature.output.width) if as_bytes else 4
    ):
        end += pixels * count
        blocks.append((choose_block(pixels, taps, stride, steps, as_bytes), end))
    parts = [(_expand_part(block), _block_part(block, p.rescale)) for block, _ in blocks]
    step_bytes = [block.step_bytes for block, _ in blocks]
    packed = pack_blocks(weights)
    form = f"[{len(packed)}][2 starts, [{rows}][{words}][{taps}][2] weights, 2 multipliers]"
    array, _, multipliers = linear_data(p, packed, form)
    scales = pad_to_multiple(multipliers.values, 1, 2).reshape(-1, 2)
    weights_only = packed.reshape(len(packed), -1)
    stream = np.concatenate([block_starts(p.bias, packed), weights_only, scales], axis=1)
    return Binding(
        f"conv2d_{'bytes' if as_bytes else 'block'}_{conv_name(op, signature)}",
        f"One row of a {p.weights.shape[1]}x{p.weights.shape[2]} convolution",
        {
            "parts": tuple(
                (block.pixels, expand.name, function.name)
                for (block, _), (expand, function) in zip(blocks, parts, strict=True)
            ),
            "ends": tuple(end for _, end in blocks),
            "skips": tuple(-steps % block.unroll for block, _ in blocks),
            "bytes": tuple(steps * size for size in step_bytes),
            "row_bytes": tuple(words * size for size in step_bytes),
            "width": signature.inputs[0].width,
            "kernel_rows": rows,
            "stride": op.strides[1],
            "pad": op.pads[1],
            "filters": len(p.weights),
            "length": length,
            "apart": apart,
            "zero": p.rescale.zero_point,
            "input_zero": p.input_zero_point,
        },
        (Data("weights", "int32_t", stream, array.comment.replace("int8, ", "")),),
        parts=tuple(part for pair in parts for part in (_run_part(blocks[0][0]), *pair)),
    )


def _expand_part(block: Block) -> Part:
    """Return the function that makes the words of a block."""
    runs = [_run(index, block.column_bytes) for index in range(block.columns)]
    threes = tuple(tuple(runs[start : start + 3]) for start in range(0, len(runs), 3))
    told = (
        ("runs", block.columns),
        ("last", block.columns - 1),
        ("column", block.column_bytes),
        ("step", block.step_bytes),
        ("threes", threes),
        ("write", "fx_store32" if block.bytes else "fx_expand"),
        ("write_run", "fx_copy_run" if block.bytes else "fx_expand_run"),
    )
    return Part(f"fx_{'copy' if block.bytes else 'expand'}_{block.columns}", "expand", told)


def _run_part(block: Block) -> Part:
    """Return the function that makes the words of one run, for those at a border."""
    write = "fx_store32" if block.bytes else "fx_expand"
    return Part(f"fx_{'copy' if block.bytes else 'expand'}_run", "expand_run", (("write", write),))


@dataclass(frozen=True, slots=True)
class Run:
    """One of the runs that are written together: C of where it is read, and of where written."""

    index: int
    source: str
    place: str


def _run(index: int, column_bytes: int) -> Run:
    apart = "distance" if index == 1 else f"({index} * distance)"
    source = f"from + {apart}" if index else "from"
    return Run(index, source, f"to + {column_bytes * index}" if index else "to")


def _block_part(block: Block, rescale: Rescale) -> Part:
    """Return the function that multiplies a block; `down` takes the sums to where rescaling is."""
    told = (("b", block), *rescale_told(rescale))
    return Part(block.name + rescale_suffix(rescale), "block", told)


def rescale_told(rescale: Rescale) -> tuple[tuple[str, object], ...]:
    """Return what the end of a loop is told: how far sums are shifted down, and the limits."""
    return ("down", 8 - rescale.shift), ("low", rescale.low), ("high", rescale.high)


def rescale_suffix(rescale: Rescale) -> str:
    """Return what tells apart functions that end otherwise."""
    suffix = f"_up{rescale.shift}" if rescale.shift else ""
    if (rescale.low, rescale.high) != (-128, 127):
        suffix += f"_{rescale.low}_{rescale.high}".replace("-", "m")
    return suffix
