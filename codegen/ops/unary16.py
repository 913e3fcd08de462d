"""Functions of one int16: what stands for the 256-byte table that functions of an int8 have.

A scaling is computed. Other functions are interpolated between entries of a table, evenly over the
range or evenly within each octave of magnitudes; those that jump are looked up among the places
where they do. The form is chosen by trying all 65,536 values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from codegen.ir.fixed_point import Int64s
from codegen.ir.types import Array, DType, Quant
from codegen.ops.curve import Curve

INT16_VALUES = np.arange(-(2**15), 2**15, dtype=np.int64)
CLOSE, LOOSE = 2, 64
"""Steps of the output by which a table may be off; the second at a kink or where the format ends:
a quarter of a step of 8 bits."""
EVEN_BITS = (8, 9, 10)
FINEST_EVEN_BITS = 12
SEGMENTS = (16, 32, 64, 128, 256)
MOST_STEPS = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Octaves:
    """f(x) between entries: at |x| = 0, 1 ... 2 * segments, then `segments` in each octave.

    Entries for x below zero follow those for the others.
    """

    table: Int64s
    segments: int

    @property
    def half(self) -> int:
        """The entries of each sign."""
        return len(self.table) // 2

    def apply(self, x: Int64s) -> Int64s:
        """Return the interpolated results; the kernels' fx_octaves_at does the same."""
        m = np.abs(x)
        shift = octave(m, self.segments)
        entry = shift * self.segments + (m >> shift) + np.where(x < 0, self.half, 0)
        low, high = self.table[entry], self.table[entry + 1]
        rest = m & ((np.int64(1) << shift) - 1)
        found: Int64s = low + (((high - low) * rest + ((np.int64(1) << shift) >> 1)) >> shift)
        return found


def octave(m: Int64s, segments: int) -> Int64s:
    """Return the least shifts that bring magnitudes below 2 * segments.

    >>> octave(np.array([31, 32, 64, 32768]), 16).tolist()
    [0, 1, 2, 11]
    """
    length = np.frexp(m.astype(np.float64))[1].astype(np.int64)
    found: Int64s = np.maximum(length - segments.bit_length(), 0)
    return found


def octave_places(segments: int) -> Int64s:
    """Return the magnitudes at which entries stand."""
    last = int(octave(np.asarray(2**15), segments))
    entries = np.arange(last * segments + (2**15 >> last) + 2)
    shift = np.maximum(entries // segments - 1, 0)
    places: Int64s = (entries - shift * segments) << shift
    return places


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """values[i] from starts[i - 1] on, values[0] below them all."""

    starts: Int64s
    values: Int64s

    def apply(self, x: Int64s) -> Int64s:
        """Return the values."""
        found: Int64s = self.values[np.searchsorted(self.starts, x, side="right")]
        return found


Function16 = Curve | Octaves | Steps


@lru_cache(maxsize=64)
def function16(
    f: Callable[[Array], Array], name: str, x: Quant, y: Quant, dtype: DType
) -> Function16:
    """Return the integer form of a function of int16; ValueError where it has none.

    It is at most CLOSE steps off, LOOSE where the function has kinks.
    """
    exact = quantized(f, INT16_VALUES, x, y, dtype)
    best: tuple[int, Function16] | None = None
    for form in forms(f, exact, x, y, dtype):
        off = int(np.abs(form.apply(INT16_VALUES) - exact).max())
        if off <= CLOSE:
            return form
        if best is None or off < best[0]:
            best = off, form
    assert best is not None
    if best[0] > LOOSE:
        raise ValueError(f"{name} jumps or bends too much for a table of int16 values")
    return best[1]


def forms(
    f: Callable[[Array], Array], exact: Int64s, x: Quant, y: Quant, dtype: DType
) -> Iterator[Function16]:
    """Yield the forms of a function, the preferred ones first."""
    steps = make_steps(exact)
    if dtype is not DType.INT16 and len(steps.starts) <= MOST_STEPS:
        yield steps
        return
    for bits in EVEN_BITS:
        yield even_curve(f, bits, x, y, dtype)
    for segments in SEGMENTS:
        places = octave_places(segments)
        ends = [quantized(f, sign * places, x, y, dtype) for sign in (1, -1)]
        yield Octaves(np.concatenate(ends), segments)
    if len(steps.starts) <= MOST_STEPS:
        yield steps
    yield even_curve(f, FINEST_EVEN_BITS, x, y, dtype)


def make_steps(exact: Int64s) -> Steps:
    """Return where the results change, one place at least."""
    changes = np.flatnonzero(np.diff(exact)) + 1
    changes = changes if len(changes) else np.array([1])
    return Steps(INT16_VALUES[changes], exact[[0, *changes]])


def even_curve(f: Callable[[Array], Array], bits: int, x: Quant, y: Quant, dtype: DType) -> Curve:
    """Return 2^bits + 1 entries evenly over the range of int16."""
    places = np.arange(-(2**15), 2**15 + 1, 2 ** (16 - bits))
    return Curve(quantized(f, places, x, y, dtype), bits, 0, 0, 2**15, 0.0)


def quantized(
    f: Callable[[Array], Array], places: Int64s, x: Quant, y: Quant, dtype: DType
) -> Int64s:
    """Return the function at integers, quantized."""
    return y.quantize(f(x.dequantize(places)), dtype).astype(np.int64)
