"""Weights from outside: commands cut so that each needs few words, in a stream in order of use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from codegen.ir.engine import Command, Kind, Walk
from codegen.ir.types import Array

BLOCK, GROUP = 5, 6
"""The loops that a command is cut along: none of both has another's sums to add to."""


def stream_weights(
    ring: int, weights: Array, commands: Iterable[tuple[Command, int]]
) -> tuple[Array, list[tuple[Command, int]]]:
    """Return the words of a frame's stream, and the commands that use them in that order.

    Each command comes with the layer it belongs to. It takes no more than half of the `ring`, so
    that the other half fills while it runs, but where a single block takes more.
    """
    parts, made, place = [weights[:0]], [], 0
    for command, owner in commands:
        if not reads_weights(command):
            made.append((command, owner))
            continue
        for cut in split(command, ring // 2):
            first, count = words_of(cut)
            parts.append(weights[first : first + count])
            made.append((replace(cut, weight=cut.weight.moved(place - first), fresh=count), owner))
            place += count
    return np.concatenate(parts), made


def reads_weights(command: Command) -> bool:
    """Tell whether a command multiplies by weights."""
    return command.kind is Kind.MAC


def words_of(command: Command) -> tuple[int, int]:
    """Return the first word of weights that a command reads, and how many from there on."""
    first, last = command.weight.bounds(command.counts)
    return first, last - first + 1


def least_ring(commands: Sequence[Command]) -> int:
    """Return the least ring that holds the weights of each block: a power of two."""
    blocks = (replace(c, counts=(*c.counts[:BLOCK], 1, 1)) for c in commands if reads_weights(c))
    return 1 << (max((words_of(block)[1] for block in blocks), default=2) - 1).bit_length()


def split(command: Command, most: int) -> Iterator[Command]:
    """Yield commands that do the same in order, each with `most` words of weights or one block."""
    if words_of(command)[1] <= most:
        yield command
    elif command.counts[GROUP] > 1:
        for groups in _cuts(command, GROUP, most):
            yield from split(groups, most) if groups.counts[GROUP] == 1 else (groups,)
    else:
        yield from _cuts(command, BLOCK, most)


def _cuts(command: Command, level: int, most: int) -> Iterator[Command]:
    """Yield commands of as many turns of a loop as need `most` words, or of one."""
    step = max(1, most // words_of(_cut(command, level, 0, 1))[1])
    for first in range(0, command.counts[level], step):
        yield _cut(command, level, first, min(step, command.counts[level] - first))


def _cut(command: Command, level: int, first: int, count: int) -> Command:
    """Return the command with `count` turns of a loop, from turn `first` on."""
    counts = list(command.counts)
    turns, counts[level] = counts[level], count
    in_turn = 1 if level == BLOCK else command.counts[BLOCK]
    ends = level == GROUP or first + count == turns

    def there(walk: Walk) -> Walk:
        return walk.moved(first * walk.strides[level])

    return replace(
        command,
        counts=tuple(counts),
        param=command.param + first * in_turn * command.param_step,
        last_results=command.last_results if ends else command.results,
        address=there(command.address),
        column=there(command.column),
        row=there(command.row),
        weight=there(command.weight),
        output=there(command.output),
    )
