"""Assembly of depthwise convolutions with SMLAD: a channel slides along words of row pairs.

Two rows of the image make a strip: a word for each column and channel, the upper row's value in its
lower half. A window of kw columns is kw words of each of its row pairs; neighboring outputs share
them, so some outputs are computed together, and each word is loaded once for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from codegen.ir.op import Signature
from codegen.ir.program import Part
from codegen.ir.types import Array
from codegen.lower.bind.binding import Binding, Data
from codegen.lower.bind.block import rescale_suffix
from codegen.lower.bind.linear import conv_name, linear_data
from codegen.ops import Conv2d
from codegen.schedule.conditions import STRIP_WORD_BYTES, strip_columns

WORDS, WEIGHTS = "r0", "r1"
FREE = (*(f"r{n}" for n in range(2, 13)), "lr")
"""Registers for sums, then weights, then words of columns."""
MOST_OUTPUTS = 5
MOST_TAPS = 5
"""So many weights are held in registers at a time."""


@dataclass(frozen=True, slots=True)
class Strip:
    """A loop of `outputs` results a turn, of windows of kw columns and `pairs` pairs of rows."""

    outputs: int
    pairs: int
    kw: int
    stride: int

    @property
    def name(self) -> str:
        """The C function, but for its rescale."""
        stride = f"_s{self.stride}" if self.stride > 1 else ""
        return f"fx_strip_{self.pairs}x{self.kw}{stride}_{self.outputs}"

    @property
    def column_bytes(self) -> int:
        """From a column's words to the next column's."""
        return STRIP_WORD_BYTES * self.pairs

    @property
    def turn_bytes(self) -> int:
        """From the words of a turn to those of the next."""
        return self.column_bytes * self.stride * self.outputs

    @property
    def taps(self) -> int:
        """Words of weights."""
        return self.pairs * self.kw

    @property
    def stream_words(self) -> int:
        """Of a channel: a bias, weights, a multiplier."""
        return self.taps + 2

    @property
    def sums(self) -> tuple[str, ...]:
        """The registers of the results."""
        return FREE[: self.outputs]

    @property
    def spare(self) -> tuple[str, ...]:
        """The other registers."""
        return FREE[self.outputs :]

    def turn(self) -> Iterator[str]:
        """Yield what adds up the results of a turn."""
        yield f"ldr {self.sums[0]}, [{WEIGHTS}]"
        yield from (f"mov {register}, {self.sums[0]}" for register in self.sums[1:])
        for pair in range(self.pairs):
            for first, end in split_taps(self.kw):
                yield from self._pass(pair, first, end)

    def _pass(self, pair: int, first: int, end: int) -> Iterator[str]:
        """Yield the products of some taps of a pair of rows, which are held in registers."""
        held, words = self.spare[: end - first], self.spare[end - first :]
        for tap, register in enumerate(held, first):
            yield f"ldr {register}, [{WEIGHTS}, #{4 * (1 + pair * self.kw + tap)}]"
        columns = sorted({self.stride * o + tap for o in self._all for tap in range(first, end)})
        for start in range(0, len(columns), len(words)):
            group = tuple(zip(columns[start : start + len(words)], words, strict=False))
            for column, word in group:
                at = column * self.column_bytes + pair * STRIP_WORD_BYTES
                yield f"ldr {word}, [{WORDS}, #{at}]"
            for column, word in group:
                for output in self._all:
                    tap = column - self.stride * output
                    if first <= tap < end:
                        acc = self.sums[output]
                        yield f"smlad {acc}, {word}, {held[tap - first]}, {acc}"

    @property
    def _all(self) -> range:
        return range(self.outputs)

    def cycles(self, width: int) -> int:
        """Return about how many cycles a channel of a row takes."""
        loads = sum(line.startswith("ldr") for line in self.turn())
        turn = loads + self.outputs * (self.taps + 5) + 3 * self.pairs + 16
        return -(-width // self.outputs) * turn


def split_taps(taps: int) -> tuple[tuple[int, int], ...]:
    """Return ranges of taps that are held in registers together.

    >>> split_taps(5), split_taps(7), split_taps(11)
    (((0, 5),), ((0, 4), (4, 7)), ((0, 4), (4, 8), (8, 11)))
    """
    size = -(-taps // -(-taps // MOST_TAPS))
    return tuple((start, min(start + size, taps)) for start in range(0, taps, size))


def choose_strip(pairs: int, kw: int, stride: int, width: int) -> Strip:
    """Return the loop that takes a row of `width` results in the fewest cycles."""
    found = [Strip(n, pairs, kw, stride) for n in range(1, min(width, MOST_OUTPUTS) + 1)]
    return min(found, key=lambda strip: strip.cycles(width))


def pack_strips(weights: Array) -> Array:
    """(channels, kh, kw) -> (channels, pairs * kw) words; a row that lacks its pair has zeros."""
    channels, kh, kw = weights.shape
    halfwords = np.zeros((channels, kh + kh % 2, kw), np.int64)
    halfwords[:, :kh] = weights.astype(np.int64) & 0xFFFF
    words: Array = halfwords[:, ::2] | (halfwords[:, 1::2] << 16)
    return words.reshape(channels, -1).astype(np.uint32).view(np.int32)


def bind_depthwise(op: Conv2d, signature: Signature) -> Binding:
    """Layers of one window, stride and rescale share the loop."""
    p = op.params(signature)
    channels, kh, kw, _ = p.weights.shape
    width, columns = signature.output.width, strip_columns(op, signature)
    strip = choose_strip(-(-kh // 2), kw, op.strides[1], width)
    turns, over = width // strip.outputs, -width % strip.outputs
    name = f"{strip.name}{rescale_suffix(p.rescale)}"
    told = (
        ("strip", strip),
        ("lines", tuple(strip.turn())),
        ("up", p.rescale.shift),
        ("low", p.rescale.low),
        ("high", p.rescale.high),
    )
    packed = pack_strips(p.weights[..., 0])
    _, bias, multipliers = linear_data(p, packed, "")
    stream = np.column_stack([bias.values, packed, multipliers.values])
    inside = min(signature.inputs[0].width, columns - op.pads[1])
    form = f"[{channels} channels][a bias, [{strip.pairs}][{kw}] weights, a multiplier]"
    return Binding(
        f"depthwise_{conv_name(op, signature)}",
        f"One row of a {kh}x{kw} depthwise convolution",
        {
            "function": name,
            "kernel_rows": kh,
            "pairs": strip.pairs,
            "channels": channels,
            "lanes": min(channels, 4),
            "out_width": width,
            "zero": p.rescale.zero_point,
            "input_zero": p.input_zero_point,
            "pad": op.pads[1],
            "inside": inside,
            "after": columns - op.pads[1] - inside,
            "span": turns * strip.turn_bytes,
            "stream": strip.stream_words,
            "over": over,
            "back": over * strip.stride * strip.column_bytes,
            "step": strip.column_bytes,
        },
        (Data("weights", "int32_t", stream, form),),
        parts=(Part(name, "strip", told),),
    )
