"""Assembly of depthwise windows: 16 channels of a pixel at a time, each tap 16 bytes and weights.

Products of bytes and their sums have 16 bits for as many taps as the weights allow, then they are
added up in 32: even channels apart from odd ones, as multiplications of bytes leave them.
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
from codegen.lower.bind.dots import LANES, as_words, limit_lines
from codegen.lower.bind.linear import linear_data
from codegen.lower.pack import fits_lane, pad_to_multiple
from codegen.ops.linear import LinearParams

QUARTERS = (0, 2, 1, 3)
"""Which of four neighboring channels each vector of sums holds."""
IN_REGISTERS = 9
"""As many pointers to taps have a register each."""
EVEN, ODD, X, W, PRODUCT = "q0", "q1", "q2", "q3", "q4"
SUMS = ("q5", "q6", "q7", PRODUCT)
"""The last is kept on the stack between two groups."""
WEIGHTS, OUT, SPARE = "r10", "r11", "r12"
ZERO, TAIL = 16, 20
"""Where on the stack the zero point and the channels of the last block are."""


@dataclass(frozen=True, slots=True)
class Taps:
    """Windows of so many taps: sums of each of `groups` taps fit 16 bits.

    whole: there are blocks of 16 channels. tail: some channels are left.
    """

    groups: tuple[int, ...]
    whole: bool
    tail: bool
    rescale: Rescale

    @property
    def name(self) -> str:
        """The C function."""
        groups = "_".join(map(str, self.groups))
        form = "_whole" * self.whole + "_tail" * self.tail
        return f"fx_taps_{groups}{form}{rescale_suffix(self.rescale)}"

    @property
    def taps(self) -> int:
        """Those of a window."""
        return sum(self.groups)

    def part(self) -> Part:
        """Return the function."""
        told = (
            ("taps", self.taps),
            ("lines", tuple(self._lines())),
            ("scale_up", 1 << self.rescale.shift),
            ("low", self.rescale.low),
            ("high", self.rescale.high),
        )
        return Part(self.name, "taps", told)

    def _lines(self) -> Iterator[str]:
        """Yield the instructions. On the stack: a vector of sums, the zero point, the tail."""
        yield from ("mov r0, %0", "ldm r0, {r0-r5}", "sub sp, sp, #24")
        yield from (f"strd r5, r4, [sp, #{ZERO}]", f"mov {WEIGHTS}, r1", f"mov {OUT}, r2")
        if self.whole:
            yield "dls lr, r3"
        if self.taps > IN_REGISTERS:
            yield "mov r1, #0"
        else:
            yield f"ldm r0, {{r0-r{self.taps - 1}}}" if self.taps > 1 else "ldr r0, [r0]"
        if self.whole:
            yield from ("1:", *self._block(masked=False), "le lr, 1b")
        if self.tail:
            yield from (f"ldr {SPARE}, [sp, #{TAIL}]", f"vctp.8 {SPARE}")
            yield from self._block(masked=True)
        yield "add sp, sp, #24"

    def _block(self, masked: bool) -> Iterator[str]:
        """Yield 16 channels, or those that the mask leaves."""
        tap = 0
        for group, size in enumerate(self.groups):
            for place in range(size):
                yield from self._load(tap, masked)
                yield from _multiply(first=place == 0)
                tap += 1
            yield from self._widen(group)
        if self.taps > IN_REGISTERS:
            yield f"add r1, r1, #{LANES}"
        yield from self._rescale()
        yield from ("vpst", f"vstrbt.8 q5, [{OUT}]") if masked else (f"vstrb.8 q5, [{OUT}], #16",)

    def _load(self, tap: int, masked: bool) -> Iterator[str]:
        if self.taps > IN_REGISTERS:
            yield from (f"ldr r2, [r0, #{4 * tap}]", "add r2, r2, r1")
            place = "[r2]"
        else:
            place = f"[r{tap}], #{LANES}"
        yield from ("vpst", f"vldrbt.8 {X}, {place}") if masked else (f"vldrb.8 {X}, {place}",)
        yield f"vldrb.8 {W}, [{WEIGHTS}], #{LANES}"

    def _widen(self, group: int) -> Iterator[str]:
        """Yield what adds the sums of a group to those before."""
        is_last = group == len(self.groups) - 1
        for source, total in zip(("b", "t", "b", "t"), SUMS, strict=True):
            q = EVEN if total in SUMS[:2] else ODD
            if group == 0:
                yield f"vmovl{source}.s16 {total}, {q}"
            else:
                yield f"vmovl{source}.s16 {X}, {q}"
                if total == PRODUCT:
                    yield f"vldrw.32 {PRODUCT}, [sp]"
                yield f"vadd.i32 {total}, {total}, {X}"
        if not is_last:
            yield f"vstrw.32 {PRODUCT}, [sp]"

    def _rescale(self) -> Iterator[str]:
        """Yield what makes an int8 of each sum, all of them in q5."""
        for q in SUMS:
            yield from (f"vldrw.32 {X}, [{WEIGHTS}], #{LANES}", f"vadd.i32 {q}, {q}, {X}")
            if self.rescale.shift:
                yield f"vshl.i32 {q}, {q}, #{self.rescale.shift}"
            yield from (f"vldrw.32 {W}, [{WEIGHTS}], #{LANES}", f"vrmulh.s32 {q}, {q}, {W}")
        yield f"ldr {SPARE}, [sp, #{ZERO}]"
        yield from ("vqmovnb.s32 q5, q5", "vqmovnt.s32 q5, q6", "vqmovnb.s32 q7, q7")
        yield from (f"vqmovnt.s32 q7, {PRODUCT}", f"vqadd.s16 q5, q5, {SPARE}")
        yield from (f"vqadd.s16 q7, q7, {SPARE}", "vqmovnb.s16 q5, q5", "vqmovnt.s16 q5, q7")
        yield from limit_lines(self.rescale, "q5", X, SPARE)


def _multiply(first: bool) -> Iterator[str]:
    """Yield the products of a tap; those after the first of a group add to the sums."""
    if first:
        yield from (f"vmullb.s8 {EVEN}, {X}, {W}", f"vmullt.s8 {ODD}, {X}, {W}")
    else:
        yield from (f"vmullb.s8 {PRODUCT}, {X}, {W}", f"vadd.i16 {EVEN}, {EVEN}, {PRODUCT}")
        yield from (f"vmullt.s8 {X}, {X}, {W}", f"vadd.i16 {ODD}, {ODD}, {X}")


def group_taps(weights: Array) -> tuple[int, ...]:
    """Return how many of the (taps, channels) weights to add up in 16 bits at a time, in order."""
    groups: list[int] = []
    start = 0
    for end in range(1, len(weights) + 1):
        if end == len(weights) or not fits_lane(weights[start : end + 1]):
            groups.append(end - start)
            start = end
    return tuple(groups)


def taps_data(p: LinearParams, weights: Array) -> tuple[Data, ...]:
    """Return for each 16 channels their weights, tap by tap, biases and multipliers, in words."""
    taps, channels = weights.shape
    blocks = -(-channels // LANES)
    padded = np.pad(weights, ((0, 0), (0, blocks * LANES - channels)))
    packed = padded.reshape(taps, blocks, LANES).transpose(1, 0, 2)
    form = f"[{blocks}][[{taps}][16 channels] weights, 4 by [4 biases, 4 multipliers]]"
    array, bias, multipliers = linear_data(p, packed, form)
    ends = [
        pad_to_multiple(values, fill, LANES).reshape(blocks, LANES // 4, 4)[..., QUARTERS]
        for values, fill in ((bias.values, 0), (multipliers.values, 1))
    ]
    quarters = np.stack(ends, axis=2).transpose(0, 3, 2, 1).reshape(blocks, -1)
    stream = np.concatenate([as_words(packed), quarters], axis=1)
    comment = array.comment.replace("int8, ", "")
    return (Data("weights", "int32_t", stream, comment),)
