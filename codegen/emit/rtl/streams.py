"""What goes over the streams of a network in hardware, as words: frames in, outputs out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from codegen.ir.types import Array

BYTE = 8


@dataclass(frozen=True, slots=True)
class Streams:
    """Words of `simd` bytes; `inputs` and `outputs` are the bytes of each, in order.

    Each input and each output begins a new word. `weights` are the bytes for a frame of a stream of
    their own; 0: there is none.
    """

    simd: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    weights: int = 0

    @property
    def words_in(self) -> int:
        """Words of a frame."""
        return sum(-(-size // self.simd) for size in self.inputs)

    @property
    def words_out(self) -> int:
        """Words of what a frame gives."""
        return sum(-(-size // self.simd) for size in self.outputs)

    @property
    def in_bits(self) -> int:
        """Bits of a word that is received."""
        return BYTE * self.simd

    @property
    def out_bits(self) -> int:
        """Bits of a word that is sent: above its bytes which of them count, above these `last`."""
        return (BYTE + 1) * self.simd + 1


def frame_words(streams: Streams, frames: Array) -> tuple[int, ...]:
    """Return the words of frames, whose rows hold the bytes of all inputs, one after another."""
    words: list[int] = []
    for frame in frames:
        for part in _parts(frame, streams.inputs):
            words += [word for word, _ in _words(part, streams.simd)]
    return tuple(words)


def output_words(streams: Streams, outputs: Array) -> tuple[int, ...]:
    """Return the words of outputs, whose rows hold the bytes of all, with what goes beside them.

    >>> three = Streams(4, (), (3,))
    >>> [f"{word:x}" for word in output_words(three, np.array([[1, 2, -1]], np.int8))]
    ['1700ff0201']
    """
    words: list[int] = []
    for row in outputs:
        for part in _parts(row, streams.outputs):
            found = list(_words(part, streams.simd))
            keeps = [((1 << size) - 1) << (BYTE * streams.simd) for _, size in found]
            words += [word | keep for (word, _), keep in zip(found, keeps, strict=True)]
            words[-1] |= 1 << (streams.out_bits - 1)
    return tuple(words)


def sent_bytes(streams: Streams, words: Sequence[int]) -> Array:
    """Return the bytes of outputs, those of a frame a row, without what fills their last words.

    >>> two = Streams(4, (), (3, 1))
    >>> sent_bytes(two, output_words(two, np.array([[1, 2, -1, 5]], np.int8))).tolist()
    [[1, 2, -1, 5]]
    """
    mask = (1 << (BYTE * streams.simd)) - 1
    data = b"".join((word & mask).to_bytes(streams.simd, "little") for word in words)
    rows = np.frombuffer(data, np.int8).reshape(-1, streams.words_out * streams.simd)
    found, start = [], 0
    for size in streams.outputs:
        found.append(rows[:, start : start + size])
        start += -(-size // streams.simd) * streams.simd
    return np.concatenate(found, axis=1)


def _parts(row: Array, sizes: Sequence[int]) -> list[bytes]:
    """Return the bytes of each of several that stand one after another."""
    data, found, start = row.view(np.uint8).tobytes(), [], 0
    for size in sizes:
        found.append(data[start : start + size])
        start += size
    assert start == len(data), "the row has as many bytes as its parts"
    return found


def _words(data: bytes, simd: int) -> list[tuple[int, int]]:
    """Return words of bytes, the first byte the lowest, and how many bytes each holds."""
    chunks = [data[start : start + simd] for start in range(0, len(data), simd)]
    return [(int.from_bytes(chunk, "little"), len(chunk)) for chunk in chunks]
