"""Prove: an engine reads no word of its arena in the cycle that writes it, no weights too early.

Its memory has no logic for that case. A command may write no word that holds a byte it counts,
unless each such word is written by a result set after which none reads it again: what a set writes
lands after its own beats were read, and before nothing but later sets. Between commands all writes
have landed. Where a stream brings weights, a command reads none but the fresh ones. This knows only
what commands mean, not how they were made.
"""

from __future__ import annotations

import numpy as np

from codegen.errors import Problem, VerificationFailed
from codegen.ir.engine import LEVELS, WINDOW, Command, Kind, Shape, Walk
from codegen.ir.fixed_point import Int64s
from codegen.lower.rtl import Image
from codegen.verify.engine import ARGMAX_BYTES

BY_GROUP = (Kind.SOFTMAX, Kind.ARGMAX)
PORTS = (Kind.RECEIVE, Kind.SEND)


def check_collisions(image: Image) -> None:
    """Raise VerificationFailed for each command that may read a word while it writes it."""
    problems = [
        Problem(
            f"command {index} may read word {word} of the arena while it writes it",
            f"layer {owner}",
            "this is an error of codegen: please report it with the network",
        )
        for index, (command, owner) in enumerate(zip(image.commands, image.owners, strict=True))
        if command.kind not in PORTS and (word := find_collision(image.shape, command)) is not None
    ]
    problems += _stray_weights(image) if image.shape.ring else []
    if problems:
        raise VerificationFailed.collect(problems)


def _stray_weights(image: Image) -> list[Problem]:
    """Return a problem for each command whose weights are not held while it runs."""
    found, place = [], 0
    for index, command in enumerate(image.commands):
        first, last = command.weight.bounds(command.counts)
        held = place <= first and last < place + command.fresh <= place + image.shape.ring
        if command.kind is Kind.MAC and not held:
            found.append(
                Problem(
                    f"command {index} reads weights {first} to {last}, and {command.fresh} from"
                    f" {place} on are held",
                    hint="this is an error of codegen: please report it with the network",
                )
            )
        place += command.fresh
    return found


def find_collision(shape: Shape, command: Command) -> int | None:
    """Return a word that may be read and written at once; None if there is none."""
    if command.kind in BY_GROUP:
        shared = np.intersect1d(*_words_by_group(shape, command))
        return int(shared[0]) if len(shared) else None
    levels = [level for level in range(len(LEVELS)) if _moves(command, level)]
    read, _ = _reads(shape, command, levels)
    written, _ = _writes(shape, command)
    shared = np.intersect1d(read, written)
    if not len(shared):
        return None
    read, last = _reads(shape, command, list(range(len(LEVELS))))
    written, first = _writes(shape, command)
    return _late(read, last, written, first)


def _moves(command: Command, level: int) -> bool:
    """Another turn of a loop reads elsewhere; the innermost always may, for its last has a tail."""
    walks = [command.address, command.column, command.row]
    walks += [command.weight] if command.kind is Kind.ADD else []
    return level == 0 or any(walk.strides[level] for walk in walks)


def _late(read: Int64s, last: Int64s, written: Int64s, first: Int64s) -> int | None:
    """Return a word that a later set reads than the first that writes it."""
    size = int(max(read.max(), written.max())) + 1
    last_read, first_write = np.full(size, -1, np.int64), np.full(size, 2**62, np.int64)
    np.maximum.at(last_read, read, last)
    np.minimum.at(first_write, written, first)
    late = np.flatnonzero(last_read > first_write)
    return int(late[0]) if len(late) else None


def _reads(shape: Shape, command: Command, levels: list[int]) -> tuple[Int64s, Int64s]:
    """Return the words that hold counted bytes, and the result set that each is read for.

    Loops that are not in `levels` take their first turn alone.
    """
    counts = [n if level in levels else 1 for level, n in enumerate(command.counts)]
    column, row = _grid(command.column, counts), _grid(command.row, counts)
    address = _grid(command.address, counts)
    if command.kind is Kind.ADD:
        address = address.copy()
        address[..., 1] = _grid(command.weight, counts)[..., 1]
    sets = _sets(counts).reshape(*counts[:2:-1], 1, 1, 1)
    i = np.arange(shape.simd)
    at = column[..., None] + i
    counted = (at >= 0) & (at < command.row_bytes)
    counted &= ((row >= 0) & (row < command.rows))[..., None]
    if not command.slide:
        counted[..., -1, :] &= i < command.tail
    where = np.broadcast_to((address[..., None] + i) // shape.simd, counted.shape)[counted]
    return where, np.broadcast_to(sets[..., None], counted.shape)[counted]


def _writes(shape: Shape, command: Command) -> tuple[Int64s, Int64s]:
    """Return the words that are written, and the result set that writes each.

    In a slide a set is known by the column that completes it.
    """
    places = _grid(command.output, command.out_counts)[..., 0, 0, 0]
    channels = np.arange(command.results) * command.result_stride
    sets = _sets(command.counts).reshape(command.counts[:2:-1])
    if command.slide:
        sets = sets[..., command.prime :: command.phase + 1]
    blocks = np.arange(command.counts[5])[:, None, None, None]
    last = blocks == command.counts[5] - 1
    made = np.arange(command.results) < np.where(last, command.last_results, command.results)
    made = np.broadcast_to(made, (*places.shape, command.results))
    where = (places[..., None] + channels) // shape.simd
    return where[made], np.broadcast_to(sets[..., None], where.shape)[made]


def _sets(counts: list[int] | tuple[int, ...]) -> Int64s:
    """Return the number of each turn of the outer loops, in the order in which they run."""
    return np.arange(int(np.prod(counts[WINDOW:])), dtype=np.int64)


def _grid(walk: Walk, counts: list[int] | tuple[int, ...]) -> Int64s:
    """Return the number at each turn of all loops, the outermost first."""
    grid = np.asarray(walk.start, np.int64)
    for stride, count in zip(reversed(walk.strides), reversed(counts), strict=True):
        grid = grid[..., None] + np.arange(count, dtype=np.int64) * stride
    return grid


def _words_by_group(shape: Shape, command: Command) -> tuple[Int64s, Int64s]:
    """Return the words that groups are read from, and those of their results."""
    size = command.row_bytes if command.kind is Kind.SOFTMAX else ARGMAX_BYTES
    turns = np.arange(command.counts[WINDOW])[:, None]
    found = []
    for walk, count in ((command.address, command.row_bytes), (command.output, size)):
        places = walk.start + turns * walk.strides[WINDOW] + np.arange(count)
        found.append(places.ravel() // shape.simd)
    return found[0], found[1]
