"""Random commands of every kind, within the bounds that a plan keeps to.

A command reads from the lower half of the arena and writes to the upper one, so that it never reads
what it writes; additions may also replace their operand.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from codegen.emit.rtl.descriptor import HALF
from codegen.ir.engine import Command, Kind, Memories, Shape, Walk
from codegen.ir.types import Array
from codegen.lower.rtl.layout import needs_single

MAX_SLIDE = 3
"""Columns of the widest window that slides."""


@dataclass(slots=True)
class Maker:
    """Makes commands, and the memories that they read."""

    shape: Shape
    arena_bytes: int
    rng: np.random.Generator
    weights: list[Array] = field(default_factory=list)
    biases: list[list[int]] = field(default_factory=list)
    multipliers: list[list[int]] = field(default_factory=list)

    def any_of(self, *values: int) -> int:
        return int(self.rng.choice(values))

    def between(self, low: int, high: int) -> int:
        """Return a number from low to high, both included."""
        return int(self.rng.integers(low, high + 1))

    def memories(self, tables: int, exponentials: int) -> Memories:
        e = np.sort(self.rng.integers(0, 1 << 16, (exponentials, 256)), axis=1)[:, ::-1]
        e[:, 0] = (1 << 16) - 1
        shape = self.shape
        return Memories(
            np.array(self.weights, np.int8).reshape(-1, shape.pe, shape.simd),
            np.array(self.biases, np.int64).reshape(-1, shape.lanes),
            np.array(self.multipliers, np.int64).reshape(-1, shape.lanes),
            self.rng.integers(-128, 128, (tables, 256)).astype(np.int8),
            e.astype(np.int64),
        )

    def add_weights(self, words: int, used: int) -> int:
        """Append words whose first `used` bytes of each channel are random; return their place."""
        shape = self.shape
        word = self.rng.integers(-128, 128, (words, shape.pe, shape.simd)).astype(np.int8)
        word[..., used:] = 0
        if self.any_of(0, 0, 0, 1):
            word[word != 0] = -128
        self.weights.extend(word)
        return len(self.weights) - words

    def add_rows(self, rows: int, sum_bits: int, biased: bool = True) -> int:
        """Append rows of parameters that fit sums of so many bits; return the first's place."""
        lanes = self.shape.lanes
        for _ in range(rows):
            bits = min(32 + 8 - sum_bits + self.between(-2, 2), 33)
            wild = self.any_of(0, 0, 0, 0, 1)
            top = (1 << 34) if wild else (1 << bits)
            self.multipliers.append(self.rng.integers(max(top // 4, 1), top, lanes).tolist())
            low = 1 << sum_bits if biased else 1
            self.biases.append(self.rng.integers(1 - low, low, lanes).tolist())
        return len(self.biases) - rows

    def command(self, kind: Kind) -> Command:
        """Return a random command."""
        if kind is Kind.MAC:
            make = self.rng.choice(["convolution", "depthwise", "slide"])
            made = {
                "convolution": self._convolution,
                "depthwise": self._depthwise,
                "slide": self._slide,
            }[str(make)]()
        elif kind is Kind.MAX:
            made = replace(self._depthwise(), kind=Kind.MAX, depthwise=False)
        else:
            made = {
                Kind.ADD: self._add,
                Kind.SOFTMAX: self._softmax,
                Kind.ARGMAX: self._argmax,
                Kind.RECEIVE: self._receive,
                Kind.SEND: self._send,
            }[kind]()
        return made

    def dense(self, most_words: int) -> Command:
        """Return a random dense layer, whose weights take longer to come than to be used."""
        simd, pe, lanes = self.shape.simd, self.shape.pe, self.shape.lanes
        beats, blocks = self.between(most_words // 4, most_words // 2), self.between(1, 2)
        start = self.between(0, self.arena_bytes // 2 - beats * simd)
        step = -(-pe // lanes)
        made = Command(
            Kind.MAC,
            counts=(beats, 1, 1, 1, 1, blocks, 1),
            address=Walk(start, (simd, 0, 0, 0, 0, 0, 0)),
            column=Walk(0, (simd, 0, 0, 0, 0, 0, 0)),
            weight=Walk(self.add_weights(beats * blocks, simd), (1, 0, 0, 0, 0, beats, 0)),
            row_bytes=beats * simd,
            tail=simd,
            results=pe,
            last_results=pe,
            param=self.add_rows(step * blocks, 24),
            param_step=step,
        )
        return self._finish(self._layout(made, pe * blocks, blocks))

    def _finish(self, command: Command) -> Command:
        """Choose how results are rounded, clamped, looked up and laid out."""
        low, high = sorted((self.between(-128, 127), self.between(-128, 127)))
        if self.any_of(0, 1, 1):
            low, high = -128, 127
        zero_point = self.between(-128, 127)
        ties = bool(self.any_of(0, 0, 1)) and command.kind is not Kind.ADD
        table = self.any_of(-1, -1, 0, 1)
        return replace(
            command,
            low=low,
            high=high,
            ties=ties,
            table=table,
            pad=self.between(-128, 127),
            offset=(zero_point << 32) + HALF,
        )

    def _layout(self, command: Command, channels: int, blocks: int) -> Command:
        """Lay out the results, block after block, in the upper half of the arena."""
        stride = self.any_of(1, 1, 1, 2, 3, 8, 9, 16, 24)
        columns, rows = command.out_columns, command.counts[4]
        groups = command.counts[6]
        pixel = channels * groups * stride + self.between(0, 3)
        row = pixel * columns + self.between(0, 5)
        if row * rows > self.arena_bytes // 2:
            stride = 1
            pixel, row = channels * groups, channels * groups * columns
        start = self.arena_bytes // 2 + self.between(0, self.arena_bytes // 2 - row * rows)
        full = command.results * stride
        output = Walk(start, (0, 0, 0, pixel, row, full, channels * stride))
        far = needs_single(stride, self.shape)
        assert blocks == command.counts[5]
        single = far or bool(self.any_of(0, 0, 0, 1))
        return replace(command, output=output, result_stride=stride, single=single)

    def _window(self, channels: int) -> tuple[int, ...]:
        """Return height, width, kernel, strides, pads above and left, results' rows and columns."""
        kh, kw = self.between(1, 3), self.between(1, 4)
        sh, sw = self.between(1, 3), self.between(1, 3)
        top, left = self.between(0, kh), self.between(0, kw)
        height = self.between(1, 6)
        most = max(self.arena_bytes // 2 // (channels * height * 2), 1)
        width = self.between(1, min(8, most))
        rows = max((height + top + self.between(0, 2) - kh) // sh + 1, 1)
        columns = max((width + left + self.between(0, 2) - kw) // sw + 1, 1)
        return height, width, kh, kw, sh, sw, top, left, rows, columns

    def _convolution(self) -> Command:
        simd, pe, lanes = self.shape.simd, self.shape.pe, self.shape.lanes
        groups = self.any_of(1, 1, 2, 3)
        channels, results = self.between(1, 20), self.between(1, 20)
        pixel = channels * groups
        height, width, kh, kw, sh, sw, top, left, rows, columns = self._window(pixel)
        while results * groups * rows * columns > self.arena_bytes // 2:
            rows, columns = max(rows // 2, 1), max(columns // 2, 1)
        pitch = pixel * width
        base = self.between(0, self.arena_bytes // 2 - pitch * height)
        whole = groups == 1 and bool(self.any_of(0, 1))
        run = kw * channels if whole else channels
        beats, turns = -(-run // simd), 1 if whole else kw
        blocks = -(-results // pe)
        words = beats * turns * kh
        weight = self.add_weights(words * blocks * groups, simd)
        sum_bits = 13 + (words * simd).bit_length()
        step = self.any_of(0, pe // lanes)
        param = self.add_rows(blocks * groups * pe // lanes, sum_bits)
        start = base - top * pitch - left * pixel
        made = Command(
            Kind.MAC,
            counts=(beats, turns, kh, columns, rows, blocks, groups),
            address=Walk(start, (simd, pixel, pitch, sw * pixel, sh * pitch, 0, channels)),
            column=Walk(-left * pixel, (simd, pixel, 0, sw * pixel, 0, 0, channels)),
            row=Walk(-top, (0, 0, 1, 0, sh, 0, 0)),
            weight=Walk(weight, (1, beats, beats * turns, 0, 0, words, words * blocks)),
            row_bytes=pitch,
            rows=height,
            tail=run - (beats - 1) * simd,
            results=min(results, pe),
            last_results=results - (blocks - 1) * pe,
            param=param,
            param_step=step,
        )
        return self._finish(self._layout(made, results, blocks))

    def _depthwise(self) -> Command:
        simd, lanes = self.shape.simd, self.shape.lanes
        channels = self.between(1, 20)
        height, width, kh, kw, sh, sw, top, left, rows, columns = self._window(channels)
        while channels * rows * columns > self.arena_bytes // 2:
            rows, columns = max(rows // 2, 1), max(columns // 2, 1)
        pitch = channels * width
        base = self.between(0, self.arena_bytes // 2 - pitch * height)
        blocks = -(-channels // simd)
        weight = self.add_weights(kh * kw * blocks, 1)
        step = self.any_of(0, -(-simd // lanes))
        param = self.add_rows(blocks * -(-simd // lanes), 13 + (kh * kw).bit_length())
        start = base - top * pitch - left * channels
        made = Command(
            Kind.MAC,
            counts=(kw, 1, kh, columns, rows, blocks, 1),
            address=Walk(start, (channels, 0, pitch, sw * channels, sh * pitch, simd, 0)),
            column=Walk(-left * channels, (channels, 0, 0, sw * channels, 0, simd, 0)),
            row=Walk(-top, (0, 0, 1, 0, sh, 0, 0)),
            weight=Walk(weight, (1, 0, kw, 0, 0, kh * kw, 0)),
            row_bytes=pitch,
            rows=height,
            tail=self.any_of(simd, simd, self.between(1, simd)),
            depthwise=True,
            results=min(channels, simd),
            last_results=channels - (blocks - 1) * simd,
            param=param,
            param_step=step,
        )
        return self._finish(self._layout(made, channels, blocks))

    def _slide(self) -> Command:
        simd, lanes = self.shape.simd, self.shape.lanes
        channels = self.between(1, 20)
        height, width, kh, kw, sh, sw, top, left, rows, columns = self._window(channels)
        kw = min(kw, MAX_SLIDE)
        while channels * rows * columns > self.arena_bytes // 2:
            rows, columns = max(rows // 2, 1), max(columns // 2, 1)
        pitch = channels * width
        base = self.between(0, self.arena_bytes // 2 - pitch * height)
        blocks = -(-channels // simd)
        weight = self.add_weights(kh * blocks, kw)
        step = self.any_of(0, -(-simd // lanes))
        param = self.add_rows(blocks * -(-simd // lanes), 13 + (kh * kw).bit_length())
        start = base - top * pitch - left * channels
        made = Command(
            Kind.MAC,
            counts=(kh, 1, 1, (columns - 1) * sw + kw, rows, blocks, 1),
            address=Walk(start, (pitch, 0, 0, channels, sh * pitch, simd, 0)),
            column=Walk(-left * channels, (0, 0, 0, channels, 0, simd, 0)),
            row=Walk(-top, (1, 0, 0, 0, sh, 0, 0)),
            weight=Walk(weight, (1, 0, 0, 0, 0, kh, 0)),
            row_bytes=pitch,
            rows=height,
            depthwise=True,
            slide=True,
            prime=kw - 1,
            phase=sw - 1,
            results=min(channels, simd),
            last_results=channels - (blocks - 1) * simd,
            param=param,
            param_step=step,
        )
        return self._finish(self._layout(made, channels, blocks))

    def _add(self) -> Command:
        simd, half = self.shape.simd, self.arena_bytes // 2
        size = self.between(1, 150)
        blocks = -(-size // simd)
        a, b = self.between(0, half - 200), self.between(0, half - 200)
        made = Command(
            Kind.ADD,
            counts=(2, 1, 1, 1, 1, blocks, 1),
            address=Walk(a, (0, 0, 0, 0, 0, simd, 0)),
            column=Walk(0, (0, 0, 0, 0, 0, simd, 0)),
            weight=Walk(b, (0, 0, 0, 0, 0, simd, 0)),
            row_bytes=size,
            tail=simd,
            results=min(simd, size),
            last_results=size - (blocks - 1) * simd,
            param=self.add_rows(1, 8, biased=False),
            output=Walk(
                self.any_of(a, half + self.between(0, half - 200)), (0, 0, 0, 0, 0, simd, 0)
            ),
        )
        return self._finish(made)

    def _groups(self, kind: Kind, written: int) -> Command:
        half = self.arena_bytes // 2
        n, groups = self.between(1, 20), self.between(1, 4)
        read = self.between(n, n + 5)
        written = max(written, n if kind is Kind.SOFTMAX else 0) + self.between(0, 5)
        return Command(
            kind,
            counts=(1, 1, 1, groups, 1, 1, 1),
            address=Walk(self.between(0, half - read * groups), (0, 0, 0, read, 0, 0, 0)),
            row_bytes=n,
            output=Walk(
                half + self.between(0, half - written * groups), (0, 0, 0, written, 0, 0, 0)
            ),
        )

    def _softmax(self) -> Command:
        made = self._groups(Kind.SOFTMAX, 0)
        return replace(
            made,
            pad=self.any_of(-128, 0),
            offset=self.any_of(1 << 24, self.between(1 << 20, (1 << 31) - 1)),
            phase=self.between(0, 10),
            table=self.any_of(0, 1),
        )

    def _argmax(self) -> Command:
        return self._groups(Kind.ARGMAX, 4)

    def _receive(self) -> Command:
        words = self.arena_bytes // self.shape.simd // 2
        start = self.between(0, words - 20) * self.shape.simd
        return Command(Kind.RECEIVE, address=Walk(start), row_bytes=self.between(1, 150))

    def _send(self) -> Command:
        start = self.between(0, self.arena_bytes - 200)
        return Command(Kind.SEND, address=Walk(start), row_bytes=self.between(1, 200))
