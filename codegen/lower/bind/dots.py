"""Assembly of dot products with VMLADAVA: one or two pixels by four filters, 16 values at a time.

Sums are in the even registers that VMLADAVA takes, vectors in q0 to q3, which no caller keeps. The
lanes after a pixel's last value are masked out of its last vector.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from codegen.ir.fixed_point import Rescale
from codegen.ir.program import Part
from codegen.ir.types import Array
from codegen.lower.bind.binding import Data
from codegen.lower.bind.block import rescale_suffix
from codegen.lower.bind.linear import linear_data
from codegen.lower.pack import pad_to_multiple
from codegen.ops.linear import LinearParams

FILTERS = 4
LANES = 16
UNROLL = 2
PEELED = 4
"""As many vectors are taken without a loop."""
SUMS = (("r0", "r2", "r4", "r6"), ("r8", "r10", "r12", "lr"))
"""Of each pixel, the sums of four filters."""
PIXELS, OUTPUTS, HELD = ("r9", "r11"), ("r1", "r3"), ("q0", "q1")
WEIGHTS, SPARE, TAKEN = "r5", "r7", ("q2", "q3")
LEFT, LOOPS, TAIL, ZERO = 8, 12, 16, 20
"""Where on the stack filters left, loops, values of the last vector and the zero point are."""


@dataclass(frozen=True, slots=True)
class Dots:
    """A pixel, or two, by four filters: `whole` vectors and, with a `tail`, a part of one.

    ragged: the last four filters are fewer.
    """

    pixels: int
    whole: int
    tail: int
    ragged: bool
    rescale: Rescale

    @property
    def peeled(self) -> int:
        """Whole vectors before the loop; the first of all begins the sums."""
        if self.whole <= PEELED:
            return self.whole
        return 1 + (self.whole - 1) % UNROLL

    @property
    def loops(self) -> int:
        """How often the loop runs."""
        return (self.whole - self.peeled) // UNROLL

    @property
    def name(self) -> str:
        """The C function."""
        form = "_loop" * (self.loops > 0) + "_tail" * (self.tail > 0) + "_ragged" * self.ragged
        return f"fx_dots_{self.pixels}x4_{self.peeled}{form}{rescale_suffix(self.rescale)}"

    def part(self) -> Part:
        """Return the function."""
        told = (
            ("pixels", self.pixels),
            ("lines", tuple(self._lines())),
            ("scale_up", 1 << self.rescale.shift),
            ("low", self.rescale.low),
            ("high", self.rescale.high),
        )
        return Part(self.name, "dots", told)

    def _lines(self) -> Iterator[str]:
        yield from ("mov r0, %0", "ldm r0, {r1-r9}", "push {r1, r2, r6-r9}")
        yield from ("mov r1, r4", "mov r4, r3", "mov r3, r5", "mov r5, r4")
        if self.tail and not self.ragged:
            yield from self._mask_tail()
        yield "8:"
        if self.tail and self.ragged:
            yield from self._mask_tail()
        yield "ldrd r9, r11, [sp]" if self.pixels == 2 else "ldr r9, [sp]"
        for step in range(self.peeled):
            yield from self._vector(first=step == 0)
        if self.loops:
            yield from (f"ldr {SPARE}, [sp, #{LOOPS}]", "1:")
            for _ in range(UNROLL):
                yield from self._vector()
            yield from (f"subs {SPARE}, {SPARE}, #1", "bne 1b")
        if self.tail:
            yield from self._vector(first=not self.whole, masked=True)
        yield from self._rescale()
        yield from self._store()
        yield from (f"ldr {SPARE}, [sp, #{LEFT}]", f"subs {SPARE}, {SPARE}, #{FILTERS}")
        yield from (f"str {SPARE}, [sp, #{LEFT}]", "bgt 8b", "add sp, sp, #24")

    def _mask_tail(self) -> Iterator[str]:
        yield from (f"ldr {SPARE}, [sp, #{TAIL}]", f"vctp.8 {SPARE}")

    def _vector(self, first: bool = False, masked: bool = False) -> Iterator[str]:
        """Yield 16 values of the pixels by four filters."""
        if masked:
            yield "vpst" + "t" * (self.pixels - 1)
        for pixel in range(self.pixels):
            yield f"vldrb{'t' * masked}.8 {HELD[pixel]}, [{PIXELS[pixel]}], #{LANES}"
        for filter_ in range(FILTERS):
            taken = TAKEN[filter_ % 2]
            yield f"vldrb.8 {taken}, [{WEIGHTS}], #{LANES}"
            for pixel in range(self.pixels):
                product = "vmladav" if first else "vmladava"
                yield f"{product}.s8 {SUMS[pixel][filter_]}, {HELD[pixel]}, {taken}"

    def _rescale(self) -> Iterator[str]:
        """Yield what makes an int8 of each sum: those of a pixel in the four words of q0.

        Of two pixels the second one's are in the upper halves.
        """
        bias, multipliers = TAKEN
        yield from (f"vldrw.32 {name}, [{WEIGHTS}], #{LANES}" for name in TAKEN)
        held = HELD[: self.pixels]
        for sums, q in zip(SUMS, held, strict=False):
            yield f"vmov {q}[2], {q}[0], {sums[0]}, {sums[2]}"
            yield f"vmov {q}[3], {q}[1], {sums[1]}, {sums[3]}"
        yield from (f"vadd.i32 {q}, {q}, {bias}" for q in held)
        if self.rescale.shift:
            yield from (f"vshl.i32 {q}, {q}, #{self.rescale.shift}" for q in held)
        yield from (f"vrmulh.s32 {q}, {q}, {multipliers}" for q in held)
        yield f"ldr {SPARE}, [sp, #{ZERO}]"
        yield "vqmovnb.s32 q0, q0"
        if self.pixels == 2:
            yield "vqmovnt.s32 q0, q1"
        yield from (f"vqadd.s16 q0, q0, {SPARE}", "vqmovnb.s16 q0, q0")
        yield from limit_lines(self.rescale, "q0", "q1", SPARE)

    def _store(self) -> Iterator[str]:
        mask = "t" if self.ragged else ""
        if self.ragged:
            yield from (f"ldr {SPARE}, [sp, #{LEFT}]", f"vctp.32 {SPARE}")
        for pixel in range(self.pixels):
            if pixel:
                yield "vshr.u32 q0, q0, #16"
            if self.ragged:
                yield "vpst"
            yield f"vstrb{mask}.32 q0, [{OUTPUTS[pixel]}], #{FILTERS}"


def limit_lines(rescale: Rescale, q: str, free: str, spare: str) -> Iterator[str]:
    """Yield what keeps the bytes of q within limits nearer than those of int8."""
    for limit, none, nearer in ((rescale.low, -128, "vmax"), (rescale.high, 127, "vmin")):
        if limit != none:
            yield from (f"mov {spare}, #{limit}", f"vdup.8 {free}, {spare}")
            yield f"{nearer}.s8 {q}, {q}, {free}"


def dots_of(values: int, filters: int, pixels: int, rescale: Rescale) -> Dots:
    """Return the loop for pixels, or patches, of as many values."""
    return Dots(pixels, values // LANES, values % LANES, filters % FILTERS > 0, rescale)


def dots_data(p: LinearParams) -> tuple[Data, ...]:
    """Return for each four filters their weights, biases and multipliers, in words."""
    weights = p.weights.reshape(len(p.weights), -1)
    packed = pack_vectors(weights)
    form = f"[{len(packed)}][[{packed.shape[1]}][4 filters][16] weights, 4 biases, 4 multipliers]"
    array, bias, multipliers = linear_data(p, packed, form)
    ends = [
        pad_to_multiple(values, fill, FILTERS).reshape(-1, FILTERS)
        for values, fill in ((bias.values, 0), (multipliers.values, 1))
    ]
    stream = np.concatenate([as_words(packed), *ends], axis=1)
    comment = array.comment.replace("int8, ", "")
    return (Data("weights", "int32_t", stream, comment),)


def pack_vectors(weights: Array) -> Array:
    """(filters, values) -> (fours of filters, vectors, 4, 16); missing weights are zeros."""
    filters, values = weights.shape
    padded = np.pad(weights, ((0, -filters % FILTERS), (0, -values % LANES)))
    fours: Array = padded.reshape(-1, FILTERS, padded.shape[1] // LANES, LANES)
    return fours.transpose(0, 2, 1, 3)


def as_words(packed: Array) -> Array:
    """(packs, ...) int8 -> (packs, words): four values a word, the first one lowest."""
    fours = (packed.reshape(len(packed), -1, 4).astype(np.int64) & 0xFF) << (0, 8, 16, 24)
    words: Array = fours.sum(axis=2).astype(np.uint32).view(np.int32)
    return words
