"""How many cycles a command takes, exactly, where the streams never wait."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from codegen.emit.rtl.descriptor import COMMAND_WORDS, spell_out
from codegen.ir.engine import WINDOW, Command, Kind, Shape
from codegen.ir.engine_cycles import loop_cycles

PACE = 36
"""From the end of a softmax's sum to its first division, and from one to the next."""
LOAD = 5
"""From the end of a command to the first beat of the next, besides a cycle a word."""
RECEIVE = 3
"""From the last word that is received to the end of the command."""
SEND = 11
"""From the last beat of a send to the end of the command."""
FLOW = 33
"""From the last beat to the end of the command, besides sums, rescaled results and divisions."""
DIVISION = 36
"""What a softmax takes from a byte to its share, besides the pipeline."""
FRAME = 1
"""From the end of a frame to the beginning of the next."""
BEGIN = 4
"""From the end of a command until the next may start, besides a cycle a word."""
ARRIVAL = 2
"""From a word of the stream of weights until a command that waits for it may start."""
RELEASE = 1
"""From the end of a command until a word may take the place of its weights."""
SETTLED = 8
"""Frames after which all later ones take as long as the last."""


def frame_cycles(shape: Shape, commands: Sequence[Command]) -> tuple[int, ...]:
    """Return the cycles of each command in a frame that follows others.

    Where weights come in a stream, one that never waits for itself, commands wait for it.
    """
    alone = tuple(command_cycles(shape, command) for command in commands)
    if not shape.ring:
        return alone
    loader = _Loader(shape)
    now, found = 0, alone
    for _ in range(SETTLED):
        now += FRAME
        ends = [now]
        for command, cycles in zip(commands, alone, strict=True):
            begin = COMMAND_WORDS + BEGIN
            loader.needed += command.fresh
            start = max(now + begin, loader.arrival(loader.needed) + ARRIVAL)
            now = start - begin + cycles
            loader.free(command.fresh, now + RELEASE)
            ends.append(now)
        found = tuple(after - before for before, after in pairwise(ends))
    return found


class _Loader:
    """When words of the stream of weights come: each as `pe` words of the bus, a cycle each."""

    def __init__(self, shape: Shape) -> None:
        self._cycles = shape.pe
        self._first, self._start = [0], [0]
        self._count, self._end = shape.ring, shape.ring * shape.pe
        self.needed = 0

    def arrival(self, count: int) -> int:
        """Return the cycle that takes the last part of the first `count` words."""
        if not count:
            return 0
        batch = bisect_right(self._first, count - 1) - 1
        return self._start[batch] + (count - self._first[batch]) * self._cycles - 1

    def free(self, words: int, now: int) -> None:
        """From cycle `now` on so many more words may come."""
        if words:
            self._first.append(self._count)
            self._start.append(max(self._end, now))
            self._count += words
            self._end = self._start[-1] + words * self._cycles


def command_cycles(shape: Shape, command: Command) -> int:
    """Return the cycles from the end of the command before to its own end."""
    load = COMMAND_WORDS + LOAD
    if command.kind is Kind.RECEIVE:
        return load + -(-command.row_bytes // shape.simd) + RECEIVE
    if command.kind is Kind.SEND:
        return load + -(-command.row_bytes // shape.simd) + SEND
    flow = load + FLOW + shape.simd.bit_length() - 1
    if command.kind is Kind.SOFTMAX:
        return flow + _softmax_beats(command) + DIVISION
    return flow + loop_cycles(shape, spell_out(shape, command))


def _softmax_beats(command: Command) -> int:
    """Return the cycles from the first beat to the last; divisions wait for each other."""
    n, groups = command.row_bytes, command.counts[WINDOW]
    return 2 * n + (groups - 1) * max(2 * n, PACE) + groups * n * PACE
