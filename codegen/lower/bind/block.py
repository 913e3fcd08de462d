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
from codegen.lower.bind.linear import conv_name, conv_params, linear_data
from codegen.lower.pack import pad_to_multiple
from codegen.ops import Conv2d

WEIGHT_BYTES = 8
"""Of two filters: one word each."""
COLUMN_BYTES = 8
"""E and X of a column."""
SPARE = {1: "r6 r7 r8", 2: "r8 r9 r10", 3: "r10 r11 r12", 4: "r12 lr"}
"""Registers for words of pixels, by the pixels of a block; fewer than four leave lr for the end."""


@dataclass(frozen=True, slots=True)
class Block:
    """A loop over steps of four channels and `taps` columns, which `unroll` steps share.

    Pixels stand `stride` columns apart. `odd`: one step more than those that the loop takes.
    """

    pixels: int
    taps: int
    stride: int
    unroll: int
    odd: bool

    @property
    def name(self) -> str:
        """The C function."""
        stride = f"_s{self.stride}" if self.stride > 1 else ""
        return f"fx_block_{self.pixels}x{self.taps}{stride}_{self.unroll}{'_odd' * self.odd}"

    @property
    def columns(self) -> int:
        """How many columns the pixels read together."""
        return self.stride * (self.pixels - 1) + self.taps

    @property
    def step_bytes(self) -> int:
        """From one step's columns to the next."""
        return COLUMN_BYTES * self.columns

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
        return "" if self.pixels == 4 else "lr"

    def loop(self) -> tuple[str, ...]:
        """Return the instructions of the loop. r0: columns, r1: weights, both less 4 bytes."""
        lines: list[str] = []
        for step in range(self.unroll):
            lines.append(f"{step + 1}:")
            for tap in range(self.taps):
                lines += self._tap(step, tap)
        return (*lines, *(() if self.end else ("ldr r12, [sp]",)), f"cmp r0, {self.end or 'r12'}")

    def _tap(self, step: int, tap: int) -> Iterator[str]:
        """Yield one tap of a step; the last loads move the pointers on."""
        is_last = (step, tap) == (self.unroll - 1, self.taps - 1)
        weights = 4 + WEIGHT_BYTES * (step * self.taps + tap)
        yield f"ldr r2, [r1, #{weights}]"
        yield f"ldr r3, [r1, #{weights + 4}]{'!' * is_last}"
        for half in range(2):
            if half:
                yield from ("sxtb16 r2, r2", "sxtb16 r3, r3")
            for group in self._groups():
                for pixel, register in group:
                    column = self.step_bytes * step + COLUMN_BYTES * (self.stride * pixel + tap)
                    moves = is_last and half == 1 and pixel == self.pixels - 1
                    yield f"ldr {register}, [r0, #{column + 4 * half + 4}]{'!' * moves}"
                for filters, weight in ((self.first, "r2"), (self.second, "r3")):
                    for pixel, register in group:
                        acc = filters[pixel]
                        yield f"smlad {acc}, {register}, {weight}, {acc}"

    def _groups(self) -> Iterator[tuple[tuple[int, str], ...]]:
        """Yield pixels with the registers of their words, as many as fit at a time."""
        spare = SPARE[self.pixels].split()
        for start in range(0, self.pixels, len(spare)):
            pixels = range(start, min(start + len(spare), self.pixels))
            yield tuple(zip(pixels, spare, strict=False))


def cover(width: int) -> tuple[tuple[int, int], ...]:
    """Return (pixels of a block, how many of it) for a row, larger blocks first.

    >>> cover(32), cover(6), cover(5), cover(13), cover(1)
    (((4, 8),), ((3, 2),), ((3, 1), (2, 1)), ((4, 1), (3, 3)), ((1, 1),))
    """
    if width % 4 == 0:
        return ((4, width // 4),)
    if width % 3 == 0:
        return ((3, width // 3),)
    threes = -width % 4
    if width >= 3 * threes:
        fours = (width - 3 * threes) // 4
        return (((4, fours),) if fours else ()) + ((3, threes),)
    return ((3, 1), (2, 1)) if width == 5 else ((width, 1),)


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


def bind_windows(op: Conv2d, signature: Signature) -> Binding:
    """A run is a pixel: those that lie in several windows are expanded once."""
    p = op.params(signature)
    taps, stride = p.weights.shape[2], op.strides[1]
    if taps == 1:
        return _bind(op, signature, p.weights, stride, 1)
    return _bind(op, signature, p.weights, 1, stride)


def bind_runs(op: Conv2d, signature: Signature) -> Binding:
    """A run is a row of a window."""
    p = op.params(signature)
    weights = p.weights.reshape(*p.weights.shape[:2], 1, -1)
    binding = _bind(op, signature, weights, op.strides[1], 1)
    return replace(binding, params={**binding.params, "in_pitches": (p.weights.shape[3],)})


def _bind(op: Conv2d, signature: Signature, weights: Array, apart: int, stride: int) -> Binding:
    """Runs of the input stand `apart` pixels apart, those of neighboring outputs `stride` runs."""
    p = op.params(signature)
    _, rows, taps, length = weights.shape
    words = -(-length // 4)
    steps = rows * words
    unroll = 4 if taps == 1 and steps % 4 == 0 else 2
    parts: list[dict[str, object]] = []
    shared: list[Part] = []
    end = 0
    for pixels, count in cover(signature.output.width):
        block = Block(pixels, taps, stride, unroll, steps % unroll > 0)
        end += pixels * count
        functions = _expand_part(block), _block_part(block, p.rescale)
        shared += functions
        parts.append(
            {
                "end": end,
                "pixels": pixels,
                "bytes": steps * block.step_bytes,
                "expand": functions[0].name,
                "row_bytes": words * block.step_bytes,
                "function": functions[1].name,
            }
        )
    packed = pack_blocks(weights)
    form = f"[{len(packed)}][2 starts, [{rows}][{words}][{taps}][2] weights, 2 multipliers]"
    array, _, multipliers = linear_data(p, packed, form)
    scales = pad_to_multiple(multipliers.values, 1, 2).reshape(-1, 2)
    weights_only = packed.reshape(len(packed), -1)
    stream = np.concatenate([block_starts(p.bias, packed), weights_only, scales], axis=1)
    return Binding(
        f"conv2d_block_{conv_name(op, signature)}",
        f"One row of a {p.weights.shape[1]}x{p.weights.shape[2]} convolution",
        conv_params(op, signature, p) | {"parts": parts, "length": length, "apart": apart},
        (Data("weights", "int32_t", stream, array.comment.replace("int8, ", "")),),
        parts=tuple(shared),
    )


def _expand_part(block: Block) -> Part:
    """Return the function that makes the words of a block."""
    runs = [_run(index) for index in range(block.columns)]
    threes = tuple(tuple(runs[start : start + 3]) for start in range(0, len(runs), 3))
    told = (
        ("runs", block.columns),
        ("last", block.columns - 1),
        ("step", block.step_bytes),
        ("threes", threes),
    )
    return Part(f"fx_expand_{block.columns}", "expand", told)


@dataclass(frozen=True, slots=True)
class Run:
    """One of the runs that are expanded together: C of where it is read, and of where written."""

    index: int
    source: str
    place: str


def _run(index: int) -> Run:
    apart = "distance" if index == 1 else f"({index} * distance)"
    return Run(
        index,
        f"from + {apart}" if index else "from",
        f"to + {COLUMN_BYTES * index}" if index else "to",
    )


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
